"""A client of the HTTP API, for programs of yours; docs/api.md has examples.

    with Client("http://127.0.0.1:8787", token="…") as tracker:
        tracker.add_orders([{"panel": "main", "id": "23501", "service": "12"}])
        for told in tracker.follow(after=0):
            print(told.seq, told.event)

Rows are dicts with the keys that the API documents; money is text, moments are RFC 3339 text, unknown is None.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice
from types import TracebackType
from typing import Any
from urllib.parse import quote

import requests

JsonObject = dict[str, Any]

PART = 1_000  # orders in one call
WAIT_S = 30  # for news, in one call
_PASSING = frozenset({429, 502, 503, 504})
_AGAIN_S, _AGAIN_MAX_S = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with a request. field: a parameter, a field of an order, or "" for the whole."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """An order that was not taken. index: which of those that were given, from 0."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    added: int
    known: int
    bad: list[RefusedRow]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """event: as every hook gets it; None where retention has taken its body."""

    seq: int
    event: JsonObject | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """next: what to ask with as `after` for those that come later."""

    items: list[LoggedEvent]
    next: int


class ApiError(Exception):
    """The tracker said no. retry_after_s: how long to leave it alone, None where it does not say."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        errors: Iterable[FieldError] = (),
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.retry_after_s = retry_after_s
        super().__init__(f"{status} {title}" + (f": {detail}" if detail else ""))


class Client:
    """url: of the dashboard. token: the write token, or the read token where nothing is added.

    Network trouble is raised as requests raises it, but by `follow`, which goes on when it is over.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout_s: float = 30.0) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False  # a ~/.netrc would take the place of the token
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def add_orders(self, orders: Iterable[Mapping[str, Any]]) -> Added:
        """Track these; the good ones are taken, the others named. Doing it again adds nothing twice.

        They are sent in parts of PART: when one raises, those before it have been taken.
        """
        rows, added, known, bad = iter(orders), 0, 0, list[RefusedRow]()
        for start in count(0, PART):
            part = [dict(row) for row in islice(rows, PART)]
            if not part:
                break
            told = self._call("POST", "/orders", json=part)
            added, known = added + told["added"], known + told["known"]
            bad += [RefusedRow(start + one["index"], one["field"], one["reason"]) for one in told["bad"]]
        return Added(added, known, bad)

    def orders(self, **filters: str | None) -> Iterator[JsonObject]:
        """Orders, the one tracked last first. filters: panel, status, tracking, service, ref, tag, since."""
        return self._pages("/orders", filters)

    def order(self, panel: str, id: str) -> JsonObject:
        """One order's whole story. ApiError 404: it is not tracked."""
        return self._call("GET", f"/orders/{quote(panel, safe='')}/{quote(id, safe='')}")

    def transitions(self, **filters: str | None) -> Iterator[JsonObject]:
        """Moves of orders, the last one first. filters: panel, order, since."""
        return self._pages("/transitions", filters)

    def refills(self, **filters: str | None) -> Iterator[JsonObject]:
        """Refills, the one tracked last first. filters: panel, order."""
        return self._pages("/refills", filters)

    def balances(self) -> list[JsonObject]:
        return list(self._call("GET", "/balances")["items"])

    def panels(self) -> list[JsonObject]:
        return list(self._call("GET", "/panels")["items"])

    def events(self, after: int | str = 0, *, wait: int = 0, limit: int = 500) -> EventPage:
        """Events with a number above `after`, oldest first. "last": only what comes.

        wait: until there is one, at most so many seconds, 60 at most.
        """
        told = self._call("GET", "/events", wait_s=wait, params={"after": after, "wait": wait, "limit": limit})
        return EventPage([LoggedEvent(one["seq"], one["event"]) for one in told["items"]], told["next"])

    def follow(self, after: int | str = "last", *, wait: int = WAIT_S) -> Iterator[LoggedEvent]:
        """Every event above `after`, for ever; keep `seq` of what you have dealt with, and go on from there.

        A tracker that restarts or cannot be reached is asked again. ApiError: it says no, 409 when its log is not the
        one that was followed.
        """
        again_s = _AGAIN_S
        while True:
            started = time.monotonic()
            try:
                told = self.events(after, wait=wait)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                time.sleep(again_s)
                again_s = min(again_s * 2, _AGAIN_MAX_S)
                continue
            except ApiError as error:
                if error.status not in _PASSING:
                    raise
                time.sleep(error.retry_after_s or again_s)
                continue
            again_s, after = _AGAIN_S, told.next
            yield from told.items
            if not told.items and time.monotonic() - started < min(wait, _AGAIN_S):
                time.sleep(_AGAIN_S)  # too many wait already: this one has to ask now and then

    def _pages(self, path: str, filters: Mapping[str, str | None]) -> Iterator[JsonObject]:
        params = {name: value for name, value in filters.items() if value is not None} | {"limit": "500"}
        while True:
            page = self._call("GET", path, params=params)
            yield from page["items"]
            if page["next"] is None:
                return
            params["cursor"] = page["next"]

    def _call(self, method: str, path: str, *, wait_s: float = 0.0, **what: Any) -> JsonObject:
        answer = self._session.request(
            method, self._base + path, timeout=self._timeout_s + wait_s, allow_redirects=False, **what
        )
        if answer.status_code not in (200, 201):
            raise _error(answer)
        found: JsonObject = answer.json()
        return found


def _error(answer: requests.Response) -> ApiError:
    """The problem that the tracker told; or what stood in between (a proxy) said."""
    after = answer.headers.get("Retry-After", "")
    retry_after_s = float(after) if after.isascii() and after.isdigit() else None
    if answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        told = answer.json()
        errors = [FieldError(one["field"], one["reason"]) for one in told["errors"]]
        return ApiError(told["status"], told["title"], told["detail"], errors, retry_after_s)
    return ApiError(answer.status_code, answer.reason or "no answer of a tracker", "", [], retry_after_s)
