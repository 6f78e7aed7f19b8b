"""Compares two catalogues of one panel."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tracker.core.model import Service
from tracker.core.money import money

CHANGES_MAX = 50  # listed in the event; its counts cover all of them
NUMBERS = ("rate", "min", "max")
COMPARED = ("name", "type", "category", "rate", "min", "max", "refill", "cancel")


class Difference(Struct, frozen=True):
    """The ids of the services that were added, removed or changed.

    changes: each as the event has it: service, what, old, new.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    changes: tuple[dict[str, Any], ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def facts(self) -> dict[str, Any]:
        """`data.catalogue` of `catalogue.changed`."""
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "changed": len(self.changed),
            "changes": self.changes[:CHANGES_MAX],
        }


NOTHING = Difference((), (), (), ())


def believed(before: Service | None, said: Service) -> Service:
    """Returns the service as it is believed: a number that was left out or garbled does not replace a known one."""
    if before is None:
        return said
    return replace(said, **{what: getattr(before, what) for what in NUMBERS if getattr(said, what) is None})


def compare(known: Mapping[str, Service], said: Sequence[Service]) -> Difference:
    """Returns what the panel's new list changes. An empty list changes nothing: panels in trouble print one."""
    if not said:
        return NOTHING
    now = {service.service: service for service in said}
    added = tuple(id_ for id_ in now if id_ not in known)
    removed = tuple(id_ for id_ in known if id_ not in now)
    changes: list[dict[str, Any]] = []
    changed = []
    for id_, service in now.items():
        before = known.get(id_)
        moves = [] if before is None else _moves(before, service)
        if moves:
            changed.append(id_)
            changes += moves
    listed = [_came_or_went(now[id_], "added") for id_ in added] + [
        _came_or_went(known[id_], "removed") for id_ in removed
    ]
    return Difference(added, removed, tuple(changed), tuple(changes + listed))


def _moves(before: Service, after: Service) -> list[dict[str, Any]]:
    return [
        {"service": after.service, "what": what, "old": _plain(before, what), "new": _plain(after, what)}
        for what in COMPARED
        if getattr(before, what) != getattr(after, what)
    ]


def _came_or_went(service: Service, what: str) -> dict[str, Any]:
    name = service.name
    return {
        "service": service.service,
        "what": what,
        "old": name if what == "removed" else None,
        "new": name if what == "added" else None,
    }


def _plain(service: Service, what: str) -> Any:
    return money(service.rate) if what == "rate" else getattr(service, what)
