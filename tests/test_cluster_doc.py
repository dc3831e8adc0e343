"""What docs/cluster.md and the Containerfile name is there, and is what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import distributed  # noqa: F401 (its settings are there once it is)
import pytest
import yaml

from analyzer.cli import app
from analyzer.executors import KEEP_MEMORY
from bench.dask_cluster import LOOK_RARELY

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def manifests() -> dict[str, dict[str, Any]]:
    (text,) = blocks("yaml")
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def job_definition() -> dict[str, Any]:
    (text,) = blocks("json")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def driver_arguments() -> list[list[str]]:
    (driver,) = manifests()["Job"]["spec"]["template"]["spec"]["containers"]
    shell = [line.split()[1:] for line in "\n".join(blocks("sh")).splitlines()]
    typed = [words for words in shell if words[:1] == ["ingest"]]
    return [driver["args"], job_definition()["containerProperties"]["command"], *typed]


@pytest.mark.parametrize("number", range(4))
def test_the_ingests_that_it_shows_can_be_parsed(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "0")
    arguments = driver_arguments()

    app.parse_args(arguments[number], exit_on_error=False, print_error=False)

    assert len(arguments) == 4


def test_the_size_of_the_array_is_the_number_of_shards() -> None:
    (size,) = re.findall(r"--array-properties size=(\d+)", TEXT)

    assert f"--shard=auto/{size}" in job_definition()["containerProperties"]["command"]


def test_the_driver_asks_the_scheduler_of_the_cluster() -> None:
    cluster = manifests()["DaskCluster"]
    (port,) = (
        each["port"]
        for each in cluster["spec"]["scheduler"]["service"]["ports"]
        if each["name"] == "tcp-comm"
    )
    address = f"tcp://{cluster['metadata']['name']}-scheduler:{port}"

    assert f"--scheduler={address}" in driver_arguments()[0]


def test_the_python_that_it_shows_is_python() -> None:
    for text in blocks("python"):
        compile(text, "docs/cluster.md", "exec")


def test_the_image_copies_what_is_there_and_takes_its_base_by_a_plain_name() -> None:
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE)
        for name in line.split()
    ]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert "requirements-dask.lock" in copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [name for name in copied if f"!{name}" not in ignored] == []
    assert set(re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)) == {"python:3.13-slim"}


def test_the_image_runs_as_a_number_that_is_not_root_and_stops_by_ctrl_c() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", CONTAINERFILE, re.MULTILINE)

    assert f"--uid {user} " in CONTAINERFILE
    assert int(user) > 0
    assert "\nSTOPSIGNAL SIGINT\n" in CONTAINERFILE


def test_the_page_the_image_and_the_bench_set_the_same_variables() -> None:
    lines = re.findall(r"^export (.*)$", "\n".join(blocks("sh")), re.MULTILINE)
    exported = dict(word.split("=") for line in lines for word in line.split())
    of_image = re.findall(r"^(?:ENV|   ) (\w+)=(\S+)", CONTAINERFILE, re.MULTILINE)

    assert exported == {**KEEP_MEMORY, **LOOK_RARELY}
    assert {name: value for name, value in of_image if name != "PATH"} == exported


def test_dask_knows_the_settings_by_those_names() -> None:
    known = paths_in(dask.config.get("distributed"), ("distributed",))

    set_by_them = dask.config.collect_env(LOOK_RARELY)

    assert set(paths_in(set_by_them["distributed"], ("distributed",))) <= set(known)
    assert len(list(paths_in(set_by_them, ()))) == len(LOOK_RARELY)


def paths_in(settings: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 (Dask's)
    """Yield the path to each setting in a tree of them."""
    if not isinstance(settings, dict):
        yield above
        return
    for name, value in settings.items():
        yield from paths_in(value, (*above, name.replace("_", "-")))


def test_the_image_is_built_by_the_target_that_is_shown() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert re.findall(r"^make (\S+)$", "\n".join(blocks("sh")), re.MULTILINE) == ["image"]
    assert re.search(r"^image:.*\n.*\n.* build .*-f Containerfile", makefile, re.MULTILINE)


def test_the_image_has_the_versions_that_are_tested() -> None:
    of_image, of_tests, of_program = (
        locked(f"requirements{name}.lock") for name in ("-dask", "-dev", "")
    )

    assert "distributed" in of_image
    assert of_program.keys() <= of_image.keys()
    assert {name: of_tests[name] for name in of_image} == of_image


def locked(name: str) -> dict[str, str]:
    """Return the version and the hashes of each package of a lock file, by its name."""
    text = re.sub(r" ; .*?(?= \\\n)", "", (ROOT / name).read_text(encoding="utf-8"))
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    return {entry.partition("==")[0]: entry for entry in entries}
