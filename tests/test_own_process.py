from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from analyzer.executors import lanes

if TYPE_CHECKING:
    from pathlib import Path


def test_the_command_does_not_import_pandas(archive: Path, tmp_path: Path) -> None:
    imported = tmp_path / "imported"
    package = tmp_path / "packages" / "pandas"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        f"open({str(imported)!r}, 'a').close()\n__version__ = '3.1.1'\n", encoding="utf-8"
    )
    where = os.environ | {"PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-m", "analyzer", "ingest", str(archive)]

    done = subprocess.run(
        [*command, "--lake", str(tmp_path / "lake")],
        env=where,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode in {0, 4}, done.stderr
    assert not imported.exists()


def test_a_worker_does_without_pandas() -> None:
    with (
        lanes(2) as workers,
        pytest.raises(ModuleNotFoundError, match="pandas is left out of this process"),
    ):
        workers[0].submit(import_module, "pandas").result()
