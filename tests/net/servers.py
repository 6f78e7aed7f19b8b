"""A server on loopback that answers in any way a server can, or not at all.

    with Server(drip_headers()) as server: ask(server.url)

A single behaviour serves every request; of several, each serves one request, and the last one all that follow.
A behaviour gets the connection after the request was read, and returns whether to keep it open.
"""

import contextlib
import gzip
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

LIMIT_S = 30.0  # no behaviour goes on for longer


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int  # the how manieth

    @property
    def form(self):
        """Returns the fields of the body, or of the query of a GET."""
        text = self.body.decode() if self.body else urlsplit(self.target).query
        return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


@dataclass
class Connection:
    sock: socket.socket
    server: "Server"
    number: int
    unread: bytes = b""

    def read_request(self):
        """Returns the next request, None at the end of the connection."""
        while b"\r\n\r\n" not in self.unread:
            if not self._receive():
                return None
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self.unread) < length:
            if not self._receive():
                return None
        body, self.unread = self.unread[:length], self.unread[length:]
        return Request(method, target, headers, body, self.number)

    def _receive(self):
        piece = self.sock.recv(65_536)
        self.unread += piece
        return piece

    def send(self, data):
        self.sock.sendall(data)

    def drip(self, data, every_s=0.02):
        """Sends `data` byte by byte, until the client hangs up or the server stops."""
        for byte in data:
            self.send(bytes([byte]))
            if self.server.stopping.wait(every_s):
                return


Behaviour = Callable[[Connection, Request], bool]


@dataclass
class Server:
    behaviours: tuple[Behaviour, ...]
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __init__(self, *behaviours, tls=None, greet=None):
        """tls: (certificate, key) files. greet: gets each socket first; when it returns False the connection ends."""
        self.behaviours, self.requests, self.connections = behaviours, [], 0
        self.stopping = threading.Event()
        self._greet = greet or (lambda server, sock: True)
        self._tls = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self._lock = threading.Lock()
        self._open = set()

    @property
    def url(self):
        return f"{'https' if self._tls else 'http'}://{self.address}/api/v2"

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        # A close alone does not wake a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True).start()

    def _serve(self, sock, number):
        with contextlib.suppress(OSError), self._tracked(sock):
            if not self._greet(self, sock):
                return
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            connection = Connection(sock, self, number)
            with sock:
                while (request := connection.read_request()) and self._behaviour(request)(connection, request):
                    pass

    @contextlib.contextmanager
    def _tracked(self, sock):
        with self._lock:
            self._open.add(sock)
        try:
            with sock:
                yield
        finally:
            with self._lock:
                self._open.discard(sock)

    def _behaviour(self, request):
        with self._lock:
            self.requests.append(request)
            return self.behaviours[min(len(self.requests), len(self.behaviours)) - 1]


def head(length, code=200, **headers):
    """Returns a status line and headers; `a_b` is the header `a-b`. length None: the body ends with the connection."""
    lines = [f"HTTP/1.1 {code} Whatever", "Content-Type: application/json"]
    lines += [] if length is None else [f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(body=b"{}", code=200, **headers):
    """Sends a proper answer."""
    body = body.encode() if isinstance(body, str) else body

    def behave(connection, request):
        connection.send(head(len(body), code, **headers) + body)
        return True

    return behave


def raw(data, keep=False):
    """Sends exactly these bytes, and closes the connection unless it is kept."""

    def behave(connection, request):
        connection.send(data)
        return keep

    return behave


def redirect(location, code=302):
    return answer(b"moved", code, Location=location)


def garbage():
    return raw(b"SSH-2.0-OpenSSH_9.2\r\n\x00\xff nothing of HTTP\r\n\r\n")


def chunked(*pieces):
    data = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return raw(head(None, Transfer_Encoding="chunked") + data, keep=True)


def drip_headers():
    def behave(connection, request):
        connection.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000)
        return False

    return behave


def drip_body(code=200, start=b"", every_s=0.02):
    """Sends headers and `start` at once, then a byte now and then, without end."""

    def behave(connection, request):
        connection.send(head(10_000_000, code) + start)
        connection.drip(b"x" * 10_000, every_s)
        return False

    return behave


def endless_body(code=200, piece=b"x" * 65_536, **headers):
    def behave(connection, request):
        connection.send(head(None, code, **headers))
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until and not connection.server.stopping.is_set():
            connection.send(piece)
        return False

    return behave


def hang():
    def behave(connection, request):
        connection.server.stopping.wait(LIMIT_S)
        return False

    return behave


def close():
    """An empty reply."""
    return lambda connection, request: False


def reset():
    def behave(connection, request):
        # Lingering for no time turns the close into a RST.
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    return behave


def short_body():
    """Announces a longer body than it sends."""
    return raw(head(1_000) + b'{"a": 1')


def interim(*codes, then):
    """Sends answers that are not the last one, and then that one."""
    first = b"".join(b"HTTP/1.1 %d Wait\r\nLink: </x>; rel=preload\r\n\r\n" % code for code in codes)

    def behave(connection, request):
        connection.send(first)
        return then(connection, request)

    return behave


# Successful answers (2xx) whose body cannot be read.
BROKEN_BODIES = {
    "short": short_body(),
    "cut chunk": raw(head(None, Transfer_Encoding="chunked") + b"5\r\nab"),
    "no chunk": raw(head(None, Transfer_Encoding="chunked") + b"zz\r\nab"),
    "no last chunk": raw(head(None, Transfer_Encoding="chunked") + b"2\r\nok\r\n"),
    "not gzip": answer(b"not packed at all", Content_Encoding="gzip"),
    "not deflate": answer(b"\xffnot packed at all", Content_Encoding="deflate"),
    "cut gzip": answer(gzip.compress(b"abc" * 9_000)[:20], Content_Encoding="gzip", Content_Length="9000"),
    "100 header lines": raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\nok"),
    "a long header line": raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\nok"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
}


def gzip_bomb(megabytes):
    packed = gzip.compress(bytes(megabytes * 1_000_000), 9)
    return raw(head(len(packed), Content_Encoding="gzip") + packed)


def never_read(server, sock):
    """A greeting that sends nothing and reads nothing."""
    server.stopping.wait(LIMIT_S)


def no_tls(server, sock):
    """A greeting that sends plain HTTP before any request."""
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def tunnel():
    """Acts like a proxy on CONNECT."""

    def behave(connection, request):
        host, _, port = request.target.partition(":")
        with socket.create_connection((host, int(port))) as onward:
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(onward, connection.sock), daemon=True)
            back.start()
            _pump(connection.sock, onward)
            back.join()
        return False

    return behave


def _pump(source, sink):
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


def unused_port():
    """Returns a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
