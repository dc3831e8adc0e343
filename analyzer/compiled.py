"""The compiled part, analyzer/*.c, which lies beside this file once the package is built."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path

LIBRARY = "libflatten.dll" if sys.platform == "win32" else "libflatten.so"

_ADDRESS = ctypes.c_void_p
_COUNT = ctypes.c_int64

# What each function returns, and takes.
_FUNCTIONS = {
    "tlstrail_new": (
        _ADDRESS,
        (_ADDRESS, ctypes.c_int32, _ADDRESS, ctypes.c_int32, ctypes.c_int32, ctypes.c_uint64),
    ),
    "tlstrail_take": (_COUNT, (_ADDRESS, _ADDRESS, _COUNT, _ADDRESS, _COUNT, _ADDRESS)),
    "tlstrail_finish": (_COUNT, (_ADDRESS, _ADDRESS)),
    "tlstrail_clear": (_COUNT, (_ADDRESS,)),
    "tlstrail_free": (None, (_ADDRESS,)),
    "tlstrail_repeated": (_COUNT, (_ADDRESS, _COUNT, _ADDRESS, _ADDRESS)),
}


@cache
def library() -> ctypes.CDLL:
    """Return the library. Its calls let other threads run."""
    loaded = ctypes.CDLL(str(Path(__file__).parent / LIBRARY))
    for name, (returned, taken) in _FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = returned, taken
    return loaded
