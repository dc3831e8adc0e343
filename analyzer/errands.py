"""What a listing still has to do: each errand is one request to the store, or a few.

They are plain values, so that what is left of a listing can be written down.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from analyzer.store import Stretch  # noqa: TC001 (msgspec reads it)


class Look(msgspec.Struct, frozen=True, tag=True):
    """Look through a folder on the way to the Regions."""

    prefix: str


class Flat(msgspec.Struct, frozen=True, tag=True):
    """Look for objects that lie right in a Region's folder, as in a flattened copy."""

    prefix: str


class Turn(msgspec.Struct, frozen=True, tag=True):
    """Turn the next page of a Region."""

    stretch: Stretch


class Split(msgspec.Struct, frozen=True, tag=True):
    """Go on with a Region, or a year of it, folder by folder: one list would be too long."""

    stretch: Stretch


Errand: TypeAlias = Look | Flat | Turn | Split
