"""Reads scenario files, which are TOML written by hand or a workload of JSON lines."""

import gzip
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from tracker.errors import Exit, UserError
from tracker.simulator.faults import SWITCHES, Faults
from tracker.simulator.lifecycle import GIVES_BACK, OrderLife, RefillLife, SimulatedService, Timeline
from tracker.simulator.scenario import Scenario

RawTable = Mapping[str, Any]
RawValue = TypeVar("RawValue")

KINDS = ("default", "drip_feed", "subscription")
TYPES = ("Default", "Custom Comments", "Comment Likes")
KNOWN_KEYS: Mapping[str, frozenset[str]] = {
    "": frozenset({"seed", "services", "orders", "refills", "deposits", "faults"}),
    "faults": frozenset(SWITCHES),
    "services": frozenset(
        {"service", "name", "type", "category", "rate", "min", "max", "refill", "cancel", "gives_back", "life"}
    ),
    "orders": frozenset(
        {"id", "service", "quantity", "charge", "placed_at", "start_count", "timeline", "kind", "children",
         "expiry"}
    ),
    "refills": frozenset({"id", "order", "timeline"}),
    "deposits": frozenset({"minute", "amount"}),
}  # fmt: skip


@dataclass
class _FileReading:
    """Collects all problems of a file, so that they are reported together."""

    problems: list[str]

    def rows(self, rows: Any, name: str, build: Callable[[RawTable], RawValue]) -> tuple[RawValue, ...]:
        if not isinstance(rows, list):
            self.problems.append(f"{name}: must be an array of tables, [[{name}]]")
            return ()
        values = (self.row(row, name, f"{name}[{index}]", build) for index, row in enumerate(rows))
        return tuple(value for value in values if value is not None)

    def row(self, row: Any, name: str, where: str, build: Callable[[RawTable], RawValue]) -> RawValue | None:
        if not isinstance(row, dict):
            self.problems.append(f"{where}: must be a table")
            return None
        self.problems += [f"{where}.{key}: unknown key" for key in sorted(row.keys() - KNOWN_KEYS[name])]
        try:
            return build(row)
        except KeyError as error:
            self.problems.append(f"{where}.{error.args[0]}: is missing")
        except (TypeError, ValueError, IndexError, AttributeError, InvalidOperation) as error:
            self.problems.append(f"{where}: {error}")
        return None


def load_scenario(path: str | Path) -> Scenario:
    """Reads a .toml scenario or a .jsonl/.ndjson workload, which may be gzipped (.gz).

    Raises UserError with every problem of the file at once.
    """
    path, reading = Path(path), _FileReading([])
    try:
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        is_toml = path.suffix == ".toml"
        scenario = _from_toml(tomllib.loads(text), reading) if is_toml else _from_lines(text, reading)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path}: cannot be read", [str(error)], Exit.CONFIG) from error
    if reading.problems:
        raise UserError(f"{path}: {len(reading.problems)} problem(s)", reading.problems, Exit.CONFIG)
    return scenario


def _from_toml(data: RawTable, reading: _FileReading) -> Scenario:
    reading.problems += [f"{key}: unknown key" for key in sorted(data.keys() - KNOWN_KEYS[""])]
    services = reading.rows(data.get("services", []), "services", _service)
    orders = reading.rows(data.get("orders", []), "orders", _order)
    refills = reading.rows(data.get("refills", []), "refills", _refill)
    deposits = reading.rows(
        data.get("deposits", []), "deposits", lambda row: (float(row["minute"]), _money(row["amount"]))
    )
    faults = reading.row(data.get("faults", {}), "faults", "faults", _faults) or {}
    return replace(_joined(services, orders, refills, deposits, int(data.get("seed", 1)), reading), faults=faults)


def _faults(row: RawTable) -> RawTable:
    """Returns the settings. Raises ValueError for what Faults does not take."""
    known = {name: value for name, value in row.items() if name in SWITCHES}
    trial = Faults()
    for name, value in known.items():
        if isinstance(value, bool) is not isinstance(getattr(trial, name), bool) or isinstance(value, str) is not (
            isinstance(getattr(trial, name), str)
        ):
            raise ValueError(f"{name}: {value!r} is not what it takes")
        setattr(trial, name, value)
    return known


def _from_lines(text: str, reading: _FileReading) -> Scenario:
    """Reads a workload, which has one order a line. It names services by number only, so the rest is invented."""
    orders = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            reading.problems.append(f"line {number}: {error}")
            continue
        order = reading.row(row, "orders", f"line {number}", _order)
        orders += [] if order is None else [order]
    names = sorted({order.service for order in orders})
    services = tuple(SimulatedService(name, f"Service {name}") for name in names)
    return _joined(services, tuple(orders), (), (), 1, reading)


def _joined(
    services: tuple[SimulatedService, ...],
    orders: tuple[OrderLife, ...],
    refills: tuple[RefillLife, ...],
    deposits: tuple[tuple[float, Decimal], ...],
    seed: int,
    reading: _FileReading,
) -> Scenario:
    """Joins the parts: children get the minute at which they are placed, orders get their service's `gives_back`."""
    by_id = {order.id: order for order in orders}
    gives_back = {service.service: service.gives_back for service in services}
    if len(by_id) < len(orders):
        reading.problems.append("orders: an id occurs twice")
    for order in orders:
        for _, child in order.children:
            if child not in by_id:
                reading.problems.append(f"orders {order.id}: its child {child} is not an order of this file")
    reading.problems += [
        f"refills {refill.id}: order {refill.order} is not an order of this file"
        for refill in refills
        if refill.order not in by_id
    ]
    joined = tuple(
        replace(
            order,
            gives_back=gives_back.get(order.service, "net"),
            children=tuple((by_id[i].placed_at, i) for _, i in order.children if i in by_id),
        )
        for order in orders
    )
    return Scenario(services, joined, refills, deposits, seed)


def _service(row: RawTable) -> SimulatedService:
    return SimulatedService(
        service=str(row["service"]),
        name=str(row["name"]),
        type=_one_of(row.get("type", "Default"), TYPES, "type"),
        category=str(row.get("category", "Print")),
        rate=str(_money(row.get("rate", "1.00"))),
        min=int(row.get("min", 10)),
        max=int(row.get("max", 100_000)),
        refill=bool(row.get("refill", True)),
        cancel=bool(row.get("cancel", True)),
        gives_back=_one_of(row.get("gives_back", "net"), tuple(GIVES_BACK), "gives_back"),
        life=tuple((float(m), str(status), float(share)) for m, status, share in row.get("life", [])),
    )


def _order(row: RawTable) -> OrderLife:
    timeline = _timeline(row["timeline"])
    return OrderLife(
        id=str(row["id"]),
        service=str(row.get("service", "1")),
        quantity=int(row.get("quantity", 0)),
        charge=str(_money(row.get("charge", "0.00000"))),
        placed_at=float(row.get("placed_at", timeline[0][0])),
        timeline=timeline,
        start_count=int(row.get("start_count", 0)),
        kind=_one_of(row.get("kind", "default"), KINDS, "kind"),
        children=tuple((0.0, str(child)) for child in row.get("children", [])),
        expiry=str(row.get("expiry", "31/12/2030")),
    )


def _refill(row: RawTable) -> RefillLife:
    points = tuple((float(point[0]), str(point[1])) for point in row["timeline"])
    if not points or list(points) != sorted(points, key=lambda point: point[0]):
        raise ValueError("timeline: needs points in ascending order of minutes")
    return RefillLife(str(row["id"]), str(row["order"]), points)


def _timeline(points: Any) -> Timeline:
    timeline = tuple((float(p[0]), str(p[1]), int(p[2]) if len(p) > 2 else 0) for p in points)
    if not timeline:
        raise ValueError("timeline: needs at least one point [minute, status, remains]")
    if any(later[0] < earlier[0] for earlier, later in pairwise(timeline)):
        raise ValueError("timeline: minutes must not go backwards")
    return timeline


def _money(value: Any) -> Decimal:
    if isinstance(value, float):
        raise TypeError(f"money is text, not {value!r}: write it in quotes")
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise ValueError(f"{value!r} is not an amount of money")
    return amount


def _one_of(value: Any, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is not one of {', '.join(allowed)}")
    return str(value)
