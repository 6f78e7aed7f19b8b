"""From the name of a host to a connection that knows when to give up.

A socket's own timeout starts anew with every read, so a peer that sends a byte now and then is never
late. The sockets here look before every read and write at one deadline, that of the call their
thread is in: it spans connecting, TLS, sending, headers and body.

A `Resolver` finds the addresses, `vetted` looks at every one of them and `dial` connects to one of those
very addresses: there is no second lookup that could be answered differently.
"""

import errno
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tracker import clock
from tracker.core.address_policy import written

# What is handed to a slow reader at once, before the deadline is looked at again.
_PIECE = 16_384

# Lookups under way at once, each in a thread that only its end can end.
_LOOKUPS_MAX = 32

# A resolver that is well answers within two seconds, tries again and all.
_LOOKUP_S = 5.0

# (family, socket address), as getaddrinfo and connect write it.
Address = tuple[socket.AddressFamily, tuple[Any, ...]]
# Host and port to addresses, all of them.
Find = Callable[[str, int], Sequence[Address]]
# An IP address to why it must not be dialled, None when it may be.
AddressCheck = Callable[[str], str | None]


class _CallDeadline(threading.local):
    """The call a thread is in; it makes one at a time, from beginning to end.

    sent: the request may have reached the other side. fresh: kept connections are not to be used.
    address: the one dialled, or the last one tried. find: what may be dialled for a host.
    """

    find: Find
    deadline: float = float("inf")
    fresh: bool = False
    sent: bool = False
    address: str = ""

    def begin(self, deadline: float, find: Find, *, fresh: bool) -> None:
        self.deadline, self.find, self.fresh, self.sent, self.address = deadline, find, fresh, False, ""

    def left_s(self) -> float:
        """Seconds left, always above zero. TimeoutError when there are none."""
        left = self.deadline - clock.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


call = _CallDeadline()


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


class Resolver:
    """Looks names up within a time of its own, which getaddrinfo cannot.

    A lookup runs in a thread that nobody can stop. So dials that ask for one name at the same time wait
    for one lookup, and a name that is never answered holds one thread, however often it is tried.
    """

    def __init__(self, lookup: Callable[..., Any] = socket.getaddrinfo, budget_s: float = _LOOKUP_S) -> None:
        """lookup: called as getaddrinfo is. budget_s: seconds for one name, at most."""
        self._lookup = lookup
        self._budget_s = budget_s
        self._pending: dict[tuple[str, int], Future[list[Address]]] = {}
        self._lock = threading.Lock()

    def find(self, host: str, port: int) -> list[Address]:
        """Every address of `host`, in the order to try them. socket.gaierror when there is none in time."""
        host = host.strip("[]")
        if written(host):
            return self._ask(host, port)  # asks nobody, so it does not wait behind those who do
        wait_s = min(self._budget_s, call.left_s())
        try:
            return self._begin(host, port).result(wait_s)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None

    def _begin(self, host: str, port: int) -> Future[list[Address]]:
        """The lookup of `host` that is under way, or a new one."""
        with self._lock:
            if (pending := self._pending.get((host, port))) is not None:
                return pending
            if len(self._pending) >= _LOOKUPS_MAX:
                raise socket.gaierror(socket.EAI_AGAIN, "too many lookups are waiting for an answer")
            future: Future[list[Address]] = Future()
            try:
                threading.Thread(target=self._run, args=(host, port, future), name="lookup", daemon=True).start()
            except RuntimeError:
                raise socket.gaierror(socket.EAI_AGAIN, "no thread left for a lookup") from None
            self._pending[host, port] = future
            return future

    def _run(self, host: str, port: int, future: Future[list[Address]]) -> None:
        try:
            answer, failure = self._ask(host, port), None
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            answer, failure = [], error
        with self._lock:
            # First, so that whoever comes from now on has a lookup of its own.
            del self._pending[host, port]
        if failure:
            future.set_exception(failure)
        else:
            future.set_result(answer)

    def _ask(self, host: str, port: int) -> list[Address]:
        try:
            found = self._lookup(host, port, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
        return [(family, place) for family, _, _, _, place in found]


# One for the whole program, and with it one limit.
RESOLVER = Resolver()


class Forbidden(PermissionError):
    """An address that is not to be dialled."""


def vetted(find: Find, refusal: AddressCheck) -> Find:
    """`find`, but Forbidden when even one of the addresses is refused.

    A name that leads outside and inside at once is somebody's attempt to have the inside called.
    """

    def find_vetted(host: str, port: int) -> Sequence[Address]:
        found = find(host, port)
        for _, (address, *_) in found:
            if reason := refusal(address):
                raise Forbidden(errno.EACCES, reason)
        return found

    return find_vetted


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
        sock = dial(call.find(self._dns_host, self.port or self.default_port), self.socket_options or ())
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
