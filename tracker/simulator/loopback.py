"""A small HTTP/1.1 server on 127.0.0.1 whose answers can be as broken as a test wants them."""

import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit

BODY_MAX = 16 * 2**20
_CHECK_S = 0.02  # how often a waiting thread checks whether it should stop


@dataclass(slots=True)
class LoopbackReply:
    """One HTTP answer, before it is turned into bytes. interim: status codes of answers that go before it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    interim: tuple[int, ...] = ()

    def head(self, length: int | None = None) -> bytes:
        """Status line and headers. length: a false Content-Length; None for the true one."""
        first = "".join(f"HTTP/1.1 {code} {_PHRASES[code]}\r\n\r\n" for code in self.interim)
        lines = [f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        return (first + "\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class Exchange:
    """One request, and the means to answer it well or badly.

    arrival: monotonic seconds.
    connection: a number that the requests of one connection share.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    arrival: float
    connection: int
    _handler: "_Handler"

    def send(self, reply: LoopbackReply) -> bool:
        """Sends the whole answer; returns True when the client was still connected."""
        return self.write(reply.head() + reply.body)

    def write(self, data: bytes) -> bool:
        """Sends these bytes; returns False when the client is gone."""
        if self.peer_gone():
            self.hang_up()
            return False
        try:
            self._handler.connection.sendall(data)
        except OSError:
            self.hang_up()
            return False
        return True

    def peer_gone(self) -> bool:
        """Returns True when the client has closed its side; no client of this API half-closes a connection."""
        try:
            waiting: bytes = self._handler.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return waiting == b""

    def hang_up(self) -> None:
        """Closes the connection in the normal way after this exchange."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """Closes the connection at once, with a RST instead of a FIN."""
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # The file for reading keeps the socket open until it is closed too.
        self._handler.rfile.close()
        self._handler.connection.close()
        self.hang_up()

    def linger(self, for_s: float) -> bool:
        """Does nothing for `for_s` seconds; returns False as soon as the client is gone or the server stops."""
        until = time.monotonic() + for_s
        stopping = self._handler.server.stopping
        while (left := until - time.monotonic()) > 0:
            if stopping.wait(min(left, _CHECK_S)) or self.peer_gone():
                return False
        return True


Respond = Callable[[Exchange], Any]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "LoopbackServer"
    arrival = 0.0
    serial = 0

    def setup(self) -> None:
        super().setup()
        self.serial = next(self.server.serials)

    def parse_request(self) -> bool:
        self.arrival = time.monotonic()
        return super().parse_request()

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > BODY_MAX:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True  # the client left in the middle of its request
            return
        assert self.command is not None
        self.server.respond(Exchange(self.command, url.path, url.query, headers, body, self.arrival, self.serial, self))

    do_GET = do_POST  # noqa: N815 - the name http.server looks for

    def log_message(self, format: str, *args: Any) -> None:
        """Writes nothing to stderr: the audit has every call."""


class LoopbackServer(ThreadingHTTPServer):
    """Calls `respond` for every request, in a thread for each connection. Binds at once, serves after start()."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, respond: Respond, port: int = 0) -> None:
        self.respond = respond
        self.stopping = threading.Event()
        self.serials = count(1)
        self._open: set[socket.socket] = set()
        self._idle = threading.Condition()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self._accept, name="simulator", daemon=True)

    def server_bind(self) -> None:
        """Binds without HTTPServer's reverse look-up of the host's name, which can take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def port(self) -> int:
        return self.server_port

    def start(self) -> None:
        self._thread.start()

    def _accept(self) -> None:
        # Not serve_forever(): it polls, and a test that stops many panels would wait for each poll.
        while not self.stopping.is_set():
            try:
                request, address = self.get_request()
            except OSError:
                self.stopping.wait(_CHECK_S)
                continue
            self.process_request(request, address)

    def stop(self, patience_s: float = 5.0) -> None:
        """Stops accepting, wakes threads that hang, cuts every connection, and waits for the threads to end."""
        self.stopping.set()
        if self._thread.is_alive():
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()  # wakes accept()
            self._thread.join(patience_s)
        self.server_close()
        with self._idle:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._idle.wait_for(lambda: not self._open, patience_s)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._idle:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._idle:
            self._open.discard(request)
            self._idle.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Reports any error but a lost connection, which tests cause on purpose."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
