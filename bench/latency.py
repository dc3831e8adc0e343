"""A relay before a server, which passes on what clients send after a while, as a network does.

    python -m bench.latency UPSTREAM SECONDS

Prints its own port. What the server answers is passed on at once, so a request takes so much
longer, however many are under way: a connection waits for itself alone.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast
from urllib.parse import urlsplit


class Upstream(asyncio.Protocol):
    """The server's side of a connection."""

    def __init__(self, client: asyncio.Transport) -> None:
        """Answers go to `client`."""
        self._client = client

    def data_received(self, data: bytes) -> None:
        """Pass an answer on."""
        self._client.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Hang up as the server does."""
        del error
        self._client.close()


class Client(asyncio.Protocol):
    """A client's side of a connection; what it sends before the other side is there waits."""

    def __init__(self, host: str, port: int, seconds: float) -> None:
        """Requests go to the server at `host` and `port`, so many seconds later."""
        self._to = host, port
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server."""
        client = cast("asyncio.Transport", transport)
        self._upstream = self._loop.create_task(
            self._loop.create_connection(lambda: Upstream(client), *self._to)
        )

    def data_received(self, data: bytes) -> None:
        """Pass a request on in a while."""
        self._loop.call_later(self._seconds, self._pass_on, data)

    def _pass_on(self, data: bytes) -> None:
        self._upstream.add_done_callback(lambda connected: connected.result()[0].write(data))

    def connection_lost(self, error: Exception | None) -> None:
        """Hang up as the client does."""
        del error
        self._upstream.add_done_callback(lambda connected: connected.result()[0].close())


async def serve(upstream: str, seconds: float) -> None:
    """Relay until the process ends."""
    where = urlsplit(upstream)
    host, port = str(where.hostname), int(where.port or 80)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(host, port, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], float(sys.argv[2])))
