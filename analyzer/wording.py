"""Numbers as people say them."""

from __future__ import annotations

CENT = 0.01

_GIGABYTE, _MEGABYTE = 1_000_000_000, 1_000_000
_HOUR, _MINUTE = 3_600, 60


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return `1 digest`, `2 digests`; `many` is for what does not take an s at its end."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def sized(count: float) -> str:
    """Return bytes as people say them."""
    if count >= _GIGABYTE:
        return f"{count / _GIGABYTE:,.1f} GB"
    return f"{count / _MEGABYTE:,.1f} MB"


def lasting(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:,.1f} hours"
    return f"{seconds / _MINUTE:,.1f} minutes" if seconds >= _MINUTE else f"{seconds:,.1f} seconds"


def dollars(amount: float) -> str:
    """Return a price, with as many digits as it takes to say that it is not nothing."""
    return f"${amount:,.2f}" if amount >= CENT or amount == 0 else f"${amount:.6f}".rstrip("0")
