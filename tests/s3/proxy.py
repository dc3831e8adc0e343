"""An HTTP proxy before an S3 server: counts what is asked for, and answers some of it itself.

The requests are passed on as they are, Host header included, so signatures stay valid.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for."""

    method: str
    target: str
    """Path and query as they were sent."""
    headers: Mapping[str, str]

    @property
    def query(self) -> dict[str, str]:
        """The query's fields."""
        fields = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[0] for name, values in fields.items()}

    @property
    def key(self) -> str:
        """The object's key; empty for the bucket itself."""
        return unquote(urlsplit(self.target).path).lstrip("/").partition("/")[2]

    def header(self, name: str) -> str | None:
        """Return a header, however it was capitalised."""
        return next((self.headers[own] for own in self.headers if own.lower() == name), None)

    @property
    def authorization(self) -> str:
        """The signature, which names the access key."""
        return self.header("authorization") or ""

    @property
    def verb(self) -> str:
        """LIST, or the method."""
        return "LIST" if "list-type" in self.query else self.method


@dataclass(frozen=True, slots=True)
class Answer:
    """What the proxy says instead of the server."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Hang up after so many bytes of the body."""
    reset: bool = False
    """Reset the connection instead of answering."""
    stall: float = 0
    """Send the headers and half of the body, then nothing for so many seconds."""
    claimed: int | None = None
    """What Content-Length says, whatever the body's length."""


def refusal(status: int, code: str, extra: str = "") -> Answer:
    """Return an error as S3 words it."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>made up by the test</Message>{extra}"
        "<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    )
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


class Proxy:
    """What passed through, and the rules that answer in the server's place."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.requests: list[Request] = []
        self.forms: list[bytes] = []
        """What was posted."""
        self.rules: list[Callable[[Request], Answer | None]] = []
        self.changes: list[tuple[str, bytes, bytes]] = []
        self.losses: list[Callable[[Request], Answer | None]] = []
        self.faults: Counter[str] = Counter()
        """How many requests of each verb `disturb` has answered."""
        self._once = threading.Lock()

    def of(self, verb: str) -> list[Request]:
        """Return the requests of one verb."""
        return [request for request in self.requests if request.verb == verb]

    def counts(self) -> Counter[str]:
        """Return how many requests there were of each verb."""
        return Counter(request.verb for request in self.requests)

    def forget(self) -> None:
        """Count from here on."""
        self.requests.clear()

    def answer(self, verb: str, key_part: str, answer: Answer, *, times: int | None = None) -> None:
        """Answer so whenever `verb` asks for a key with `key_part` in it, or so many times."""
        left = iter(range(times)) if times is not None else count()

        def rule(request: Request) -> Answer | None:
            asked = request.verb == verb and key_part in request.key
            return answer if asked and next(left, None) is not None else None

        self.rules.append(rule)

    def disturb(self, faults: Sequence[Answer], one_in: int) -> None:
        """Answer one request in `one_in` with the next of the faults, whatever is asked for."""
        numbers, lock = count(1), threading.Lock()

        def rule(request: Request) -> Answer | None:
            with lock:
                number = next(numbers)
            if number % one_in:
                return None
            fault = faults[number // one_in % len(faults)]
            self.faults[request.verb] += 1
            return fault

        self.rules.append(rule)

    def before(self, verb: str, change: Callable[[], None]) -> None:
        """Let something happen once, before the first request of `verb` is passed on."""
        left = iter(range(1))

        def rule(request: Request) -> None:
            with self._once:
                if request.verb == verb and next(left, None) is not None:
                    change()

        self.rules.append(rule)

    def replace(self, verb: str, old: bytes, new: bytes) -> None:
        """Change what the server answers to `verb`."""
        self.changes.append((verb, old, new))

    def lose(self, verb: str, key_part: str, instead: Answer, *, times: int = 1) -> None:
        """Pass requests on, and give another answer than the server's, so many times."""
        left = iter(range(times))

        def loss(request: Request) -> Answer | None:
            asked = request.verb == verb and key_part in request.key
            return instead if asked and next(left, None) is not None else None

        self.losses.append(loss)

    def own_answer(self, request: Request) -> Answer | None:
        """Return what the first rule that knows an answer says."""
        self.requests.append(request)
        answers = (rule(request) for rule in self.rules)
        return next((answer for answer in answers if answer is not None), None)

    def changed(self, request: Request, answer: Answer) -> Answer:
        """Return the server's answer with what is to be replaced in it, or what is lost of it."""
        lost = (loss(request) for loss in self.losses)
        answer = next((instead for instead in lost if instead is not None), answer)
        body = answer.body
        for verb, old, new in self.changes:
            body = body.replace(old, new) if verb == request.verb else body
        return replace(answer, body=body)


@contextmanager
def proxy_before(upstream: str, certificate: Path | None = None) -> Iterator[Proxy]:
    """Yield a proxy before the server at `upstream`; with a certificate and key it speaks TLS."""
    server = _Server(upstream)
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.proxy.endpoint = server.proxy.endpoint.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream).netloc
        self.proxy = Proxy(f"http://127.0.0.1:{self.server_port}")
        self.ending = threading.Event()
        self._connections: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the parent's)
        """Handle a connection, and remember it meanwhile."""
        self._connections.add(request)
        super().finish_request(request, client_address)
        self._connections.discard(request)

    def hang_up(self) -> None:
        """Close what clients keep open."""
        self.ending.set()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is none of ours to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet, or the client waits 40 ms for the second
    server: _Server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, dict(self.headers.items()))
        proxy = self.server.proxy
        if self.command == "POST":
            proxy.forms.append(body)
        own = proxy.own_answer(request)
        self._send(own or proxy.changed(request, self._passed_on(request, body)))

    def _passed_on(self, request: Request, body: bytes) -> Answer:
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=PATIENCE)
        try:
            upstream.putrequest(
                request.method, request.target, skip_host=True, skip_accept_encoding=True
            )
            for name, value in request.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body or None)
            response = upstream.getresponse()
            kept = {
                name: value
                for name, value in response.getheaders()
                if name.lower() not in {"transfer-encoding", "connection", "date", "server"}
            }
            return Answer(response.status, response.read(), kept)
        finally:
            upstream.close()

    def _send(self, answer: Answer) -> None:
        if answer.reset:
            self._reset()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
        claimed = len(answer.body) if answer.claimed is None else answer.claimed
        self.send_header("Content-Length", length or str(claimed))
        self.end_headers()
        if answer.stall:
            half = len(answer.body) // 2
            self.wfile.write(answer.body[:half])
            self.wfile.flush()
            self.server.ending.wait(answer.stall)
        elif self.command != "HEAD":
            self.wfile.write(answer.body[: answer.cut_after])
        whole = answer.cut_after is None and answer.claimed is None and not answer.stall
        self.close_connection = not whole

    def _reset(self) -> None:
        """Close without a word, and without the end of the stream that a client could wait for."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the parent's name)
        """The requests are kept, not logged."""

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 (the parent's names)
