"""Name lookup and connections that end at a deadline.

A socket's own timeout starts anew with every read, so a peer that sends a byte now and then never times out.
The sockets here check one deadline before every read and write: that of the call their thread is making.
It covers connecting, TLS, sending, headers and body.

A `Resolver` finds the addresses, `vetted` checks every one of them, and `dial` connects to one of these same
addresses. There is no second lookup that could be answered differently.
"""

import errno
import http.client
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

# Bytes sent at once; the deadline is checked between two pieces, because the reader may be slow.
_PIECE = 16_384

# Lookups under way at once. Each has a thread, and nothing can stop it before the lookup ends.
_LOOKUPS_MAX = 32

# Interim answers (100, 102, 103, …) that are skipped before the one that counts.
INTERIM_MAX = 20

# A healthy resolver answers within two seconds, retries included.
_LOOKUP_S = 5.0

# (family, socket address), as in getaddrinfo and connect.
Address = tuple[socket.AddressFamily, tuple[Any, ...]]
# From a host and a port to all its addresses.
Find = Callable[[str, int], Sequence[Address]]
# From an IP address to the reason why it must not be dialled; None when it may be.
AddressCheck = Callable[[str], str | None]


class _CallDeadline(threading.local):
    """The call that the current thread is making. A thread makes one call at a time.

    sent: the request may have reached the other side.
    fresh: kept connections must not be used.
    http: the status code of the answer, as soon as its head is there.
    address: the one dialled, or the last one tried.
    find: returns the addresses that may be dialled for a host.
    """

    find: Find
    deadline: float = float("inf")
    fresh: bool = False
    sent: bool = False
    http: int | None = None
    address: str = ""

    def begin(self, deadline: float, find: Find, *, fresh: bool) -> None:
        self.deadline, self.find, self.fresh = deadline, find, fresh
        self.sent, self.http, self.address = False, None, ""

    def left_s(self) -> float:
        """Returns the seconds left, always above zero. Raises TimeoutError when there are none."""
        left = self.deadline - clock.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


call = _CallDeadline()


class BoundedSocket(socket.socket):
    """A socket whose reads and writes end at the deadline of the thread that uses it."""

    def recv_into(self, *args: Any) -> int:
        self.settimeout(call.left_s())
        return super().recv_into(*args)

    def recv(self, *args: Any) -> bytes:
        self.settimeout(call.left_s())
        return super().recv(*args)

    def sendall(self, data: Any, flags: int = 0) -> None:
        # In pieces, because over TLS `sendall` makes many sends, and each of them may take the whole timeout.
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            self.settimeout(call.left_s())
            super().sendall(view[start : start + _PIECE], flags)


class BoundedTLSSocket(BoundedSocket, ssl.SSLSocket):
    """The same over TLS. Its handshake is bounded too: it inherits the timeout that `dial` left."""


class Resolver:
    """Looks names up with a time limit, which getaddrinfo does not have.

    A lookup runs in a thread that cannot be stopped. Dials that ask for the same name at the same time share one
    lookup, so a name that is never answered holds one thread, however often it is tried.
    """

    def __init__(self, lookup: Callable[..., Any] = socket.getaddrinfo, budget_s: float = _LOOKUP_S) -> None:
        """Takes the lookup function and its time limit.

        lookup: called like getaddrinfo.
        budget_s: seconds for one name, at most.
        """
        self._lookup = lookup
        self._budget_s = budget_s
        self._pending: dict[tuple[str, int], Future[list[Address]]] = {}
        self._lock = threading.Lock()

    def find(self, host: str, port: int) -> list[Address]:
        """Returns every address of `host`, in the order to try them.

        Raises socket.gaierror when there is none in time.
        """
        host = host.strip("[]")
        if written(host):
            return self._ask(host, port)  # an address needs no lookup, so it does not wait behind lookups
        wait_s = min(self._budget_s, call.left_s())
        try:
            return self._begin(host, port).result(wait_s)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None

    def _begin(self, host: str, port: int) -> Future[list[Address]]:
        """Returns the lookup of `host` that is under way, or starts a new one."""
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
            # Before the result is set, so that a later dial starts a lookup of its own.
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


# One resolver for the whole program, so that _LOOKUPS_MAX holds for all of it.
RESOLVER = Resolver()


class Forbidden(PermissionError):
    """An address that must not be dialled."""


def vetted(find: Find, refusal: AddressCheck) -> Find:
    """Returns a `find` that raises Forbidden when even one of the addresses is refused.

    A name with both public and internal addresses is an attempt to have the internal one called.
    """

    def find_vetted(host: str, port: int) -> Sequence[Address]:
        found = find(host, port)
        for _, (address, *_) in found:
            if reason := refusal(address):
                raise Forbidden(errno.EACCES, reason)
        return found

    return find_vetted


def dial(found: Sequence[Address], options: Sequence[tuple[Any, ...]] = ()) -> BoundedSocket:
    """Connect to the first address that answers. Raises the OSError of the last one when none does.

    Each address gets its share of the time that is left, so that one that swallows packets leaves time for the others.
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


class _FinalResponse(http.client.HTTPResponse):
    """An answer of http.client that skips all interim ones (RFC 9110, 15.2), not only 100, before the one that counts.

    The status code is noted in its thread's `call` when the head is there, or is too long to be read.
    """

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(INTERIM_MAX + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in typeshed
            if status == http.client.SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            http.client._read_headers(self.fp)  # type: ignore[attr-defined]
        raise http.client.HTTPException("interim answers without end")

    def begin(self) -> None:
        try:
            super().begin()
        except http.client.HTTPException as error:
            if type(error) is http.client.HTTPException or isinstance(error, http.client.LineTooLong):
                call.http = self.status if isinstance(self.status, int) else None
            raise
        call.http = self.status


class _Connection(HTTPConnection):
    """A connection of urllib3 over our sockets; it notes in its thread's `call` how far the exchange got."""

    response_class = _FinalResponse
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
        """Whether a kept connection may be used again; if not, urllib3 closes it and dials again."""
        return not call.fresh and super().is_connected


class _TLSConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


# For a urllib3 PoolManager.
POOLS: Mapping[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}
