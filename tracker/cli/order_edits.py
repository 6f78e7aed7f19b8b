"""`tracker orders edit`, `remove` and `forget`: what people correct, and what they want to be rid of."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.params import sure
from tracker.core.dates import rfc3339
from tracker.core.orders.new_orders import BadRow
from tracker.core.orders.order_edits import FIELDS, read_edit
from tracker.core.text import safe_text
from tracker.errors import Exit, UserError
from tracker.intake import erasure
from tracker.reports import panels

panel_argument = click.argument("panel")
ids_argument = click.argument("ids", metavar="ID...", nargs=-1, required=True)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(
    epilog="""\b
Examples:
  tracker orders edit main 23501 --service 13 --quantity 500
  tracker orders edit main 23501 23502 --tag vip --tag late
  tracker orders edit main 23501 --clear ref --clear parent

What the panel says (status, remains, a charge it has answered) is not edited: it comes with its next
answer. What was told keeps its words.
"""
)
@panel_argument
@ids_argument
@click.option("--service", help="The service's id at the panel.")
@click.option("--quantity", help="How many were ordered.")
@click.option("--charge", help="What it cost, like 1.25; until the panel says it.")
@click.option("--link", help="What was ordered for; never sent to a hook.")
@click.option("--ref", help="Your own name for it.")
@click.option("--tag", "tags", multiple=True, help="A label, instead of those it has; may be given several times.")
@click.option("--placed-at", help="When: 2026-11-23T02:14:07Z.")
@click.option("--parent", help="The order it is a part of.")
@click.option("--clear", "clear", multiple=True, type=click.Choice(FIELDS), help="Take this away.")
@pass_app
def edit(
    app: App, /, panel: str, ids: Sequence[str], tags: Sequence[str], clear: Sequence[str], **facts: str | None
) -> Exit:
    """Correct what you said about orders, and see what that changed."""
    _known(app, panel)
    now = clock.now()
    row: dict[str, Any] = {name: value for name, value in facts.items() if value is not None}
    try:
        wanted = read_edit(row | ({"tags": list(tags)} if tags else {}), clear, now)
    except BadRow as reason:
        raise UserError(str(reason), [], Exit.USAGE) from reason
    if not wanted:
        raise click.UsageError("nothing to change: say what, as in --service 13 or --clear ref")
    every = list(dict.fromkeys(ids))
    changed = [_edited(app, panel, remote_id, wanted, now) for remote_id in every]
    click.echo(f"{changed.count(True)} changed" + (f", {same} as before" if (same := changed.count(False)) else ""))
    return Exit.PROBLEM if None in changed else Exit.DONE


@click.command(
    epilog="""\b
Examples:
  tracker orders remove main 23501
  tracker orders remove main 23501 23502 --yes

What was told about them stays in the log, and what is still to be told goes out. Their moves leave the
reports. Added again, an order goes on where its events ended. To ask no more about an order and keep it:
tracker orders pause.
"""
)
@panel_argument
@ids_argument
@yes_option
@pass_app
def remove(app: App, panel: str, ids: Sequence[str], yes: bool) -> Exit:
    """Stop tracking orders, and delete them with their moves."""
    _known(app, panel)
    sure(safe_text(f"Stop tracking {_counted(ids)} of {panel}, and delete what was recorded of it?"), yes=yes)
    every = list(dict.fromkeys(ids))
    gone = erasure.remove(app.components.store, app.components.journal, panel, every, clock.now())
    return _told(set(every) - set(gone), "not tracked", f"{len(gone)} removed", Exit.DONE)


@click.command(
    epilog="""\b
Examples:
  tracker orders forget main 23501
  tracker orders forget main 23501 23502 --yes

Erased are link, ref and tags of the order and of its children: in the database, in the events of the log,
in what receivers answered to them, in intake.ndjson, and on the pages of the database's file. Backups, logs
and what receivers have kept are out of reach.
"""
)
@panel_argument
@ids_argument
@yes_option
@pass_app
def forget(app: App, panel: str, ids: Sequence[str], yes: bool) -> Exit:
    """Erase the personal data of orders for good: link, ref and tags."""
    _known(app, panel)
    sure(safe_text(f"Erase link, ref and tags of {_counted(ids)} of {panel} for good?"), yes=yes)
    every = list(dict.fromkeys(ids))
    done = erasure.forget(app.components.store, app.components.journal, panel, every)
    code = Exit.DONE
    for here, problem in ((done.under_way, _UNDER_WAY), (not done.clean, _IN_THE_WAY)):
        if here:
            click.echo(problem, err=True)
            code = Exit.TRY_LATER
    where = f"{_many(done.events, 'event')}, {_many(done.lines, 'line')} of the journal"
    said = f"{len(done.known)} forgotten: {where}"
    return _told(set(every) - set(done.known), "nothing is known of it", said, code)


_UNDER_WAY = "a delivery is on its way, and its receiver may repeat what it was told: type this again in a minute"
_IN_THE_WAY = "somebody reads or writes the database: old bytes may be left in its file; type this again later"


def _edited(app: App, panel: str, remote_id: str, wanted: dict[str, Any], now: float) -> bool | None:
    """Whether it changed anything, which is said; None where it could not."""
    found = app.components.store.order_edits.edit(panel, remote_id, wanted, now)
    if found is None or found.refused:
        click.echo(safe_text(f"{remote_id}: {found.refused if found else 'not tracked'}"), err=True)
        return None
    moves = [f"{name} {_shown(name, old)} -> {_shown(name, new)}" for name, (old, new) in found.changed.items()]
    if moves:
        click.echo(safe_text(f"{remote_id}: {'; '.join(moves)}"))
    return bool(moves)


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


def _known(app: App, panel: str) -> None:
    """A panel that left the configuration has orders too. Raises UserError (2) for one that never was."""
    if not panels.known(app.components.database, panel):
        app.panel(panel)


def _counted(ids: Sequence[str]) -> str:
    return f"order {ids[0]}" if len(ids) == 1 else f"{len(ids)} orders"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _told(unknown: set[str], why: str, done: str, code: Exit) -> Exit:
    for remote_id in sorted(unknown):
        click.echo(safe_text(f"{remote_id}: {why}"), err=True)
    click.echo(done)
    return Exit.PROBLEM if unknown else code
