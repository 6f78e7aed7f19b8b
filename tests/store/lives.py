"""Histories for reports and figures: orders of two panels that do as they please for some days."""

import random
from decimal import Decimal

from tests.core.beliefs import DAY, NOW
from tests.store import claimed, decided, record, says, track

ZONE = "Europe/Lisbon"
WORDS = ("Pending", "In progress", "Partial", "Completed", "Canceled", "Refunded", "Strange word")


def lives(store, orders=30, steps=6, seed=7, start=NOW):
    """Orders of two panels and three services that do as they please for some days."""
    chance = random.Random(seed)
    for panel in ("main", "spare"):
        for n in range(orders):
            track(
                store, str(n), panel=panel, now=start, quantity=chance.choice([None, 1000]),
                service=chance.choice([None, "12", "13"]), tags=chance.choice([(), ("vip",), ("vip", "late")]),
                just_placed=chance.random() < 0.7, placed_at=chance.choice([None, start - 3600]),
            )  # fmt: skip
    for step in range(1, steps):
        for panel in ("main", "spare"):
            answer = {
                str(n): says(
                    str(n),
                    chance.choice(WORDS),
                    charge=Decimal(chance.randint(0, 99_999)) / 100_000,
                    remains=chance.randint(-5, 1200),
                    currency=chance.choice(["USD", "EUR", None]),
                )
                for n in range(orders)
            }
            ask(store, panel, answer, start + step * DAY / 3)


def ask(store, panel, answer, now):
    claim = claimed(store, now, panel=panel)
    record(store, claim, decided(store, claim, answer, now + 1), now + 1)
