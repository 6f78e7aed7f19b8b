"""Invents catalogues, orders and refills. Every random choice comes from a seeded `random.Random`."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tracker.simulator.lifecycle import (
    MOVING,
    OrderLife,
    RefillLife,
    SimulatedService,
    Timeline,
    movements,
    parent_life,
)
from tracker.simulator.scenario import Scenario

# name, category, type
CATALOGUE = (
    ("Newsletter inserts", "Print", "Default"),
    ("Flyer rounds", "Street", "Default"),
    ("Poster placements", "Street", "Default"),
    ("Directory listings", "Listings", "Default"),
    ("Reader letters", "Letters", "Custom Comments"),
    ("Letterbox leaflets", "Street", "Default"),
    ("Letter endorsements", "Letters", "Comment Likes"),
    ("Window displays", "Shops", "Default"),
    ("Radio mentions", "Air", "Default"),
    ("Trade fair handouts", "Fairs", "Default"),
    ("Bus stop placards", "Street", "Default"),
    ("Coupon inserts", "Print", "Default"),
)
RATES = ("0.90", "1.20", "0.35", "2.50", "8.00", "0.75", "3.10", "1.85")
GIVES_BACK_IN_TURN = ("net", "net", "unchanged", "zero", "nothing")

# How orders end, in percent.
ENDINGS = {"completed": 74, "partial": 9, "canceled": 6, "reopened": 5, "at_once": 4, "refunded": 2}

FIRST_ID = 23_501
DRIP_FEED_EVERY = 25  # one order in 25
SUBSCRIPTION_EVERY = 40  # one order in 40
REFILL_SHARE = 0.12
TOP_UP_BELOW, TOP_UP = Decimal(10), Decimal(100)


def invented_services(count: int) -> tuple[SimulatedService, ...]:
    """The first `count` services of the invented catalogue, which starts over after its last row."""
    return tuple(_service(index) for index in range(count))


def _service(index: int) -> SimulatedService:
    name, category, kind = CATALOGUE[index % len(CATALOGUE)]
    return SimulatedService(
        service=str(index + 1),
        name=name if index < len(CATALOGUE) else f"{name} {index // len(CATALOGUE) + 1}",
        type=kind,
        category=category,
        rate=RATES[index % len(RATES)],
        refill=index % 3 != 1,
        cancel=index % 4 != 3,
        gives_back=GIVES_BACK_IN_TURN[index % len(GIVES_BACK_IN_TURN)],
    )


def random_scenario(
    seed: int = 1,
    *,
    orders: int = 50,
    services: int | Sequence[SimulatedService] = 8,
    over_minutes: float = 240.0,
    all_at_start: bool = False,
) -> Scenario:
    """Invents a scenario whose orders end within about `over_minutes`; the same seed gives the same scenario.

    services: how many of the invented catalogue the panel offers, or the services themselves.
    all_at_start: place all orders at minute 0, and not spread over the first half of the time.
    A drip-feed or a subscription counts as one order; its children come on top.
    """
    rng = random.Random(seed)
    offered = invented_services(services) if isinstance(services, int) else tuple(services)
    inventor = _Inventor(rng, offered, over_minutes / 2)
    minutes = sorted(0.0 if all_at_start else _digits(rng.uniform(0, over_minutes / 2)) for _ in range(orders))
    for number, minute in enumerate(minutes, 1):
        inventor.invent(number, minute)
    lives = tuple(inventor.lives)
    return Scenario(offered, lives, tuple(inventor.refills), _deposits(lives), seed)


class _Inventor:
    """Hands out ids and collects what it invents. scale: how many minutes the longest life takes."""

    def __init__(self, rng: random.Random, offered: Sequence[SimulatedService], scale: float) -> None:
        self.rng = rng
        self.offered = offered
        self.scale = scale
        self.lives: list[OrderLife] = []
        self.refills: list[RefillLife] = []
        self._next_id = FIRST_ID

    def invent(self, number: int, placed_at: float) -> None:
        if number % SUBSCRIPTION_EVERY == 0:
            self._parent("subscription", placed_at, children=3)
        elif number % DRIP_FEED_EVERY == 0:
            self._parent("drip_feed", placed_at, children=3)
        else:
            self._with_refill(self._order(placed_at, self.scale))

    def _id(self) -> str:
        self._next_id += 1
        return str(self._next_id - 1)

    def _order(self, placed_at: float, scale: float) -> OrderLife:
        service = self.rng.choice(self.offered)
        quantity = self.rng.choice((100, 250, 500, 1000, 2500))
        life = order_life(self.rng, service, self._id(), quantity, placed_at, scale)
        self.lives.append(life)
        return life

    def _parent(self, kind: str, placed_at: float, children: int) -> None:
        """A drip-feed or subscription, whose children start one after the other."""
        own_id, step = self._id(), self.scale / (children + 1)
        family = [self._order(_digits(placed_at + i * step), step) for i in range(children)]
        self.lives.append(parent_life(own_id, kind, placed_at, family))

    def _with_refill(self, life: OrderLife) -> None:
        if life.timeline[-1][1] == "Completed" and self.rng.random() < REFILL_SHARE:
            asked_at = _digits(life.timeline[-1][0] + 0.05 * self.scale)
            refill_id = str(len(self.refills) + 1)
            self.refills.append(refill_life(self.rng, refill_id, life.id, asked_at, self.scale))


@dataclass(frozen=True)
class _Shape:
    """The outline of a life: when the order starts to be delivered, when it ends, and how."""

    placed_at: float
    starts_at: float
    ends_at: float
    ending: str


def order_life(
    rng: random.Random, service: SimulatedService, order_id: str, quantity: int, placed_at: float, scale: float
) -> OrderLife:
    """Invents an ordinary order that ends within `scale` minutes."""
    starts_at = placed_at + scale * rng.uniform(0.02, 0.2)
    ends_at = starts_at + scale * rng.uniform(0.15, 0.6)
    ending = rng.choices(list(ENDINGS), weights=list(ENDINGS.values()))[0]
    return OrderLife(
        id=order_id,
        service=service.service,
        quantity=quantity,
        charge=price(service, quantity),
        placed_at=placed_at,
        timeline=_timeline(rng, quantity, _Shape(placed_at, starts_at, ends_at, ending)),
        start_count=rng.randrange(0, 50_000),
        gives_back=service.gives_back,
    )


def _timeline(rng: random.Random, quantity: int, shape: _Shape) -> Timeline:
    points: list[tuple[float, str, int]] = [(shape.placed_at, "Pending", quantity)]
    if shape.ending == "at_once":
        return _rounded([*points, (shape.starts_at, "Completed", 0)])
    if shape.ending == "canceled" and rng.random() < 0.7:
        return _rounded([*points, (shape.starts_at, "Canceled", quantity)])
    if rng.random() < 0.4:
        points.append(((shape.placed_at + shape.starts_at) / 2, "Processing", quantity))
    left = 0 if shape.ending in ("completed", "reopened") else rng.randrange(1, quantity)
    points += _progress(rng, quantity, left, shape)
    points.append((shape.ends_at, "Completed" if left == 0 else "Partial", left))
    if shape.ending == "canceled":
        points[-1] = (shape.ends_at, "Canceled", left)
    span = shape.ends_at - shape.starts_at
    if shape.ending == "reopened":
        points.append((shape.ends_at + 0.2 * span, MOVING, quantity // 10 + 1))
        points.append((shape.ends_at + 0.5 * span, "Completed", 0))
    if shape.ending == "refunded":
        points.append((shape.ends_at + 0.3 * span, "Refunded", left))
    return _rounded(points)


def _progress(rng: random.Random, quantity: int, left: int, shape: _Shape) -> list[tuple[float, str, int]]:
    """The points of a delivery in uneven steps, until `left` remain."""
    steps = rng.randint(3, 7)
    shares = [0.0, *sorted(rng.random() for _ in range(steps - 1)), 1.0]
    span = 0.95 * (shape.ends_at - shape.starts_at)
    return [
        (shape.starts_at + span * step / steps, MOVING, round(quantity - share * (quantity - left)))
        for step, share in enumerate(shares)
    ]


def refill_life(rng: random.Random, refill_id: str, order: str, asked_at: float, scale: float) -> RefillLife:
    """Invents a refill: pending, in progress, and in most cases completed."""
    moves_at = asked_at + scale * rng.uniform(0.02, 0.1)
    ends_at = moves_at + scale * rng.uniform(0.05, 0.2)
    ending = rng.choices(("Completed", "Rejected", "Canceled"), weights=(85, 10, 5))[0]
    points = ((asked_at, "Pending"), (moves_at, "In progress"), (ends_at, ending))
    return RefillLife(refill_id, order, tuple((_digits(minute), status) for minute, status in points))


def added_life(
    rng: random.Random, service: SimulatedService, order_id: str, quantity: int, placed_at: float, scale: float
) -> OrderLife:
    """Invents an order placed at run time: it follows its service's `life` if there is one, else it is random."""
    life = order_life(rng, service, order_id, quantity, placed_at, scale)
    if not service.life:
        return life
    points = [(placed_at + minute, status, round(share * quantity)) for minute, status, share in service.life]
    return replace(life, timeline=tuple(points))


def price(service: SimulatedService, quantity: int) -> str:
    """The charge as a panel prints it, with five digits."""
    return str((Decimal(service.rate) * quantity / 1000).quantize(Decimal("0.00001")))


def _deposits(lives: Sequence[OrderLife]) -> tuple[tuple[float, Decimal], ...]:
    """The deposits that keep an account, which opened with 100, from running low."""
    balance, deposits = Decimal(100), []
    for minute, amount in sorted(movement for life in lives for movement in movements(life)):
        balance += amount
        if balance < TOP_UP_BELOW:
            deposits.append((minute, TOP_UP))
            balance += TOP_UP
    return tuple(deposits)


def _rounded(points: Sequence[tuple[float, str, int]]) -> Timeline:
    return tuple((_digits(minute), status, remains) for minute, status, remains in points)


def _digits(minute: float) -> float:
    """Rounds a minute to two digits, as in the workload files."""
    return round(minute, 2)
