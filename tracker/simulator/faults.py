"""Chooses the fault for each call: at random, from a queue, in a time window, or always.

Four families, each a table in its own file:
  instead   the panel does not act; something else is answered      (fault_instead)
  alter     a status answer in another shape, other values or words (fault_alter)
  bent      the right answer in odd bytes                           (fault_wire.BENT)
  broken    the panel acts, the answer is lost                      (fault_wire.BROKEN)
"""

import random
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracker.simulator.fault_alter import ALTER, ALTER_BATCH
from tracker.simulator.fault_instead import INSTEAD, INSTEAD_OF_BATCH
from tracker.simulator.fault_wire import BENT, BROKEN
from tracker.simulator.request import PanelRequest


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One fault. scope: any (every call) | entry (every status call) | batch (a status call with `orders`)."""

    name: str
    family: str
    scope: str
    what: str

    def fits(self, request: PanelRequest) -> bool:
        if self.scope == "any":
            return True
        return request.action == "status" and bool(request.ids) and (request.batch or self.scope == "entry")


def _table() -> dict[str, FaultKind]:
    rows = [
        *(FaultKind(name, "instead", "any", row[0]) for name, row in INSTEAD.items()),
        *(FaultKind(name, "instead", "batch", row[0]) for name, row in INSTEAD_OF_BATCH.items()),
        *(FaultKind(name, "alter", "entry", row[0]) for name, row in ALTER.items()),
        *(FaultKind(name, "alter", "batch", row[0]) for name, row in ALTER_BATCH.items()),
        *(FaultKind(name, "bent", "any", row[0]) for name, row in BENT.items()),
        *(FaultKind(name, "broken", "any", row[0]) for name, row in BROKEN.items()),
    ]
    return {kind.name: kind for kind in rows}


KINDS: Mapping[str, FaultKind] = _table()
ALL = frozenset(KINDS)
SLOW = frozenset({"hang", "drip_headers", "drip_body", "huge_body", "gzip_bomb"})
# A good client stays away for a long time after these, so a test that waits for progress leaves them out.
LASTING = frozenset({"wrong_key", "batch_refused", "batch_order_error", "strange_refusal"})
PASSING = ALL - SLOW - LASTING
# What `POST /_control/switches` may set of Faults, by the attribute's name.
SWITCHES = (
    "rate", "hang_all", "auth_broken", "batch_unknown", "retry_after", "max_hang_s",
    "broken", "poison", "refusal", "endless_children",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """An outage: every call in [from_s, until_s) since the panel's start meets `kind`.

    simulated: the two are simulated seconds, and not real ones.
    """

    from_s: float
    until_s: float
    kind: str
    simulated: bool

    def covers(self, real_s: float, sim_s: float) -> bool:
        return self.from_s <= (sim_s if self.simulated else real_s) < self.until_s


class Faults:
    """The faults of one panel. All of it can be changed while the panel runs. Thread-safe.

    rate: the share of calls that get a random fault.
    kinds: the faults to draw from, evenly; or a mapping of names to weights.
    retry_after: the value of Retry-After in 429 and 503.
    max_hang_s: how long hangs and drips last.
    Switches: hang_all (every call hangs), auth_broken (every key is refused), batch_unknown (`orders` is not known).
    Trouble of a part of the panel, as lasting as a switch:
    broken: action -> fault. Every call of this action meets it.
    poison: id -> fault. Every call that names this id meets it, whatever else the call names.
    refusal: the text in which every call is refused; "": none is.
    endless_children: so many new ids are listed under every order, in every answer.
    """

    def __init__(
        self,
        rate: float = 0.0,
        kinds: Iterable[str] | Mapping[str, float] = PASSING,
        seed: int = 1,
        *,
        retry_after: str = "60",
        max_hang_s: float = 30.0,
    ) -> None:
        self.weights = _weights(kinds)
        self.rate = rate
        self.retry_after = retry_after
        self.max_hang_s = max_hang_s
        self.hang_all = False
        self.auth_broken = False
        self.batch_unknown = False
        self.refusal = ""
        self.endless_children = 0
        self._broken: dict[str, str] = {}
        self._poison: dict[str, str] = {}
        self._windows: list[Window] = []
        self._queue: deque[str] = deque()
        self._rng = random.Random(seed)
        self._lock = threading.Lock()

    def queue(self, *names: str) -> None:
        """Gives the next calls one of these faults each; a fault waits for the first call that it fits."""
        _weights(names)
        with self._lock:
            self._queue.extend(names)

    def down(self, from_s: float, until_s: float, *, kind: str = "http_503", simulated: bool = False) -> None:
        """Adds an outage between these seconds since the panel's start."""
        _weights([kind])
        with self._lock:
            self._windows.append(Window(from_s, until_s, kind, simulated))

    def clear(self) -> None:
        """Turns off everything: no faults from now on."""
        with self._lock:
            self._windows.clear()
            self._queue.clear()
            self.rate = 0.0
            self.hang_all = self.auth_broken = self.batch_unknown = False
            self.refusal, self.endless_children = "", 0
            self._broken, self._poison = {}, {}

    @property
    def broken(self) -> Mapping[str, str]:
        return self._broken

    @broken.setter
    def broken(self, by_action: Mapping[str, str]) -> None:
        _weights(by_action.values())
        self._broken = dict(by_action)

    @property
    def poison(self) -> Mapping[str, str]:
        return self._poison

    @poison.setter
    def poison(self, by_id: Mapping[str, str]) -> None:
        _weights(by_id.values())
        self._poison = dict(by_id)

    def choose(self, request: PanelRequest, real_s: float, sim_s: float) -> tuple[FaultKind | None, random.Random]:
        """Returns the fault for this call, or None, and the random numbers that the fault may use."""
        with self._lock:
            name = self._held(request, real_s, sim_s) or self._queued(request) or self._drawn(request)
            rng = random.Random(self._rng.getrandbits(64)) if name else self._rng
        return (KINDS[name] if name else None), rng

    def _held(self, request: PanelRequest, real_s: float, sim_s: float) -> str | None:
        if self.hang_all:
            return "hang"
        for window in self._windows:
            if window.covers(real_s, sim_s) and KINDS[window.kind].fits(request):
                return window.kind
        if self.auth_broken:
            return "wrong_key"
        if self.refusal:
            return "strange_refusal"
        if self.batch_unknown and request.batch and request.action == "status":
            return "batch_refused"
        poisoned = next((self._poison[one] for one in request.ids if one in self._poison), None)
        return self._broken.get(request.action, poisoned)

    def _queued(self, request: PanelRequest) -> str | None:
        for name in self._queue:
            if KINDS[name].fits(request):
                self._queue.remove(name)
                return name
        return None

    def _drawn(self, request: PanelRequest) -> str | None:
        if not self.rate or self._rng.random() >= self.rate:
            return None
        fitting = [name for name in self.weights if KINDS[name].fits(request)]
        if not fitting:
            return None
        return self._rng.choices(fitting, weights=[self.weights[name] for name in fitting])[0]


def _weights(kinds: Iterable[str] | Mapping[str, float]) -> dict[str, float]:
    """Name -> weight in a stable order. Raises ValueError for an unknown fault."""
    weights = dict(kinds) if isinstance(kinds, Mapping) else dict.fromkeys(sorted(kinds), 1.0)
    unknown = sorted(weights.keys() - KINDS.keys())
    if unknown:
        raise ValueError(f"no such fault: {', '.join(unknown)}")
    return weights
