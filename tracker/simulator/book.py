"""The orders and refills of a simulated panel, and what they do to its balance."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tracker.simulator import invention
from tracker.simulator.ledger import Ledger
from tracker.simulator.lifecycle import (
    OPEN_WORDS,
    OrderLife,
    RefillLife,
    SimulatedService,
    moved,
    movements,
    parent_life,
    refill_status_at,
    state_at,
)
from tracker.simulator.scenario import Scenario

CANCEL_TAKES_MIN = 2.0  # from accepting a cancel to the new status
ADDED_SCALE_MIN = 120.0  # the longest life of an order added at run time


class Book:
    """Orders and refills by id, and the balance. Methods that write hold the lock; looking up an order needs none."""

    def __init__(self, scenario: Scenario, balance: Decimal, currency: str) -> None:
        self.currency = currency
        self.services = {service.service: service for service in scenario.services}
        self.orders = {order.id: order for order in scenario.orders}
        self.refills = {refill.id: refill for refill in scenario.refills}
        self._refill_of = {refill.order: refill.id for refill in scenario.refills}
        self._seed = scenario.seed
        self._lock = threading.Lock()
        self._next_order = max((int(i) for i in self.orders if i.isdecimal()), default=23_500) + 1
        self._next_refill = max((int(i) for i in self.refills if i.isdecimal()), default=0) + 1
        self._ledger = Ledger(balance)
        self._ledger.post(scenario.deposits)
        for order in scenario.orders:
            self._ledger.post(movements(order))

    def balance(self, minute: float) -> Decimal:
        with self._lock:
            return self._ledger.balance(minute)

    def set_balance(self, amount: Decimal, minute: float) -> None:
        """Posts the difference that makes the balance `amount` at this minute."""
        with self._lock:
            self._ledger.post([(minute, amount - self._ledger.balance(minute))])

    def place(self, life: OrderLife) -> None:
        """Adds an order, or replaces the life of a known one."""
        with self._lock:
            self._put(life)

    def _put(self, life: OrderLife) -> None:
        known = self.orders.get(life.id)
        if known is not None:
            self._ledger.post(movements(known), sign=-1)
        self._ledger.post(movements(life))
        self.orders[life.id] = life

    def buy(self, service: SimulatedService, quantity: int, minute: float, runs: int, every_min: float) -> str | None:
        """Places a new order, takes the charge and returns the order's id; None when the balance is too low.

        More than one run makes a drip-feed: a parent, and a child every `every_min` minutes, all paid now.
        """
        with self._lock:
            cost = Decimal(invention.price(service, quantity)) * runs
            if cost > self._ledger.balance(minute):
                return None
            if runs == 1:
                return self._new(service, quantity, minute, paid_at=minute).id
            parent_id = self._take_id()
            family = [self._new(service, quantity, minute + i * every_min, minute) for i in range(runs)]
            self._put(parent_life(parent_id, "drip_feed", minute, family))
            return parent_id

    def _new(self, service: SimulatedService, quantity: int, placed_at: float, paid_at: float) -> OrderLife:
        order_id = self._take_id()
        rng = random.Random(f"{self._seed}/{order_id}")
        life = invention.added_life(rng, service, order_id, quantity, placed_at, ADDED_SCALE_MIN)
        life = replace(life, paid_at=paid_at)
        self._put(life)
        return life

    def _take_id(self) -> str:
        while str(self._next_order) in self.orders:
            self._next_order += 1
        self._next_order += 1
        return str(self._next_order - 1)

    def cancel(self, order_id: str, minute: float) -> bool:
        """Returns whether a cancel is accepted.

        An order that is still open CANCEL_TAKES_MIN later becomes Canceled then, or Partial if some was delivered.
        """
        with self._lock:
            life = self.orders[order_id]
            service = self.services.get(life.service)
            now = state_at(life, minute)
            if now is None or now.status not in OPEN_WORDS or service is None or not service.cancel:
                return False
            then = state_at(life, minute + CANCEL_TAKES_MIN)
            assert then is not None
            if then.status in OPEN_WORDS:
                word = "Canceled" if then.remains >= life.quantity else "Partial"
                self._put(moved(life, minute + CANCEL_TAKES_MIN, word, then.remains))
            return True

    def refill(self, order_id: str, minute: float) -> str | None:
        """Opens a refill and returns its id; None when the order cannot have one, or not now."""
        with self._lock:
            life = self.orders[order_id]
            service = self.services.get(life.service)
            now = state_at(life, minute)
            if now is None or now.status != "Completed" or service is None or not service.refill:
                return None
            earlier = self.refills.get(self._refill_of.get(order_id, ""))
            if earlier is not None and refill_status_at(earlier, minute) in OPEN_WORDS:
                return None
            refill_id = str(self._next_refill)
            self._next_refill += 1
            rng = random.Random(f"{self._seed}/refill/{refill_id}")
            self.refills[refill_id] = invention.refill_life(rng, refill_id, order_id, minute, ADDED_SCALE_MIN)
            self._refill_of[order_id] = refill_id
            return refill_id

    def place_refill(self, life: RefillLife) -> None:
        with self._lock:
            self.refills[life.id] = life
            self._refill_of[life.order] = life.id

    def advance(self, minute: float, share: float, status: str, remains: int | None) -> list[str]:
        """Moves the first `share` of the known orders to `status` for good, and returns their ids.

        remains: what remains of each from now on; None keeps what remains at this minute.
        """
        with self._lock:
            known = [life for life in self.orders.values() if life.placed_at <= minute]
            chosen = known[: round(len(known) * share)]
            for life in chosen:
                now = state_at(life, minute)
                left = now.remains if remains is None and now is not None else remains or 0
                self._put(moved(life, minute, status, left))
            return [life.id for life in chosen]

    def refill_word(self, refill_id: str, minute: float) -> str | None:
        """The refill's status word; None when there is no such refill yet."""
        life = self.refills.get(refill_id)
        return None if life is None else refill_status_at(life, minute)

    def known(self, minute: float) -> Iterator[OrderLife]:
        """The orders placed by that minute."""
        return (life for life in list(self.orders.values()) if life.placed_at <= minute)

    def truth(self, order_id: str, minute: float) -> dict[str, Any] | None:
        """The order's real state at that minute; None when it is not placed yet."""
        life = self.orders.get(order_id)
        state = None if life is None else state_at(life, minute)
        if life is None or state is None:
            return None
        return {
            "id": life.id,
            "status": state.status,
            "remains": state.remains if life.kind == "default" else None,
            "charge": state.charge,
            "currency": self.currency,
            "start_count": life.start_count,
            "quantity": life.quantity,
            "service": life.service,
            "kind": life.kind,
            "children": [child for placed_at, child in life.children if placed_at <= minute],
            "placed_at_s": life.placed_at * 60,
        }
