"""CloudTrail's public keys: asked of AWS once, and kept in a file for the time without it.

The file is what `aws cloudtrail list-public-keys` prints, so its output will do as well;
the Region, which that leaves out, is only told to people.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

import msgspec

from analyzer.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from analyzer.store import S3Access


class PublicKey(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """A key that CloudTrail signed digests with, as ListPublicKeys describes it."""

    value: str
    """Base64 of DER: PKCS#1's RSAPublicKey, or SubjectPublicKeyInfo."""
    fingerprint: str
    validity_start_time: str | float | None = None
    validity_end_time: str | float | None = None
    region: str | None = None


class _KeyFile(msgspec.Struct, frozen=True, rename="pascal"):
    public_key_list: tuple[PublicKey, ...]


def read_keys(path: Path) -> tuple[PublicKey, ...]:
    """Return the keys in a file. Raises `UsageError` for a file that is none of keys."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_KeyFile).public_key_list
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{path}: is no file of public keys ({error}); make one with --save-keys, or with: "
            "aws cloudtrail list-public-keys --start-time … --region …"
        ) from error


def save_keys(path: Path, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    """Add keys to those in a file, and return them all: AWS need not keep old ones for ever."""
    known = read_keys(path) if path.exists() else ()
    merged = {(key.region, key.fingerprint): key for key in (*known, *keys)}
    kept = tuple(merged[name] for name in sorted(merged, key=str))
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(_KeyFile(kept)), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
    return kept


def fetch_keys(
    access: S3Access, regions: Sequence[str], since: datetime, until: datetime
) -> list[PublicKey]:
    """Ask CloudTrail in each Region for the keys that were in use in a time.

    Raises `StoreError` where a Region does not answer.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 (takes 0.4 s)

    from analyzer.s3_connection import session_of  # noqa: PLC0415 (as above)

    session = None
    found: list[PublicKey] = []
    for region in regions:
        try:
            session = session or session_of(access)
            client = session.client("cloudtrail", region_name=region)
            pages = client.get_paginator("list_public_keys").paginate(
                StartTime=since, EndTime=until
            )
            found += [_described(key, region) for page in pages for key in page["PublicKeyList"]]
        except (BotoCoreError, ClientError) as error:
            raise StoreError(
                f"CloudTrail in {region} gave no public keys: {' '.join(str(error).split())}; the "
                "credentials need cloudtrail:ListPublicKeys, and --region narrows down the Regions"
            ) from error
    return found


def _described(key: Mapping[str, Any], region: str) -> PublicKey:
    return PublicKey(
        value=base64.b64encode(key["Value"]).decode(),
        fingerprint=key["Fingerprint"],
        validity_start_time=_text(key.get("ValidityStartTime")),
        validity_end_time=_text(key.get("ValidityEndTime")),
        region=region,
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
