"""S3 servers of our own, on free ports of 127.0.0.1: SeaweedFS and moto."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tests import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SERVICES = ("s3", "master", "filer", "volume", "admin")


@contextmanager
def seaweedfs(folder: Path, secrets: Mapping[str, str]) -> Iterator[str]:
    """Run SeaweedFS with its data in `folder`; yield its S3 endpoint.

    `secrets` are those of access keys, each of somebody else who may do everything.
    """
    identities = [
        {
            "name": access_key,
            "actions": ["Admin", "Read", "Write", "List"],
            "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        }
        for access_key, secret_key in secrets.items()
    ]
    settings = folder / "s3.json"
    settings.write_text(json.dumps({"identities": identities}))
    ports = free_ports(2 * len(SERVICES))
    command = [
        _program("weed"),
        "mini",
        f"-dir={folder}",
        f"-s3.config={settings}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-master.telemetry=false",
        "-webdav=false",
        "-admin.ui=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        *(f"-{name}.port={port}" for name, port in zip(SERVICES, ports, strict=False)),
        *(f"-{name}.port.grpc={port}" for name, port in zip(SERVICES, ports[5:], strict=True)),
    ]
    with _running(command, folder, ports[0]) as endpoint:
        yield endpoint


@contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """Run moto with its log in `folder`; yield its endpoint, of S3 and of STS."""
    (port,) = free_ports(1)
    command = [_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder, port) as endpoint:
        yield endpoint


def _program(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f"{name} is not installed"
    return found


def free_ports(count: int) -> Sequence[int]:
    """Return ports that nobody listens on, all different.

    They are below those that the system gives to outgoing connections, which could take
    them before the server does, and out of a hundred that a process of tests which runs beside
    this one does not draw from: their ids follow on one another.
    """
    first = 10_000 + 100 * (os.getpid() % 220)
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(first, first + 100)
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            ports += [port] if port not in ports else []
    return ports


@contextmanager
def _running(command: Sequence[str], folder: Path, port: int) -> Iterator[str]:
    """Run a server until it is left, or until this process is gone; its log lies in `folder`."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with (
        folder.joinpath("log").open("wb") as log,
        subprocess.Popen(
            [*_ends_with_this_process(), *command],
            cwd=folder,
            env=settings | {"HOME": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            while process.poll() is None and not _listens(port):
                time.sleep(0.05)
            assert process.poll() is None, folder.joinpath("log").read_text(errors="replace")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()  # its data goes with it


def _ends_with_this_process() -> tuple[str, ...]:
    """Return what to put before a command, so that who kills the tests leaves no server behind."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def wait_for(ready: Callable[[], object]) -> None:
    """Return once `ready` raises nothing; raise what it raised last when that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            ready()
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
