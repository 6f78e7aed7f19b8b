"""`tracker hooks replay`: past events once more, or what they would have fired elsewhere."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import click

from tracker import clock, config
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import moment, sure
from tracker.core.delivery import past_events, routing
from tracker.core.events.event_types import EVENT_TYPES
from tracker.core.model import Event
from tracker.core.rules import HookRules
from tracker.errors import Exit, UserError
from tracker.reports import past_events as event_log
from tracker.reports.outbox import last_number
from tracker.reports.rows import ReportRow
from tracker.store.replay import REPLAY_BATCH

# pruned: those whose body retention has taken; they cannot be sent, nor `where` be judged.
FIELDS = ("hook", "type", "events", "pruned")

Past = Callable[[], Iterator[tuple[int, Event]]]  # the chosen events with their numbers, from the first on


def known_types(_ctx: click.Context, _param: click.Parameter, globs: Sequence[str]) -> Sequence[str]:
    """Callback of an option: patterns, each of which matches a type there is."""
    for glob in globs:
        if not any(fnmatchcase(type_, glob) for type_ in EVENT_TYPES):
            raise click.BadParameter(f"{glob!r} matches no type of event")
    return globs


@click.command()
@click.option("--hook", help="To which hook; with --with only this one of the other configuration.")
@click.option("--since", metavar="TIME", callback=moment, required=True, help="From then on: 24h (ago), or a moment.")
@click.option("--until", metavar="TIME", callback=moment, help="And not later than this.")
@click.option("--type", "globs", metavar="GLOB", multiple=True, callback=known_types, help="Only these: 'order.*'.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--with",
    "other",
    metavar="OTHER_CONFIG",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What they would have fired under another configuration; nothing is sent.",
)
@reads
@pass_app
def replay(
    app: App,
    output: Output,
    hook: str | None,
    since: float,
    until: float | None,
    globs: Sequence[str],
    dry_run: bool,
    yes: bool,
    other: Path | None,
) -> None:
    """Send a hook past events once more: those its rules hear today, under their ids and in their bytes.

    Says how many there are and asks. Webhooks see the header tracker-replay.
    """
    upto = last_number(app.database)  # what happens meanwhile is told anyway

    def chosen() -> Iterator[tuple[int, Event]]:
        for number, event in event_log.past_events(app.database, since, until, upto):
            if not globs or any(fnmatchcase(event.type, glob) for glob in globs):
                yield number, event

    if other is not None:
        _show(output, _rules_in(other, hook), chosen)
        return
    if hook is None:
        raise click.UsageError("say which hook: --hook HOOK")
    rules = app.hook(hook).rules
    if dry_run:
        _show(output, [rules], chosen)
    else:
        _again(app, output, rules, chosen, yes=yes)


def _show(output: Output, hooks: Sequence[HookRules], chosen: Past) -> None:
    output.rows(_counts(hooks, chosen), FIELDS, FIELDS, "No hooks in that configuration.")


def _rules_in(path: Path, hook: str | None) -> list[HookRules]:
    """The hooks of another configuration: all, or the one of this name."""
    loaded = config.load(path, os.environ, cwd=Path.cwd())
    if hook is not None and hook not in loaded.hooks:
        raise UserError(f"there is no hook {hook!r} in {path}", [f"there: {', '.join(loaded.hooks)}"], Exit.USAGE)
    return [found.rules for name, found in loaded.hooks.items() if hook in (None, name)]


def _counts(hooks: Sequence[HookRules], chosen: Past) -> list[ReportRow]:
    """One row for each hook and type of event it hears; one without a type for a hook that hears none."""
    found = Counter(
        (rules.name, event.type, past_events.is_bare(event))
        for _, event in chosen()
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


def _again(app: App, output: Output, rules: HookRules, chosen: Past, *, yes: bool) -> None:
    """Count, ask, queue a batch at a time."""
    counts = _counts([rules], chosen)
    there, pruned = (sum(row[key] for row in counts) for key in ("events", "pruned"))
    if pruned:
        click.echo(f"{pruned} more cannot be sent: retention.event_bodies has taken their bodies", err=True)
    if there:
        sure(f"Send {there} past events to {rules.name} again?", yes=yes)
    wanted = (number for number, event in chosen() if not past_events.is_bare(event) and routing.hears(rules, event))
    queued, now = 0, clock.now()
    while batch := list(islice(wanted, REPLAY_BATCH)):
        queued += app.components.store.replay.queue(rules.name, batch, now)
    row: ReportRow = {"hook": rules.name, "queued": queued, "on_their_way": there - queued, "pruned": pruned}
    output.one(row, lambda done: click.echo(_words(done)))


def _words(done: ReportRow) -> str:
    waiting = done["on_their_way"]
    return f"{done['queued']} to be delivered again" + (f", {waiting} are on their way already" if waiting else "")
