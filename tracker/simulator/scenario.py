"""A scenario: the catalogue of a simulated panel, its orders and refills, and the life of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tracker.simulator.lifecycle import MOVING, OrderLife, RefillLife, SimulatedService


@dataclass(frozen=True)
class Scenario:
    """Everything that a panel knows when it starts. Made by load_scenario, random_scenario or static().

    deposits: (minute, amount) that are paid in later.
    seed: for the lives of orders that are added at run time.
    faults: settings of Faults, by the name of its switch.
    """

    services: tuple[SimulatedService, ...] = ()
    orders: tuple[OrderLife, ...] = ()
    refills: tuple[RefillLife, ...] = ()
    deposits: tuple[tuple[float, Decimal], ...] = ()
    seed: int = 1
    faults: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def static(cls, orders: int, *, quantity: int = 1000) -> "Scenario":
        """Orders in progress that stay as they are until SimulatedPanel.advance() moves them, for benches."""
        timeline = ((0.0, MOVING, quantity // 2),)
        lives = (
            OrderLife(str(1_000_001 + i), "1", quantity, "0.90000", 0.0, timeline, start_count=i) for i in range(orders)
        )
        return cls(services=(SimulatedService("1", "Newsletter inserts"),), orders=tuple(lives))
