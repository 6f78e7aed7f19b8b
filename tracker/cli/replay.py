"""`tracker hooks replay`: send past events again, or count what another configuration would have sent."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from tracker import config
from tracker.actions.hooks import PastEvents
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import moment, sure, yes_option
from tracker.core.delivery import past_events
from tracker.core.events.event_types import matching
from tracker.core.rules import HookRules
from tracker.db.database import Database
from tracker.errors import Exit, UserError
from tracker.reports.outbox import last_number
from tracker.reports.rows import ReportRow

# pruned: events whose body retention has deleted. They cannot be sent, and `where` cannot be judged for them.
FIELDS = ("hook", "type", "events", "pruned")


def known_types(_ctx: click.Context, _param: click.Parameter, patterns: Sequence[str]) -> Sequence[str]:
    """Callback of an option: patterns, each of which has to match a type of event."""
    for pattern in patterns:
        if not matching(pattern):
            raise click.BadParameter(f"{pattern!r} matches no type of event")
    return patterns


@click.command()
@click.option("--hook", help="The hook to send to; with --with only this hook of the other configuration.")
@click.option("--since", metavar="TIME", callback=moment, required=True, help="From then on: 24h (ago), or a moment.")
@click.option("--until", metavar="TIME", callback=moment, help="And not later than this.")
@click.option("--type", "types", metavar="GLOB", multiple=True, callback=known_types, help="Only these: 'order.*'.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@yes_option
@click.option(
    "--with",
    "other",
    metavar="OTHER_CONFIG",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Count what the hooks of another configuration would have been sent; sends nothing.",
)
@reads
@pass_app
def replay(
    app: App,
    output: Output,
    hook: str | None,
    since: float,
    until: float | None,
    types: Sequence[str],
    dry_run: bool,
    yes: bool,
    other: Path | None,
) -> None:
    """Send past events to a hook again: those that its rules hear today, with the same ids and bytes.

    Prints how many there are and asks. Webhooks get the header tracker-replay.
    """
    past = PastEvents(since, until, last_number(app.database), tuple(types))
    if other is not None:
        _print_counts(app.database, output, _rules_in(other, hook), past)
        return
    if hook is None:
        raise click.UsageError("say which hook: --hook HOOK")
    rules = app.hook(hook).rules
    if dry_run:
        _print_counts(app.database, output, [rules], past)
    else:
        _replay(app, output, rules, past, yes=yes)


def _print_counts(database: Database, output: Output, hooks: Sequence[HookRules], past: PastEvents) -> None:
    output.rows(_counts(database, hooks, past), FIELDS, FIELDS, "No hooks in that configuration.")


def _rules_in(path: Path, hook: str | None) -> list[HookRules]:
    """Returns the rules of the hooks of another configuration: of all, or of the one with this name."""
    loaded = config.load(path, os.environ, cwd=Path.cwd())
    if hook is not None and hook not in loaded.hooks:
        raise UserError(f"there is no hook {hook!r} in {path}", [f"there: {', '.join(loaded.hooks)}"], Exit.USAGE)
    return [found.rules for name, found in loaded.hooks.items() if hook in (None, name)]


def _counts(database: Database, hooks: Sequence[HookRules], past: PastEvents) -> list[ReportRow]:
    """Returns a row for each hook and each type of event it hears; one without a type for a hook that hears none."""
    found = Counter(
        (rules.name, event.type, past_events.is_bare(event))
        for _, event in past.read(database)
        for rules in hooks
        if not past_events.explain(rules, event)
    )
    heard = sorted({(name, type_) for name, type_, _ in found})
    rows: list[ReportRow] = []
    for rules in hooks:
        types = [type_ for name, type_ in heard if name == rules.name]
        rows += [
            {"hook": rules.name, "type": t, "events": found[rules.name, t, False], "pruned": found[rules.name, t, True]}
            for t in types
        ] or [{"hook": rules.name, "type": None, "events": 0, "pruned": 0}]
    return rows


def _replay(app: App, output: Output, rules: HookRules, past: PastEvents, *, yes: bool) -> None:
    """Count, ask, and queue."""
    counts = _counts(app.database, [rules], past)
    there, pruned = (sum(row[key] for row in counts) for key in ("events", "pruned"))
    if pruned:
        click.echo(f"{pruned} more cannot be sent: retention.event_bodies has taken their bodies", err=True)
    if there:
        sure(f"Send {there} past events to {rules.name} again?", yes=yes)
    queued = app.actions.hooks.replay(rules.name, past)
    row: ReportRow = {"hook": rules.name, "queued": queued, "on_their_way": there - queued, "pruned": pruned}
    output.one(row, lambda done: click.echo(_words(done)))


def _words(done: ReportRow) -> str:
    waiting = done["on_their_way"]
    return f"{done['queued']} to be delivered again" + (f", {waiting} are on their way already" if waiting else "")
