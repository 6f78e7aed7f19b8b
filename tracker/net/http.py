"""One HTTP exchange that ends: a deadline over all of it, and a cap on what is read.

Rule 1: nothing comes from the environment: no proxy, no ~/.netrc, no cookie.
Rule 2: no redirect is followed and nothing is tried twice; both are for the caller to decide.
Rule 3: an error holds no URL, no header and no byte of either body: any of them may be a secret.

Only the lower half of requests is used, its prepared requests and its adapter. A Session would add
what rule 1 takes away, and reads the whole body of a redirect, however long, before it shows it.
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

# It logs whole URLs, and keys with them: every request at debug, what it finds odd at warning.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

_PIECE = 65_536
_RETRY_AFTER_MAX_S = 86_400.0


class Failure(StrEnum):
    """How an exchange ends without a reply."""

    DNS = "dns"  # the name has no address, or nobody said so in time
    FORBIDDEN = "forbidden"  # the name has an address that must not be dialled
    CONNECT = "connect"  # nobody there, or a proxy that refuses
    TLS = "tls"  # no trust: expired, self-signed, wrong name; or no TLS at all
    DEADLINE = "deadline"  # not done in time
    RESET = "reset"  # broken off: a reset, or an end where more was promised
    GARBAGE = "garbage"  # bytes, but not HTTP
    TOO_BIG = "too_big"  # more than max_bytes
    PROTOCOL = "protocol"  # a URL that cannot be asked, a body that cannot be unpacked


class HttpReply(Struct, frozen=True):
    """What came back, whatever its code. truncated: cut at the cap or at the deadline."""

    http: int
    headers: Mapping[str, str]  # names in any case
    body: bytes
    truncated: bool
    took_s: float
    address: str  # ip:port dialled; the proxy's where there is one

    @property
    def redirect_host(self) -> str | None:
        """For a redirect the host it names, "" when none; what follows the host may be a secret."""
        if not 300 <= self.http < 400:
            return None
        try:
            return safe_text(urlsplit(self.headers.get("Location", "")).hostname or "")[:253]
        except ValueError:
            return ""


class ExchangeError(TrackerError):
    """There is no reply. sent: the request may have arrived all the same, and been acted on."""

    def __init__(self, kind: Failure, message: str, *, sent: bool, address: str) -> None:
        self.kind = kind
        self.message = message
        self.sent = sent
        self.address = address
        super().__init__(f"{kind}: {message}")


class Exchanger:
    """Makes exchanges, any number of threads at once, over at most `pool` connections kept open."""

    def __init__(
        self,
        user_agent: str,
        proxy: str = "",
        ca_file: Path | None = None,
        pool: int = 4,
        find: Find = RESOLVER.find,
    ) -> None:
        """proxy: an http or https URL. ca_file: PEM, trusted instead of the usual authorities.

        find: what to dial for a host, or for the proxy where there is one.
        UserError for a proxy or a ca_file that cannot be used.
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

        max_bytes: of the body, unpacked. accept_truncated: a body that is too long or too slow is cut
        instead of refused. fresh: over a new connection; a kept one may prove dead only when used.
        """
        started = clock.monotonic()
        call.begin(started + timeout_s, self._find, fresh=fresh)
        try:
            asked = requests.Request(
                method, url, {**self._headers, **(headers or {})}, data=data, json=json, params=params
            )
            response = self._adapter.send(asked.prepare(), stream=True, timeout=timeout_s, proxies=self._proxies)
            body, truncated = _read(response, max_bytes, accept_truncated=accept_truncated)
            took_s = clock.monotonic() - started
            return HttpReply(response.status_code, response.headers, body, truncated, took_s, call.address)
        except (OSError, UnicodeError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
            failure, cause = _explain(error)
        # Raised out here, since what is caught in there holds the request, key and all.
        raise failure from cause

    def close(self) -> None:
        """Close the kept connections; exchanges under way end as they would have."""
        self._adapter.close()


class _Adapter(HTTPAdapter):
    """requests' transport over our connections, and with one TLS context instead of one each."""

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
        """The context has its authorities; requests would load them anew for every connection."""
        conn.cert_reqs = "CERT_REQUIRED"

    def _context(self) -> ssl.SSLContext:
        return self._trust or _trusting_the_usual()


def _trusting(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = BoundedTLSSocket
    return context


@cache
def _trusting_the_usual() -> ssl.SSLContext:
    """Shared, and made when first needed: the authorities take a few MB."""
    return _trusting(DEFAULT_CA_BUNDLE_PATH)


def _trusting_only(ca_file: Path) -> ssl.SSLContext:
    try:
        return _trusting(str(ca_file))
    except OSError as error:  # ssl.SSLError is one too
        raise UserError(f"ca_file: {ca_file} has no readable certificates: {_system_text(error)}") from error


def _read(response: requests.Response, max_bytes: int, *, accept_truncated: bool) -> tuple[bytes, bool]:
    """The body, and whether it was cut. Leaves the connection free for the next, or closed."""
    raw, body = response.raw, bytearray()
    packed = "content-encoding" in response.headers
    try:
        while len(body) <= max_bytes:
            size = min(_PIECE, max_bytes + 1 - len(body))
            if not packed:
                # Some announce less than they send, and Python 3.11's read1 would run on into that.
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


# What happened is the first line that fits. Their own texts are only used where they cannot quote
# what was sent or came: not those of http.client.
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
    """The error to raise, and its cause where that holds nothing but the system's own words."""
    cause = _cause(error)
    kind, text = next((kind, text) for type_, kind, text in _KINDS if isinstance(cause, type_))
    if kind is Failure.RESET and not call.sent:
        kind = Failure.CONNECT
    if kind is Failure.TLS and isinstance(cause, ssl.SSLEOFError) and call.sent:
        kind = Failure.RESET
    if isinstance(cause, OSError) and not text:
        text = _system_text(cause)
    failure = ExchangeError(kind, text, sent=call.sent, address=call.address)
    if isinstance(cause, http.client.HTTPException | requests.RequestException):
        return failure, None
    return failure, cause if isinstance(cause, OSError) else None


def _cause(error: BaseException) -> BaseException:
    """What happened below: requests and urllib3 wrap it up to four times, not always as a cause."""
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
    """Seconds to stay away from RFC 9110's `Retry-After`: a number of seconds, or a date.

    None where there is none, or none that makes sense: garbage, or a time gone by. At most a day.
    """
    said = headers.get("Retry-After", "").strip()
    if not said:
        return None
    wait = float(said) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", said) else _until(said, now)
    return None if wait is None or wait < 0 else min(wait, _RETRY_AFTER_MAX_S)


def _until(date: str, now: float) -> float | None:
    try:
        at = parsedate_to_datetime(date)
        return at.replace(tzinfo=at.tzinfo or UTC).timestamp() - now
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
