"""A webhook receiver on loopback that keeps every request and answers as badly as a test wants."""

import json
import os
import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.simulator import signature
from tracker.simulator.behaviour import BEHAVIOURS
from tracker.simulator.control import PREFIX, Control
from tracker.simulator.loopback import Exchange, LoopbackServer


@dataclass(frozen=True, slots=True)
class Received:
    """One request.

    arrival: monotonic seconds.
    behaviour: how it was answered, a key of BEHAVIOURS.
    problem: what is wrong with its signature; "" for a good one, None when the receiver has no secret.
    """

    number: int
    arrival: float
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    behaviour: str
    problem: str | None

    @property
    def id(self) -> str:
        """The webhook-id, or ""."""
        return self.headers.get("webhook-id", "")

    @property
    def event(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "arrival": self.arrival,
            "method": self.method,
            "path": self.path,
            "id": self.id,
            "headers": dict(self.headers),
            "body": self.body.decode(errors="surrogateescape"),
            "behaviour": self.behaviour,
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Received":
        values = {name: value for name, value in row.items() if name != "id"}
        return cls(**values | {"body": row["body"].encode(errors="surrogateescape")})


class Receiver:
    """A receiver that answers 200, or as always() and next() say. A context manager; or start() and stop() it.

    fail_rate: the share of requests that are answered with 500.
    secret: one whsec_… text or several; a signature by any of them is good.
    delay_s: seconds to wait before each answer.
    record: an NDJSON file with one request a line, which is on disk before the answer leaves. Requests that are
    already in it count as received, so a receiver that was killed can be continued.
    retry_after: the value of Retry-After in 429 and 503.
    max_hang_s: how long a request hangs at most.
    refuse_first: the first request with each webhook-id gets 500.
    refuse_types: the types of events that always get 500.
    """

    def __init__(
        self,
        port: int = 0,
        fail_rate: float = 0.0,
        seed: int = 1,
        secret: str | Sequence[str] | None = None,
        delay_s: float = 0.0,
        *,
        record: Path | None = None,
        retry_after: str = "60",
        max_hang_s: float = 30.0,
    ) -> None:
        self.fail_rate = fail_rate
        self.delay_s = delay_s
        self.retry_after = retry_after
        self.max_hang_s = max_hang_s
        self.refuse_first = False
        self.refuse_types: frozenset[str] = frozenset()
        self._secrets = (secret,) if isinstance(secret, str) else tuple(secret or ())
        self._always = "ok"
        self._next: deque[str] = deque()
        self._rng = random.Random(seed)
        self._changed = threading.Condition()
        self._received = read_record(record) if record and record.exists() else []
        self._ids = {request.id for request in self._received}
        self._record = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if record else None
        self._control = Control(
            look={
                "received": lambda _: [request.as_json() for request in self.received],
                "counts": lambda _: self.counts(),
            },
            act={"behaviour": self._behave},
        )
        self._server = LoopbackServer(self._respond, port)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> "Receiver":
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()
        with self._changed:
            if self._record is not None:
                os.close(self._record)
                self._record = None

    def __enter__(self) -> "Receiver":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- behaviour

    def always(self, behaviour: str) -> None:
        """Sets the behaviour from now on; "ok" is the default. Raises KeyError for an unknown one."""
        BEHAVIOURS[behaviour]
        self._always = behaviour

    def next(self, *behaviours: str) -> None:
        """Sets the behaviour for the next requests, one each; it comes before any other setting."""
        for behaviour in behaviours:
            BEHAVIOURS[behaviour]
        with self._changed:
            self._next.extend(behaviours)

    def _behave(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /_control/behaviour`: any of always (a name), next (names), refuse_first and refuse_types."""
        self.next(*values.get("next", []))
        if "always" in values:
            self.always(values["always"])
        self.refuse_first = bool(values.get("refuse_first", self.refuse_first))
        self.refuse_types = frozenset(values.get("refuse_types", self.refuse_types))
        return {}

    def _behaviour(self, exchange: Exchange) -> str:
        if self._next:
            return self._next.popleft()
        if self.fail_rate and self._rng.random() < self.fail_rate:
            return "fail"
        if self.refuse_types and json.loads(exchange.body).get("type") in self.refuse_types:
            return "fail"
        id_ = exchange.headers.get("webhook-id", "")
        if self.refuse_first and id_ not in self._ids:
            return "fail"
        return self._always

    # ---- what was received

    @property
    def received(self) -> list[Received]:
        with self._changed:
            return list(self._received)

    def by_id(self) -> dict[str, list[Received]]:
        """webhook-id -> its requests, oldest first."""
        found: dict[str, list[Received]] = {}
        for request in self.received:
            found.setdefault(request.id, []).append(request)
        return found

    def counts(self) -> dict[str, int]:
        """Requests by behaviour, and `total`, `ids`, `bad_signatures`."""
        received = self.received
        return {
            **Counter(request.behaviour for request in received),
            "total": len(received),
            "ids": len({request.id for request in received}),
            "bad_signatures": sum(bool(request.problem) for request in received),
        }

    @property
    def bad_signatures(self) -> int:
        return self.counts()["bad_signatures"]

    def wait_for(self, condition: Callable[["Receiver"], bool], timeout_s: float = 10.0) -> bool:
        """Waits until `condition(receiver)` holds, checked after every request; returns False when time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    # ---- answering

    def _respond(self, exchange: Exchange) -> None:
        if exchange.path.startswith(PREFIX):
            exchange.send(self._control.reply(exchange))
            return
        request = self._note(exchange)
        if self.delay_s:
            exchange.linger(self.delay_s)
        BEHAVIOURS[request.behaviour].act(exchange, self.retry_after, self.max_hang_s)

    def _note(self, exchange: Exchange) -> Received:
        """Keeps the request, on disk too, before a byte of the answer leaves."""
        problem = signature.problem(exchange.headers, exchange.body, self._secrets) if self._secrets else None
        with self._changed:
            request = Received(
                len(self._received) + 1,
                exchange.arrival,
                exchange.method,
                exchange.path,
                exchange.headers,
                exchange.body,
                self._behaviour(exchange),
                problem,
            )
            if self._record is not None:
                os.write(self._record, json.dumps(request.as_json()).encode() + b"\n")
                os.fdatasync(self._record)
            self._received.append(request)
            self._ids.add(request.id)
            self._changed.notify_all()
        return request


def read_record(path: Path) -> list[Received]:
    """The requests in a record. An incomplete last line is cut off: that request was not answered yet."""
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    return [Received.from_json(json.loads(line)) for line in whole.splitlines()]
