from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from analyzer.own_process import LEFT_OUT

if TYPE_CHECKING:
    from pathlib import Path

IN_A_WORKER = """
import sys
from importlib import import_module
from analyzer.executors import lanes
with lanes(2) as workers:
    workers[0].submit(import_module, sys.argv[1]).result()
"""


@pytest.mark.parametrize("name", LEFT_OUT)
def test_the_command_and_its_workers_import_no_frames(
    name: str, archive: Path, tmp_path: Path
) -> None:
    imported = tmp_path / "imported"
    package = tmp_path / "packages" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        f"open({str(imported)!r}, 'a').close()\n__version__ = '3.1.1'\n", encoding="utf-8"
    )
    where = os.environ | {"PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-m", "analyzer", "ingest", str(archive)]

    done = subprocess.run(
        [*command, "--lake", str(tmp_path / "lake"), "--workers", "2"],
        env=where,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode in {0, 4}, done.stderr
    assert not imported.exists()


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_worker_does_without_frames(name: str, repository: Path) -> None:
    # As a process: in this one the workers may be forks of a server that Dask has started.
    done = subprocess.run(
        [sys.executable, "-c", IN_A_WORKER, name],
        env=os.environ | {"PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"ModuleNotFoundError: {name} is left out of this process" in done.stderr
    assert done.returncode == 1
