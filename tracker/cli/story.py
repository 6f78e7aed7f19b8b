"""`tracker orders show` as people see it: one order with its moves, events and deliveries."""

from collections.abc import Iterator

import click

from tracker.cli.app import App
from tracker.cli.output import Output, table
from tracker.core.rules import PollRules
from tracker.core.text import safe_text
from tracker.reports import panels, set_aside
from tracker.reports.order_story import CHILD_FIELDS
from tracker.reports.orders import STORED
from tracker.reports.refills import REFILL_FIELDS
from tracker.reports.rows import ReportRow

_FACTS = tuple(key for key in STORED if key != "next_poll_at")


def tell(order: ReportRow, app: App, output: Output, now: float) -> None:
    """Print an order. order: as `reports.order_story.story` returns it."""
    width = max(map(len, _FACTS))
    for key in _FACTS:
        if order[key] not in (None, []):
            click.echo(f"{key.removesuffix('_at').replace('_', ' '):<{width}}  {output.text(key, order[key])}")
    if "as_of" in order:
        click.echo(f"{'as of':<{width}}  {output.when(order['as_of'])}")
    else:
        click.echo(f"{'next poll':<{width}}  {_next_poll(order, app, output, now)}")
    if order["transitions"]:
        click.echo("\nMoves")
        table(
            [_shown_move(move) for move in order["transitions"]],
            ("at", "move", "charge", "remains", "note"),
            output.when,
        )
    if order["progress"]:
        click.echo("\nProgress")
        table(order["progress"], ("at", "remains"), output.when)
    if order["children"]:
        click.echo("\nChildren")
        table(order["children"], CHILD_FIELDS[:6], output.when)
    if order["refills"]:
        click.echo("\nRefills")
        table(order["refills"], REFILL_FIELDS[1:], output.when)
    if order.get("alerts"):
        click.echo("\nAlerts of its panel then")
        table(order["alerts"], ("name", "since", "reason"), output.when)
    if order["events"]:
        click.echo("\nEvents and deliveries")
        for line in _events(order["events"], output):
            click.echo(safe_text(line))


def _next_poll(order: ReportRow, app: App, output: Output, now: float) -> str:
    """Returns when the order is polled next, why then, and what may delay it."""
    at, why = order["next_poll_at"], _why(order, app.rules.get(order["panel"]))
    aside = set_aside.of_order(app.database, order["panel"], order["id"])
    if at is not None and aside:
        at, why = max(row["next_try_at"] for row in aside), "set aside"
    when = "never" if at is None else "now" if at <= now else output.when(at)
    return "; ".join([f"{when} ({why})", *(_aside(row, output) for row in aside), *_obstacles(order, app, output, now)])


def _why(order: ReportRow, rules: PollRules | None) -> str:
    if rules is None:
        return "its panel is not configured"
    every, recheck, until = map(_long, (rules.poll_every_s, rules.recheck_every_s, rules.recheck_until_s))
    return {
        "new": "new: it has not been asked about yet",
        "fresh": f"fresh: young orders are asked about sooner than every {every}",
        "open": f"open: asked about every {every}",
        "recheck": f"recheck: finished, asked about every {recheck} until {until} after its end",
        "done": f"done: finished more than {until} ago",
        "paused": f"paused by hand: tracker orders resume {order['panel']} {order['id']}",
        "not_found": "not found: the panel does not know it, asked about daily",
    }[order["next_poll_reason"]]


def _obstacles(order: ReportRow, app: App, output: Output, now: float) -> Iterator[str]:
    """Yields what may delay the poll beyond the order's own schedule."""
    rules = app.rules.get(order["panel"])
    if rules is None:
        return
    panel = panels.panel(app.database, order["panel"], rules, now)
    if panel["state"] == "paused":
        yield f"its panel is paused: tracker panels resume {order['panel']}"
    if panel["wait_until"] is not None and panel["wait_until"] > now:
        yield f"its panel is left alone until {output.when(panel['wait_until'])} ({panel['trouble']})"
    if misses := set_aside.left_out(app.database, order["panel"], order["id"]):
        yield f"the last {misses} answers left it out"
    if panel["budget_used"] >= panel["budget"]:
        yield f"its panel's budget of {panel['budget']} requests a minute is used up"


def _aside(row: ReportRow, output: Output) -> str:
    """Returns why an order is not asked about with the others."""
    since, again = output.when(row["since"]), output.when(row["next_try_at"])
    if row["what"] == set_aside.EVERY_CALL:
        return f"no call for statuses is answered since {since}; tried again {again}: {row['words']}"
    if row["halving"]:
        return f"a call that named it failed at {since}; the ids of that call are asked about in halves: {row['words']}"
    return f"calls that name it fail since {since}; it is asked about alone {again}: {row['words']}"


def _shown_move(move: ReportRow) -> ReportRow:
    moved = move["old"] != move["new"]
    notes = [
        *(["regressed"] if move["regressed"] else []),
        *([f"skipped {', '.join(move['skipped'])}"] if move["skipped"] else []),
        *([f"charge was {move['old_charge']:f}"] if not moved and move["old_charge"] is not None else []),
    ]
    words = f"{move['old'] or 'new'} -> {move['new']}" if moved else f"{move['new']} (charge)"
    return move | {"move": words, "note": "; ".join(notes)}


def _events(events: list[ReportRow], output: Output) -> Iterator[str]:
    for event in events:
        yield f"{output.when(event['at'])}  {event['type']}  {event['id']}"
        for sent in event["deliveries"]:
            waits = sent["state"] == "waiting" and sent["next_attempt_at"] is not None
            due = f", next attempt {output.when(sent['next_attempt_at'])}" if waits else ""
            yield f"    {sent['hook']}: {sent['state']}{due} (delivery {sent['id']})"
            for attempt in sent["tries"]:
                yield f"        {output.when(attempt['started_at'])}  {_attempt(attempt)}"


def _attempt(attempt: ReportRow) -> str:
    took = "" if attempt["took_s"] is None else f" in {attempt['took_s']:.2f} s"
    code = "" if attempt["code"] is None else f", code {attempt['code']}"
    error = f": {attempt['error']}" if attempt["error"] else ""
    return f"#{attempt['number']} {attempt['outcome'] or 'under way'}{took}{code}{error}"


def _long(seconds: float) -> str:
    """`5m`, `24h`, `30d`: the largest unit that fits evenly."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size and seconds % size == 0 and not (unit == "d" and seconds == size):
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
