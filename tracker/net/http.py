"""One HTTP exchange with a deadline for the whole of it and a cap on the bytes read.

Rule 1: nothing is taken from the environment: no proxy, no ~/.netrc, no cookie.
Rule 2: redirects are not followed and nothing is retried; the caller decides about both.
Rule 3: an error holds no URL, no header and no byte of either body: any of them may be a secret.

Only two parts of requests are used: prepared requests and the adapter. A Session would read the environment
(rule 1), and it reads the whole body of a redirect, however long, before the caller sees it.
"""

import http.client
import logging
import re
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from msgspec import Struct
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, default_headers

from tracker import clock
from tracker.core.text import safe_text
from tracker.errors import TrackerError, UserError
from tracker.net.sockets import POOLS, RESOLVER, BoundedTLSSocket, Find, Forbidden, call

# urllib3 logs whole URLs, and keys with them: every request at debug level, oddities at warning level.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

_PIECE = 65_536
_RETRY_AFTER_MAX_S = 86_400.0


class Failure(StrEnum):
    """Why an exchange ended without a reply."""

    DNS = "dns"  # the name has no address, or the lookup took too long
    FORBIDDEN = "forbidden"  # the name has an address that must not be dialled
    CONNECT = "connect"  # nothing listens there, or the proxy refuses
    TLS = "tls"  # the certificate is expired, self-signed or for another name; or no TLS at all
    DEADLINE = "deadline"  # not done in time
    RESET = "reset"  # the connection was reset, or closed before the promised end
    GARBAGE = "garbage"  # bytes, but not HTTP
    TOO_BIG = "too_big"  # more than max_bytes
    PROTOCOL = "protocol"  # the URL cannot be requested, or the body cannot be unpacked


_BODY_FAILURES = frozenset({Failure.RESET, Failure.GARBAGE, Failure.PROTOCOL})


class HttpReply(Struct, frozen=True):
    """The reply to one request, with any status code.

    truncated: the body was cut at the cap or at the deadline.
    """

    http: int
    headers: Mapping[str, str]  # names in any case
    body: bytes
    truncated: bool
    took_s: float
    address: str  # ip:port dialled; the proxy's where there is one

    @property
    def redirect_host(self) -> str | None:
        """The host that a redirect points to, "" when it names none; None when this is no redirect.

        The rest of the address is left out: it may be a secret.
        """
        if not 300 <= self.http < 400:
            return None
        try:
            return safe_text(urlsplit(self.headers.get("Location", "")).hostname or "")[:253]
        except ValueError:
            return ""


class ExchangeError(TrackerError):
    """An exchange that ended without a reply.

    sent: the request may have arrived all the same, and been acted on.
    http: the status code, where only the rest of the answer cannot be read.
    """

    def __init__(self, kind: Failure, message: str, *, sent: bool, address: str, http: int | None = None) -> None:
        self.kind = kind
        self.message = message
        self.sent = sent
        self.http = http
        self.address = address
        super().__init__(f"{kind}: {message}")

    @property
    def body_broken(self) -> bool:
        """Whether the answer was a success (2xx) whose body is short, badly chunked or not what its encoding says.

        So it is with more lines in its head than can be read.
        """
        return self.http is not None and 200 <= self.http < 300 and self.kind in _BODY_FAILURES


class Exchanger:
    """Makes exchanges and keeps up to `pool` connections open between them. Threads may share one."""

    def __init__(
        self,
        user_agent: str,
        proxy: str = "",
        ca_file: Path | None = None,
        pool: int = 4,
        find: Find = RESOLVER.find,
    ) -> None:
        """Raises UserError for a proxy or a ca_file that cannot be used.

        proxy: an http or https URL.
        ca_file: PEM, trusted instead of the usual authorities.
        find: returns the addresses to dial for a host, or for the proxy where there is one.
        """
        if proxy and not proxy.lower().startswith(("http://", "https://")):
            raise UserError("proxy: only http:// and https:// proxies can be used")
        self._headers = {**default_headers(), "User-Agent": user_agent}
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._adapter = _Adapter(_trusting_only(ca_file) if ca_file else None, pool)
        self._find = find

    def exchange(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | bytes | None = None,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        max_bytes: int,
        accept_truncated: bool = False,
        fresh: bool = False,
    ) -> HttpReply:
        """Send one request and read its reply, all of it within `timeout_s` seconds.

        max_bytes: the longest body accepted, unpacked.
        accept_truncated: cut a body that is too long or too slow instead of raising.
        fresh: use a new connection; a kept one may turn out to be dead only when it is used.
        """
        started = clock.monotonic()
        call.begin(started + timeout_s, self._find, fresh=fresh)
        try:
            request = requests.Request(
                method, url, {**self._headers, **(headers or {})}, data=data, json=json, params=params
            )
            response = self._adapter.send(request.prepare(), stream=True, timeout=timeout_s, proxies=self._proxies)
            body, truncated = _read(response, max_bytes, accept_truncated=accept_truncated)
            took_s = clock.monotonic() - started
            return HttpReply(response.status_code, response.headers, body, truncated, took_s, call.address)
        except (OSError, UnicodeError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
            failure, cause = _explain(error)
        # Raised outside the `except` block, which would chain the caught error: that holds the request with its key.
        raise failure from cause

    def close(self) -> None:
        """Close the kept connections; exchanges under way are not disturbed."""
        self._adapter.close()


class _Adapter(HTTPAdapter):
    """The transport of requests over our connections, with one TLS context for all of them."""

    def __init__(self, trust: ssl.SSLContext | None, pool: int) -> None:
        self._trust = trust
        super().__init__(pool_maxsize=pool, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, proxy_ssl_context=self._context(), **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:
        host, tls = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {**tls, "ssl_context": self._context()} if host["scheme"] == "https" else {}

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """Leave the authorities to the context; requests would load them again for every connection."""
        conn.cert_reqs = "CERT_REQUIRED"

    def _context(self) -> ssl.SSLContext:
        return self._trust or _trusting_the_usual()


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = BoundedTLSSocket
    return context


@cache
def _trusting_the_usual() -> ssl.SSLContext:
    """Returns the shared context. It is made when first needed: the authorities take a few MB.

    The system's authorities are trusted, an operator's own among them; where the system has none, those of certifi.
    """
    paths = ssl.get_default_verify_paths()
    system = bool(paths.cafile) or (paths.capath is not None and any(Path(paths.capath).iterdir()))
    return _trusting(None if system else DEFAULT_CA_BUNDLE_PATH)


def _trusting_only(ca_file: Path) -> ssl.SSLContext:
    try:
        return _trusting(str(ca_file))
    except OSError as error:  # ssl.SSLError is one too
        raise UserError(f"ca_file: {ca_file} has no readable certificates: {_system_text(error)}") from error


def _read(response: requests.Response, max_bytes: int, *, accept_truncated: bool) -> tuple[bytes, bool]:
    """Returns the body and whether it was cut. The connection is free for the next exchange afterwards, or closed."""
    raw, body = response.raw, bytearray()
    packed = "content-encoding" in response.headers
    try:
        while len(body) <= max_bytes:
            size = min(_PIECE, max_bytes + 1 - len(body))
            if not packed:
                # Some servers send more than they announce, and Python 3.11's read1 would read on into that.
                size = min(size, raw.length_remaining or size)
            piece = raw.read1(size, decode_content=True)
            if not piece:
                return bytes(body), False
            body += piece
    except urllib3.exceptions.ReadTimeoutError:
        if not accept_truncated:
            raise
    finally:
        response.close()
    if not accept_truncated:
        raise _TooBig(max_bytes)
    return bytes(body[:max_bytes]), True


class _TooBig(http.client.HTTPException):
    pass


# The first line whose type fits decides. "" means: use the error's own text. That is done only where the text cannot
# quote what was sent or received, so never for the errors of http.client.
_KINDS: tuple[tuple[type[BaseException], Failure, str], ...] = (
    (socket.gaierror, Failure.DNS, ""),
    (Forbidden, Failure.FORBIDDEN, ""),
    (TimeoutError, Failure.DEADLINE, "no complete answer in time"),
    (ssl.SSLError, Failure.TLS, ""),
    (_TooBig, Failure.TOO_BIG, "the answer is too long"),
    (http.client.RemoteDisconnected, Failure.RESET, "closed without an answer"),
    (http.client.IncompleteRead, Failure.RESET, "the answer broke off"),
    (http.client.HTTPException, Failure.GARBAGE, "what came is not HTTP"),
    (urllib3.exceptions.InvalidHeader, Failure.GARBAGE, "what came is not HTTP"),
    (urllib3.exceptions.DecodeError, Failure.PROTOCOL, "the answer cannot be unpacked"),
    (requests.RequestException, Failure.PROTOCOL, "this URL cannot be asked"),
    (OSError, Failure.RESET, ""),
    (BaseException, Failure.PROTOCOL, "this URL cannot be asked"),
)


def _explain(error: BaseException) -> tuple[ExchangeError, OSError | None]:
    """Returns the error to raise, and its cause if that holds nothing but the system's own words."""
    cause = _cause(error)
    kind, text = next((kind, text) for type_, kind, text in _KINDS if isinstance(cause, type_))
    if kind is Failure.RESET and not call.sent:
        kind = Failure.CONNECT
    if kind is Failure.TLS and isinstance(cause, ssl.SSLEOFError) and call.sent:
        kind = Failure.RESET
    if isinstance(cause, OSError) and not text:
        text = _system_text(cause)
    failure = ExchangeError(kind, text, sent=call.sent, address=call.address, http=call.http)
    if isinstance(cause, http.client.HTTPException | requests.RequestException):
        return failure, None
    return failure, cause if isinstance(cause, OSError) else None


def _cause(error: BaseException) -> BaseException:
    """Returns the original error: requests and urllib3 wrap it up to four times, not always as a `__cause__`."""
    while isinstance(error, requests.RequestException | urllib3.exceptions.HTTPError):
        if isinstance(error, urllib3.exceptions.DecodeError | http.client.HTTPException):
            break
        inner = (error.__cause__, error.__context__, *error.args)
        found = next((one for one in inner if isinstance(one, BaseException)), None)
        if found is None:
            break
        error = found
    return error


def _system_text(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or "the handshake failed").lower().replace("_", " ")
    return error.strerror or "the connection failed"


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Returns the seconds to wait by the `Retry-After` header (RFC 9110: a number of seconds, or a date).

    At most a day. None when there is no such header, when it makes no sense, or when its date is in the past.
    """
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    wait = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) else _until(text, now)
    return None if wait is None or wait < 0 else min(wait, _RETRY_AFTER_MAX_S)


def _until(date: str, now: float) -> float | None:
    try:
        at = parsedate_to_datetime(date)
        return at.replace(tzinfo=at.tzinfo or UTC).timestamp() - now
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
