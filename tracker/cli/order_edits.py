"""`tracker orders edit`, `remove` and `forget`: correct what was said about orders, or delete it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click

from tracker.cli.app import App, pass_app
from tracker.cli.params import counted, ids_argument, orders_in_words, panel_argument, sure, yes_option
from tracker.core.dates import rfc3339
from tracker.core.orders.order_edits import FIELDS, Edit
from tracker.core.text import safe_text
from tracker.errors import Exit


@click.command(
    epilog="""\b
Examples:
  tracker orders edit main 23501 --service 13 --quantity 500
  tracker orders edit main 23501 23502 --tag vip --tag late
  tracker orders edit main 23501 --clear ref --clear parent

What the panel says (status, remains, a charge it has answered) cannot be edited: it comes with the next
answer. Events that were sent keep their words.
"""
)
@panel_argument
@ids_argument
@click.option("--service", help="The service's id at the panel.")
@click.option("--quantity", help="How many were ordered.")
@click.option("--charge", help="What it cost, like 1.25; until the panel says it.")
@click.option("--link", help="What was ordered for; never sent to a hook.")
@click.option("--ref", help="Your own name for it.")
@click.option("--tag", "tags", multiple=True, help="A label, instead of the present ones; may be given several times.")
@click.option("--placed-at", help="When: 2026-11-23T02:14:07Z.")
@click.option("--parent", help="The order it is a part of.")
@click.option("--clear", "clear", multiple=True, type=click.Choice(FIELDS), help="Empty this field.")
@pass_app
def edit(
    app: App, /, panel: str, ids: Sequence[str], tags: Sequence[str], clear: Sequence[str], **facts: str | None
) -> Exit:
    """Correct what you said about orders, and print what that changed."""
    row: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
    row |= {"tags": list(tags)} if tags else {}
    if not row and not clear:
        raise click.UsageError("nothing to change: say what, as in --service 13 or --clear ref")
    edits = [_print_edit(id_, done) for id_, done in app.actions.orders.edit(panel, ids, row, clear)]
    changed = sum(bool(done.changed) for done in edits)
    refused = sum(bool(done.refused) for done in edits)
    same = len(edits) - changed - refused
    click.echo(f"{changed} changed" + (f", {same} as before" if same else ""))
    return Exit.PROBLEM if refused else Exit.DONE


@click.command(
    epilog="""\b
Examples:
  tracker orders remove main 23501
  tracker orders remove main 23501 23502 --yes

Events about them stay in the log, and deliveries that wait still go out. Their moves leave the reports. If an
order is added again, its events go on with the next number. To keep an order and stop asking about it:
tracker orders pause.
"""
)
@panel_argument
@ids_argument
@yes_option
@pass_app
def remove(app: App, panel: str, ids: Sequence[str], yes: bool) -> Exit:
    """Stop tracking orders, and delete them with their moves."""
    app.actions.orders.check_panel(panel)
    sure(safe_text(f"Stop tracking {orders_in_words(ids)} of {panel}, and delete what was recorded of it?"), yes=yes)
    done = app.actions.orders.remove(panel, ids)
    return print_done(f"{done.count} removed", done.untracked)


@click.command(
    epilog="""\b
Examples:
  tracker orders forget main 23501
  tracker orders forget main 23501 23502 --yes

Erases link, ref and tags of the order and of its children: in the database, in the events of the log, in what
receivers answered to them, in intake.ndjson, and in the unused pages of the database's file. Backups, logs and
what receivers have kept are out of reach.
"""
)
@panel_argument
@ids_argument
@yes_option
@pass_app
def forget(app: App, panel: str, ids: Sequence[str], yes: bool) -> Exit:
    """Erase the personal data of orders for good: link, ref and tags."""
    app.actions.orders.check_panel(panel)
    sure(safe_text(f"Erase link, ref and tags of {orders_in_words(ids)} of {panel} for good?"), yes=yes)
    done = app.actions.orders.forget(panel, ids)
    problems = [_UNDER_WAY] * bool(done.under_way) + [_IN_THE_WAY] * (not done.clean)
    for problem in problems:
        click.echo(problem, err=True)
    where = f"{counted(done.events, 'event')}, {counted(done.lines, 'line')} of the journal"
    unknown = sorted(set(ids) - set(done.known))
    code = print_done(f"{len(done.known)} forgotten: {where}", unknown, "nothing is known of it")
    return code or (Exit.TRY_LATER if problems else Exit.DONE)


_UNDER_WAY = "a delivery is on its way, and its receiver may repeat what it was told: type this again in a minute"
_IN_THE_WAY = "another program reads or writes the database: old bytes may be left in its file; type this again later"


def print_done(done: str, unknown: Sequence[str], why: str = "not tracked") -> Exit:
    """Print the ids for which there was nothing to do, then what was done. Returns the exit code."""
    for remote_id in unknown:
        click.echo(safe_text(f"{remote_id}: {why}"), err=True)
    click.echo(done)
    return Exit.PROBLEM if unknown else Exit.DONE


def _print_edit(remote_id: str, done: Edit) -> Edit:
    moves = [f"{name} {_shown(name, old)} -> {_shown(name, new)}" for name, (old, new) in done.changed.items()]
    if done.refused:
        click.echo(safe_text(f"{remote_id}: {done.refused}"), err=True)
    elif moves:
        click.echo(safe_text(f"{remote_id}: {'; '.join(moves)}"))
    return done


def _shown(name: str, value: Any) -> str:
    match value:
        case None | ():
            return "-"
        case tuple():
            return ", ".join(value)
        case Decimal():
            return format(value, "f")
        case _:
            return rfc3339(value) if name == "placed_at" else str(value)
