"""What there is to see at one moment: frozen values, made by the reader, shown by view and plain."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class PanelSeen:
    """As the tracker has it. trouble: what is wrong, "" while it answers. Times are seconds.

    down_s: since when; again_s: until it is asked again. calls: in the last 60 s, of `limit`.
    """

    name: str
    trouble: str
    down_s: float
    again_s: float
    orders: int
    calls: int
    limit: int
    balance: Decimal | None
    currency: str
    low: bool


@dataclass(frozen=True)
class OrderSeen:
    """As the tracker has it. status None: no answer yet. done: share delivered, None while unknown."""

    panel: str
    id: str
    service: str
    status: str | None
    final: bool
    done: float | None
    remains: int | None
    changed_s: float | None  # how long ago


@dataclass(frozen=True)
class HookSeen:
    """One request at the receiver. at_s: seconds since the start. facts: what texts about it may name."""

    number: int
    at_s: float
    type: str
    subject: str
    attempt: int
    accepted: bool
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Scene:
    """at_s, total_s: real seconds since the start, and of the whole story. minute: simulated.

    hooks: every one so far, oldest first. expected: orders there will be. waiting: hooks still to come.
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
