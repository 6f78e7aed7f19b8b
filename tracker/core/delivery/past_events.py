"""Events read back from the log, with the facts that routing needs decoded from their bodies."""

from decimal import Decimal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tracker.core.delivery import routing
from tracker.core.events.event_types import severity_of
from tracker.core.model import Event, Severity
from tracker.core.rules import HookRules, Where


class _PastOrder(Struct, frozen=True):
    service: str | None = None
    tags: tuple[str, ...] = ()
    charge: Decimal | None = None


class _PastAlert(Struct, frozen=True):
    name: str | None = None


class _PastData(Struct, frozen=True):
    order: _PastOrder = _PastOrder()
    alert: _PastAlert = _PastAlert()


class _PastBody(Struct, frozen=True):
    data: _PastData = _PastData()


_decode = msgspec.json.Decoder(_PastBody).decode


def recalled(id: str, type: str, panel: str, kind: str, remote_id: str, seq: int, at: float, body: str | None) -> Event:
    """Returns the event of a row of the log.

    body: None when retention has deleted it, and with it all that `where` needs.
    """
    text = b"" if body is None else body.encode()
    bare = Event(id, type, panel, kind, remote_id, seq, at, text, severity=severity_of(type))
    if body is None:
        return bare
    data = _decode(text).data
    order = data.order
    return replace(
        bare,
        service=order.service,
        tags=order.tags,
        charge=order.charge,
        severity=severity_of(type, data.alert.name),
    )


def is_bare(event: Event) -> bool:
    """Whether its body is gone: then it cannot be sent, and `where` cannot be checked."""
    return not event.body


def explain(rules: HookRules, event: Event) -> list[str]:
    """Like core.delivery.routing.explain, without the conditions that an event which lost its body leaves open."""
    return routing.explain(without_where(rules) if is_bare(event) else rules, event)


def without_where(rules: HookRules) -> HookRules:
    return replace(rules, where=Where(), min_severity=Severity.INFO)
