"""`tracker poll`: poll once and exit, for cron, or beside a running daemon."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import click
from msgspec import Struct

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import duration
from tracker.core.rules import PollRules
from tracker.daemon.components import Components
from tracker.errors import PASSING_TROUBLES, Exit, PanelError, Trouble, UserError
from tracker.reports import orders, outbox, panels, set_aside
from tracker.reports.rows import ReportRow
from tracker.store import Claim
from tracker.store.claims import REMOTE_ID
from tracker.store.values import NoCall

T = TypeVar("T")

EPILOG = """\b
Examples:
  tracker poll                                     everything that is due, at every panel
  tracker poll --panel main --order 23501          these orders, due or not
  */5 * * * *  /opt/tracker/bin/tracker --config /etc/tracker/config.toml poll --max-time 4m
                                                   in a crontab, instead of a daemon

\b
Exit codes:
  0   all that was due has been answered
  1   a panel gave an error that will last (for example, it refused the key)
  75  trouble that will pass, or no time or budget left: the rest stays due
"""
FIELDS = ("panel", "calls", "asked", "answered", "moved", "refused", "absent", "left", "error")


class Pass(Struct):
    """What was polled at one panel.

    left: why something that may still be due was not polled, "" when nothing is due.
    lasting: the panel is left alone after trouble that needs a person.
    """

    panel: str
    runs: list[int] = []
    errors: list[PanelError] = []
    left: str = ""
    lasting: bool = False

    @property
    def verdict(self) -> Exit:
        if self.lasting or any(error.kind not in PASSING_TROUBLES for error in self.errors):
            return Exit.PROBLEM
        return Exit.TRY_LATER if self.errors or self.left else Exit.DONE


@click.command(epilog=EPILOG)
@click.option("--panel", help="Only this panel.")
@click.option(
    "--order", "ids", multiple=True, metavar="ID", help="Only these orders; needs --panel if there are several panels."
)
@click.option("--max-time", callback=duration, default="60s", help="Start no new call after this time (default: 60s).")
@reads
@pass_app
def poll(app: App, output: Output, panel: str | None, ids: Sequence[str], max_time: float) -> Exit:
    """Poll what is due once, send what is new to the hooks, and exit.

    First it polls the panels: orders, refills, balances, catalogues. Then it makes one attempt at every delivery that
    is due.
    """
    names = _names(app, panel, ids)
    parts = app.components
    parts.prepare()
    until = clock.monotonic() + max_time
    # Side by side, so that a panel that hangs delays only itself.
    passes = _each(names, lambda name: _named(parts, name, ids, until) if ids else _due(parts, name, until))
    sent = sum(_each(list(parts.hooks), lambda hook: _deliver(parts, hook, until)))
    rows = [_row(parts, one) for one in passes]
    if output.format == "table":
        for row in rows:
            click.echo(_line(row))
        click.echo(f"{sent} deliveries attempted")
    else:
        output.rows(rows, FIELDS, FIELDS, "")
    verdicts = {one.verdict for one in passes}
    return next((code for code in (Exit.PROBLEM, Exit.TRY_LATER) if code in verdicts), Exit.DONE)


def _names(app: App, panel: str | None, ids: Sequence[str]) -> list[str]:
    if panel is not None:
        return [app.panel(panel).name]
    if ids and len(app.config.panels) > 1:
        raise UserError("--order needs --panel", [f"one of: {', '.join(app.config.panels)}"], Exit.USAGE)
    return list(app.config.panels)


def _due(parts: Components, name: str, until: float) -> Pass:
    """Make the most urgent call, again and again, until nothing is due, the panel may not be asked, or time is up."""
    found = Pass(name)
    rules = parts.config.panels[name].rules
    with parts.database.session():
        while clock.monotonic() < until:
            claim = parts.store.claims.claim(name, rules, clock.now())
            if isinstance(claim, NoCall):
                _stopped(parts, found, claim.why, rules)
                return found
            _call(parts, found, claim)
    found.left = "time is up"
    return found


def _named(parts: Components, name: str, ids: Sequence[str], until: float) -> Pass:
    """Poll these orders, due or not."""
    found = Pass(name)
    rules = parts.config.panels[name].rules
    wanted = list(dict.fromkeys(ids))
    with parts.database.session():
        untracked = sorted(set(wanted) - orders.tracked(parts.database, name, wanted))
        if untracked:
            problems = [f"tracker orders add {name} {remote_id}" for remote_id in untracked]
            raise UserError(f"not tracked at {name}: {', '.join(untracked)}", problems)
        while wanted and clock.monotonic() < until:
            claim = parts.store.claims.claim_named(name, wanted[: rules.batch_size], rules, clock.now())
            if isinstance(claim, NoCall):
                _stopped(parts, found, claim.why, rules)
                return found
            _call(parts, found, claim)
            asked = {row[REMOTE_ID] for row in claim.rows}
            wanted = [remote_id for remote_id in wanted if remote_id not in asked]
    found.left = "time is up" if wanted else ""
    return found


def _call(parts: Components, found: Pass, claim: Claim) -> None:
    found.runs.append(claim.run_id)
    error = parts.panels[found.panel].poller.call(claim)
    if error is not None:
        found.errors.append(error)


def _stopped(parts: Components, found: Pass, why: str, rules: PollRules) -> None:
    """Note why no further call is made; for a panel that is left alone, with its trouble."""
    if why == "nothing due":
        waiting = set_aside.soon(parts.database, found.panel)
        found.left = "; ".join(f"{row['call']}: {row['what']} left alone after trouble" for row in waiting)
    if why in ("nothing due", "paused"):
        return
    found.left = why
    if why == "waiting":
        row = panels.panel(parts.database, found.panel, rules, clock.now())
        found.left = f"left alone after trouble ({row['trouble']})"
        found.lasting = row["trouble"] == Trouble.AUTH


def _deliver(parts: Components, hook: str, until: float) -> int:
    """Make one attempt at every delivery of this hook that is due now. Returns how many were made.

    No more attempts than were due at the beginning: a schedule that retries at once must not turn one pass into many.
    """
    made = 0
    with parts.database.session():
        due = outbox.due(parts.database, hook, clock.now())
        while made < due and clock.monotonic() < until and parts.hooks[hook].dispatcher.deliver_once():
            made += 1
    return made


def _each(names: Sequence[str], work: Callable[[str], T]) -> list[T]:
    """Run `work` for each name on a thread of its own, and return the results. Raises the first error of any of them.

    Ctrl-C does not wait for them: what they claimed comes due again by itself.
    """
    done: dict[str, T] = {}
    errors: list[Exception] = []

    def one(name: str) -> None:
        try:
            done[name] = work(name)
        except Exception as error:  # noqa: BLE001 - raised again below, in the main thread
            errors.append(error)

    threads = [threading.Thread(target=one, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [done[name] for name in names]


def _row(parts: Components, one: Pass) -> ReportRow:
    errors = "; ".join(dict.fromkeys(str(error) for error in one.errors))
    facts = panels.runs(parts.database, one.runs)
    return {"panel": one.panel, "calls": len(one.runs), **facts, "left": one.left or None, "error": errors or None}


def _line(row: ReportRow) -> str:
    counts = f"{row['calls']} calls, {row['asked']} orders asked about, {row['moved']} moved"
    notes = [f"{row[key]} {key}" for key in ("refused", "absent") if row[key]]
    return "; ".join([f"{row['panel']}: {counts}", *notes, *filter(None, (row["error"], row["left"]))])
