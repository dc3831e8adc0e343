"""Compiles analyzer/*.c when the package is built, and when a checkout is installed.

Any C compiler does: `cc`, what the variable CC names, or else the one in the package ziglang,
which pip fetches by itself where it may.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OPTIONS = ["-std=c11", "-O3", "-shared", "-fvisibility=hidden"]


class CompileFlatten(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the compiled analyzer/*.c to the wheel, and to the checkout in an editable install."""

    def dependencies(self) -> list[str]:
        """Return what else pip must fetch to build."""
        return [] if _installed_compiler() else ["ziglang"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile, and say that the wheel is for this platform alone."""
        folder = Path(self.root, "analyzer")
        name = "libflatten.dll" if sys.platform == "win32" else "libflatten.so"
        files = [*map(str, sorted(folder.glob("*.c"))), "-o", str(folder / name)]
        position_independent = [] if sys.platform == "win32" else ["-fPIC"]
        command = [*_compiler(), *OPTIONS, *position_independent, *files]
        try:
            subprocess.run(command, check=True)  # noqa: S603 (our own command)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"analyzer/*.c could not be compiled: {error}") from error
        build_data["artifacts"].append(f"/analyzer/{name}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


def _installed_compiler() -> list[str]:
    """Return the command of a compiler that is there already; empty where none is."""
    if named := os.environ.get("CC"):
        return shlex.split(named)
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    return [found] if found else []


def _compiler() -> list[str]:
    """Return the command of a C compiler."""
    if installed := _installed_compiler():
        return installed
    if find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    raise SystemExit("a C compiler is needed: install gcc or clang, or the package ziglang")
