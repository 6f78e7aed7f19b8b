"""`tracker hooks explain`: say why an event reaches or does not reach each hook."""

from collections.abc import Iterator

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.core.dates import rfc3339
from tracker.core.delivery import past_events
from tracker.core.delivery.hook_health import HookState
from tracker.core.delivery.routing import DeliveryState
from tracker.core.model import Event
from tracker.core.rules import HookRules
from tracker.core.text import safe_text
from tracker.errors import UserError
from tracker.reports import outbox as report
from tracker.reports import past_events as event_log
from tracker.reports.rows import ReportRow

# verdict: the state of the delivery, `not heard` or `not queued`.
FIELDS = ("hook", "verdict", "delivery", "replay", "attempts", "next_attempt_at", "reasons")
SHOWN = ("hook", "verdict", "delivery", "attempts", "next_attempt_at", "what")

NO_DELIVERY: ReportRow = {"delivery": None, "replay": None, "attempts": None, "next_attempt_at": None}
NOT_QUEUED = "its rules would hear it now: they have changed since, or retention has taken the delivery"
NO_BODY = "its body is gone, so where cannot be judged"


@click.command()
@click.argument("event")
@reads
@pass_app
def explain(app: App, output: Output, event: str) -> None:
    """Say why EVENT reaches or does not reach each hook.

    EVENT is an id (evt_…) or its number in the log.
    """
    found = event_log.find_event(app.database, event)
    if found is None:
        raise UserError(f"there is no event {event!r}", ["look for it: tracker events list"])
    number, happened = found
    rows = list(_rows(app, number, happened, clock.now()))
    if output.format == "table":
        facts = (happened.id, happened.type, f"{happened.panel}/{happened.remote_id}", output.when(happened.at))
        click.echo(safe_text("  ".join(facts)))
    shown = [row | {"what": "; ".join(row["reasons"]) or None} for row in rows] if output.format == "table" else rows
    output.rows(shown, FIELDS, SHOWN, "No hooks: add a [hooks.NAME] section to the configuration.", ago=True)


def _rows(app: App, number: int, event: Event, now: float) -> Iterator[ReportRow]:
    """Yields a row for each delivery of the event, and one for each hook without a delivery."""
    sent = report.deliveries_of(app.database, number)
    for name in dict.fromkeys([*app.config.hooks, *(delivery["hook"] for delivery in sent)]):
        config = app.config.hooks.get(name)
        ours = [delivery for delivery in sent if delivery["hook"] == name]
        for delivery in ours:
            yield _sent(app, delivery, config.rules if config else None, event, now)
        if not ours and config:
            yield {"hook": name, **_unsent(config.rules, event)}


def _sent(app: App, delivery: ReportRow, rules: HookRules | None, event: Event, now: float) -> ReportRow:
    return {
        "hook": delivery["hook"],
        "verdict": delivery["state"],
        "delivery": delivery["id"],
        "replay": delivery["replay"],
        "attempts": delivery["attempts"],
        "next_attempt_at": delivery["next_attempt_at"] if delivery["state"] == DeliveryState.WAITING else None,
        "reasons": [app.mask(reason) for reason in _about(app, delivery, rules, event, now)],
    }


def _unsent(rules: HookRules, event: Event) -> ReportRow:
    if reasons := past_events.explain(rules, event):
        return {"verdict": "not heard", **NO_DELIVERY, "reasons": reasons}
    blind = past_events.is_bare(event) and rules != past_events.without_where(rules)
    return {"verdict": "not queued", **NO_DELIVERY, "reasons": [NO_BODY if blind else NOT_QUEUED]}


def _about(app: App, delivery: ReportRow, rules: HookRules | None, event: Event, now: float) -> Iterator[str]:
    """Yields what there is to say about a delivery beyond its state."""
    match delivery["state"]:
        case DeliveryState.WAITING:
            yield from _waits(app, delivery, rules, now)
        case DeliveryState.HELD:
            _, _, why = event_log.standing(app.database, delivery["hook"])
            yield f"the hook is disabled ({why}): tracker hooks enable {delivery['hook']}"
        case DeliveryState.ORPHANED:
            yield "the hook is not in the configuration"
        case DeliveryState.DELIVERED:
            yield f"delivered at {rfc3339(delivery['settled_at'])}"
        case DeliveryState.DEAD:
            yield f"{delivery['error'] or 'given up'}: tracker hooks retry {delivery['id']}"
    if rules is not None and (reasons := past_events.explain(rules, event)):
        yield f"its rules would not hear it now: {'; '.join(reasons)}"


def _waits(app: App, delivery: ReportRow, rules: HookRules | None, now: float) -> Iterator[str]:
    """Yields what a waiting delivery waits for."""
    if rules is None:
        yield "the hook is not in the configuration"
        return
    state, wait_until, why = event_log.standing(app.database, delivery["hook"])
    if state != HookState.OK:
        yield f"the hook is {state} ({why})"
    if wait_until is not None and wait_until > now:
        yield f"nothing goes out to it before {rfc3339(wait_until)}"
    if (full_until := event_log.minute_full_until(app.database, rules, now)) is not None:
        limit = f"{rules.max_per_minute} deliveries a minute reached (max_per_minute)"
        yield f"{limit}: nothing goes out to it before {rfc3339(full_until)}"
    if rules.per_order and (first := report.ahead(app.database, delivery, rules.hold_for_s, now)) is not None:
        yield f"held back by delivery {first}, an earlier one of {delivery['stream']}"
    if delivery["error"]:
        yield f"attempt {delivery['attempts']} failed: {delivery['error']}"
    due = delivery["next_attempt_at"] is not None and delivery["next_attempt_at"] <= now
    yield "due now" if due else f"next attempt at {rfc3339(delivery['next_attempt_at'])}"
