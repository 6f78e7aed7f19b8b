"""Access control: the name in the Host header, the token, and the security headers that a browser obeys.

Rule 1: a request under an unknown host name (DNS rebinding) is refused before anything else.
Rule 2: a token comes in a header or by the login page, never in an address, where logs and histories keep it.
Rule 3: the cookie proves knowledge of the token and does not contain it: a new token ends it, a restart does not.
"""

import hashlib
import hmac
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from tracker import clock
from tracker.config.listening import Listen

COOKIE = "tracker_session"
SESSION_S = 30 * 86_400
WRONG_MAX, WRONG_S = 10, 60.0  # an address that sends this many wrong tokens in this many seconds has to wait

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with that a browser sends `Origin: null` even with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # addresses to listen on, not names of a host  # noqa: S104


class Hosts:
    """The names this dashboard answers to."""

    def __init__(self, listen: Listen, hosts: Iterable[str]) -> None:
        own = {listen.host.lower()} - _EVERYWHERE if listen.host else set()
        self._names = {*_LOOPBACK, *own, *(host.lower() for host in hosts)}

    def know(self, host: str) -> bool:
        """Whether the Host header, with or without a port, has one of the names."""
        return _name(host) in self._names

    def same(self, origin: str, host: str) -> bool:
        """Whether a form came from one of our own pages.

        origin: the header, "" when the browser sent none.
        """
        if not origin:
            return True
        return origin.partition("://")[2].lower() == host.lower()


def _name(host: str) -> str:
    """Returns the host without its port, in lower case: `[::1]:80` is `::1`."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def bearer(header: str) -> str | None:
    """Returns the token in an Authorization header, None when it has none."""
    kind, _, given = header.partition(" ")
    return given.strip() if kind.lower() == "bearer" else None


class Guesses:
    """Counts the wrong tokens that each address sent lately."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> float:
        """Returns how long this address has to wait after wrong guesses; 0.0 when it may try now."""
        now = clock.monotonic()
        with self._lock:
            if address not in self._wrong:
                return 0.0
            wrong = self._recent(address, now)
            return 0.0 if len(wrong) < WRONG_MAX else WRONG_S - (now - wrong[0])

    def note_wrong(self, address: str) -> None:
        now = clock.monotonic()
        with self._lock:
            self._recent(address, now).append(now)
            if len(self._wrong) > 1_000:  # an attacker with many addresses must not fill our memory
                self._wrong = defaultdict(deque, {a: w for a, w in self._wrong.items() if w and now - w[-1] < WRONG_S})

    def _recent(self, address: str, now: float) -> deque[float]:
        wrong = self._wrong[address]
        while wrong and now - wrong[0] > WRONG_S:
            wrong.popleft()
        return wrong


class AccessControl(Guesses):
    """Checks tokens and cookies against one token; with None there is nothing to check.

    The gateway's keys and the API's write token count their wrong guesses separately.
    """

    def __init__(self, token: str | None) -> None:
        super().__init__()
        self._token = None if token is None else token.encode()

    @property
    def open(self) -> bool:
        return self._token is None

    def knows(self, given: str) -> bool:
        """Whether it is the token. The time taken reveals nothing about the token."""
        return self._token is not None and hmac.compare_digest(given.encode(errors="replace"), self._token)

    def admits(self, cookie: str) -> bool:
        """Whether the cookie was made by `cookie_for` with this token and has not expired."""
        until, dot, proof = cookie.partition(".")
        # The length is checked because an attacker chooses it, and int() raises for some thousand digits.
        if not dot or not until.isascii() or not until.isdigit() or len(until) > 12 or int(until) < clock.now():
            return False
        return hmac.compare_digest(proof.encode(errors="replace"), self._proof(until).encode())

    def cookie_for(self) -> str:
        until = str(int(clock.now()) + SESSION_S)
        return f"{until}.{self._proof(until)}"

    def _proof(self, until: str) -> str:
        return hmac.new(self._token or b"", b"tracker session until " + until.encode(), hashlib.sha256).hexdigest()
