"""What the demo shows at one moment: frozen values, made by the reader, shown by view and plain."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class PanelSeen:
    """A panel, as the tracker sees it.

    trouble: what is wrong; "" while the panel answers.
    down_s: for how long it has been down. next_call_s: seconds until it is asked again.
    orders: how many are tracked. calls: how many in the last 60 s; `limit` are allowed.
    low: whether the alert about a low balance is raised.
    """

    name: str
    trouble: str
    down_s: float
    next_call_s: float
    orders: int
    calls: int
    limit: int
    balance: Decimal | None
    currency: str
    low: bool


@dataclass(frozen=True)
class OrderSeen:
    """An order, as the tracker sees it.

    service: its name. status: None before the first answer. final: whether the status is final.
    done: the share that is delivered; None while it is unknown.
    changed_s: how many seconds ago it changed; None before the first change.
    """

    panel: str
    id: str
    service: str
    status: str | None
    final: bool
    done: float | None
    remains: int | None
    changed_s: float | None


@dataclass(frozen=True)
class HookSeen:
    """One request at the receiver.

    at_s: seconds since the start. type: of the event. subject: the id of the order, or the panel's name.
    attempt: 1 for the first. accepted: whether the receiver answered 200.
    facts: name -> text, for the sentences about this event.
    """

    number: int
    at_s: float
    type: str
    subject: str
    attempt: int
    accepted: bool
    facts: Mapping[str, str]


@dataclass(frozen=True)
class DemoSnapshot:
    """Everything at one moment.

    at_s: real seconds since the start. total_s: real seconds that the story takes. minute: the simulated one.
    hooks: every one so far, oldest first.
    expected: how many orders the story has. moves: transitions recorded so far. waiting: deliveries still to be made.
    """

    at_s: float
    total_s: float
    speed: float
    minute: float
    panels: tuple[PanelSeen, ...]
    orders: tuple[OrderSeen, ...]
    hooks: tuple[HookSeen, ...]
    expected: int
    moves: int
    waiting: int
