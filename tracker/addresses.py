"""From the name of a host to a connection that knows when to give up.

A socket's own timeout starts anew with every read, so a peer that sends a byte now and then is never
late. The sockets here look before every read and write at one deadline, that of the call their
thread is in: it spans connecting, TLS, sending, headers and body.

`resolve` finds the addresses and `dial` connects to those very ones, with no second lookup between.
"""

import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tracker import clock

# What is handed to a slow reader at once, before the deadline is looked at again.
_PIECE = 16_384

# (family, socket address), as getaddrinfo and connect write it.
Address = tuple[socket.AddressFamily, tuple[Any, ...]]


class _Call(threading.local):
    """The call a thread is in; it makes one at a time, from beginning to end.

    sent: the request may have reached the other side. fresh: kept connections are not to be used.
    address: the one dialled, or the last one tried.
    """

    deadline: float = float("inf")
    fresh: bool = False
    sent: bool = False
    address: str = ""

    def begin(self, deadline: float, *, fresh: bool) -> None:
        self.deadline, self.fresh, self.sent, self.address = deadline, fresh, False, ""

    def left_s(self) -> float:
        """Seconds left, always above zero. TimeoutError when there are none."""
        left = self.deadline - clock.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


call = _Call()


class BoundedSocket(socket.socket):
    """A socket on which nothing outlasts the deadline of the thread that uses it."""

    def recv_into(self, *args: Any) -> int:
        self.settimeout(call.left_s())
        return super().recv_into(*args)

    def recv(self, *args: Any) -> bytes:
        self.settimeout(call.left_s())
        return super().recv(*args)

    def sendall(self, data: Any, flags: int = 0) -> None:
        # In pieces, because over TLS `sendall` is many sends, each of which may take the whole timeout.
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            self.settimeout(call.left_s())
            super().sendall(view[start : start + _PIECE], flags)


class BoundedTLSSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS. Its handshake is bounded too: it inherits the timeout that `dial` left."""


def resolve(host: str, port: int) -> list[Address]:
    """Every address of `host`, in the order to try them. socket.gaierror when there is none.

    Blocks for as long as the system's resolver does.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
    return [(family, place) for family, _, _, _, place in found]


def dial(found: Sequence[Address], options: Sequence[tuple[Any, ...]] = ()) -> BoundedSocket:
    """Connect to the first of the addresses that answers. The last one's OSError when none does.

    Each gets its share of the time that is left: one that swallows packets must not cost the others.
    """
    failure = OSError("no address to connect to")
    for tried, address in enumerate(found):
        try:
            return _connect(address, call.left_s() / (len(found) - tried), options)
        except OSError as error:
            failure = error
    raise failure


def _connect(address: Address, timeout_s: float, options: Sequence[tuple[Any, ...]]) -> BoundedSocket:
    family, place = address
    call.address = _shown(place)
    sock = BoundedSocket(family, socket.SOCK_STREAM)
    try:
        for option in options:
            sock.setsockopt(*option)
        sock.settimeout(timeout_s)
        sock.connect(place)
        sock.settimeout(call.left_s())
    except BaseException:
        sock.close()
        raise
    return sock


def _shown(place: tuple[Any, ...]) -> str:
    host, port = place[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Connection(HTTPConnection):
    """urllib3's connection over our sockets; it tells its thread's call how far things got."""

    _address = ""

    def _new_conn(self) -> socket.socket:
        sock = dial(resolve(self._dns_host, self.port or self.default_port), self.socket_options or ())
        self._address = call.address
        return sock

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            call.sent = False  # a CONNECT to a proxy is not the request

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        call.sent, call.address = True, self._address
        super().send(data)

    @property
    def is_connected(self) -> bool:
        """Asked before a kept connection is used again: "no" has it closed and dialled anew."""
        return not call.fresh and super().is_connected


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


# For a urllib3 PoolManager.
POOLS: Mapping[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}
