"""docs/explore.ipynb runs on a lake of the fixture archive, and shows what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
from nbclient import NotebookClient

from tests import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def outputs(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what the cells show, one text for each cell of code."""
    return [
        "".join(
            shown.get("text") or shown.data.get("image/svg+xml") or shown.data["text/plain"]
            for shown in cell.outputs
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_the_notebook_shows_what_stands_in_it(
    repository: Path, archive_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = repository / "docs"
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))  # with no history and no start-up files
    monkeypatch.setenv("TLSTRAIL_LAKE", str(archive_lake))
    notebook = nbformat.read(docs / "explore.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    stored = outputs(notebook)

    client = NotebookClient(
        notebook,
        timeout=int(PATIENCE),
        startup_timeout=int(PATIENCE),
        resources={"metadata": {"path": str(docs)}},
    )
    client.execute()

    records, verdict, chart, clients, buckets = outputs(notebook)
    assert (records, verdict, clients, buckets) == (stored[0], stored[1], stored[3], stored[4])
    assert chart.startswith("<svg")
    assert "TLSv1.1" in chart
