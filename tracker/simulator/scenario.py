"""A scenario: the catalogue, the orders and refills of a simulated panel, and how each of them lives."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tracker.simulator.lifecycle import MOVING, OrderLife, RefillLife, SimulatedService


@dataclass(frozen=True)
class Scenario:
    """Everything a panel knows when it starts. `deposits`: (minute, amount) paid in on the way."""

    services: tuple[SimulatedService, ...] = ()
    orders: tuple[OrderLife, ...] = ()
    refills: tuple[RefillLife, ...] = ()
    deposits: tuple[tuple[float, Decimal], ...] = ()
    seed: int = 1

    @classmethod
    def load(cls, path: str | Path) -> "Scenario":
        """From a .toml scenario or a .jsonl/.ndjson workload (also gzipped).

        Raises UserError with every problem of the file at once.
        """
        from tracker.simulator import scenario_file

        return scenario_file.load(Path(path))

    @classmethod
    def random(
        cls,
        seed: int = 1,
        *,
        orders: int = 50,
        services: int | Sequence[SimulatedService] = 8,
        over_minutes: float = 240.0,
        all_at_start: bool = False,
    ) -> "Scenario":
        """Invented orders whose lives end within about `over_minutes`; the same seed, the same lives.

        They are placed during the first half, or all at minute 0. Drip-feeds and subscriptions
        count as one order; their children come on top.
        """
        from tracker.simulator import invention

        return invention.scenario(seed, orders, services, over_minutes, all_at_start)

    @classmethod
    def static(cls, orders: int, *, quantity: int = 1000) -> "Scenario":
        """So many orders in progress that never move by themselves: for benches, with `advance()`."""
        timeline = ((0.0, MOVING, quantity // 2),)
        lives = (
            OrderLife(str(1_000_001 + i), "1", quantity, "0.90000", 0.0, timeline, start_count=i) for i in range(orders)
        )
        return cls(services=(SimulatedService("1", "Newsletter inserts"),), orders=tuple(lives))
