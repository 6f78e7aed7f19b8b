"""A client of the HTTP API for your programs; docs/api.md has examples.

    with Client("http://127.0.0.1:8787", token="…") as tracker:
        tracker.add_orders([{"panel": "main", "id": "23501", "service": "12"}])
        for entry in tracker.follow(after=0):
            print(entry.seq, entry.event)

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
WAIT_S = 30  # how long one call waits for events
_PASSING = frozenset({429, 502, 503, 504})
_AGAIN_S, _AGAIN_MAX_S = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request.

    field: a parameter, a field of an order, or "" for the whole request.
    """

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class RowError:
    """An order that was not accepted.

    index: its position among the given orders, from 0.
    """

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    added: int
    known: int
    bad: list[RowError]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event and its number in the event log.

    event: as every hook gets it; None when retention has deleted its body.
    """

    seq: int
    event: JsonObject | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events of the log.

    next: the `after` for the call that gets the following ones.
    """

    items: list[LoggedEvent]
    next: int


class ApiError(Exception):
    """The tracker refused a request.

    retry_after_s: how long to wait before the next try, None when the answer does not say.
    """

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
    """A client of one tracker.

    Network errors are raised as `requests` raises them; only `follow` waits and goes on when they are over.

    url: of the dashboard.
    token: the write token; the read token is enough when no orders are added.
    """

    def __init__(self, url: str, token: str | None = None, *, timeout_s: float = 30.0) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False  # a ~/.netrc would replace the token
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def add_orders(self, orders: Iterable[Mapping[str, Any]]) -> Added:
        """Track orders. The good ones are accepted, the bad ones are listed. Adding an order again changes nothing.

        They are sent in parts of PART orders: when one part raises, the parts before it have been accepted.
        """
        rows, added, known, bad = iter(orders), 0, 0, list[RowError]()
        for start in count(0, PART):
            part = [dict(row) for row in islice(rows, PART)]
            if not part:
                break
            answer = self._call("POST", "/orders", json=part)
            added, known = added + answer["added"], known + answer["known"]
            bad += [RowError(start + one["index"], one["field"], one["reason"]) for one in answer["bad"]]
        return Added(added, known, bad)

    def orders(self, **filters: str | None) -> Iterator[JsonObject]:
        """Yields orders, the one tracked last first.

        filters: panel, status, tracking, service, ref, tag, since.
        """
        return self._pages("/orders", filters)

    def order(self, panel: str, id: str) -> JsonObject:
        """Returns everything about one order. Raises ApiError 404 when it is not tracked."""
        return self._call("GET", f"/orders/{quote(panel, safe='')}/{quote(id, safe='')}")

    def transitions(self, **filters: str | None) -> Iterator[JsonObject]:
        """Yields moves of orders, the last one first.

        filters: panel, order, since.
        """
        return self._pages("/transitions", filters)

    def refills(self, **filters: str | None) -> Iterator[JsonObject]:
        """Yields refills, the one tracked last first.

        filters: panel, order.
        """
        return self._pages("/refills", filters)

    def balances(self) -> list[JsonObject]:
        return list(self._call("GET", "/balances")["items"])

    def panels(self) -> list[JsonObject]:
        return list(self._call("GET", "/panels")["items"])

    def events(self, after: int | str = 0, *, wait: int = 0, limit: int = 500) -> EventPage:
        """Returns events with a number above `after`, oldest first.

        after: "last" for new events only.
        wait: how many seconds to wait for an event when there is none, 60 at most.
        """
        answer = self._call("GET", "/events", wait_s=wait, params={"after": after, "wait": wait, "limit": limit})
        return EventPage([LoggedEvent(one["seq"], one["event"]) for one in answer["items"]], answer["next"])

    def follow(self, after: int | str = "last", *, wait: int = WAIT_S) -> Iterator[LoggedEvent]:
        """Yields every event above `after`, without end.

        Store the `seq` of the last event that you have handled, and pass it as `after` next time.
        A tracker that restarts or cannot be reached is tried again. Raises ApiError when it refuses; 409 means that
        its log is not the one that was followed (a backup was restored).
        """
        again_s = _AGAIN_S
        while True:
            started = time.monotonic()
            try:
                page = self.events(after, wait=wait)
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                time.sleep(again_s)
                again_s = min(again_s * 2, _AGAIN_MAX_S)
                continue
            except ApiError as error:
                if error.status not in _PASSING:
                    raise
                time.sleep(error.retry_after_s or again_s)
                continue
            again_s, after = _AGAIN_S, page.next
            yield from page.items
            if not page.items and time.monotonic() - started < min(wait, _AGAIN_S):
                time.sleep(_AGAIN_S)  # too many clients wait already, so this one asks once a second

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
    """Returns the problem that the tracker reported, or the error of a proxy in between."""
    after = answer.headers.get("Retry-After", "")
    retry_after_s = float(after) if after.isascii() and after.isdigit() else None
    if answer.headers.get("Content-Type", "").startswith("application/problem+json"):
        problem = answer.json()
        errors = [FieldError(one["field"], one["reason"]) for one in problem["errors"]]
        return ApiError(problem["status"], problem["title"], problem["detail"], errors, retry_after_s)
    return ApiError(answer.status_code, answer.reason or "no answer of a tracker", "", [], retry_after_s)
