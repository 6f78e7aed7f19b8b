"""`tracker hooks replay`: past events once more, or what they would have fired elsewhere."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import moment, sure
from tracker.core import recall
from tracker.core.event_types import EVENT_TYPES
from tracker.core.model import Event
from tracker.core.rules import HookRules
from tracker.errors import Exit
from tracker.reports import past
from tracker.reports.outbox import last_number
from tracker.reports.rows import Row
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
@click.option("--since", metavar="TIME", callback=moment, required=True, help="From then on: 24h ago, or a moment.")
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
) -> Exit:
    """Send a hook past events once more: those its rules hear today, under their ids and in their bytes.

    Says how many there are and asks. Webhooks see the header tracker-replay.
    """
    upto = last_number(app.database)  # what happens meanwhile is told anyway

    def chosen() -> Iterator[tuple[int, Event]]:
        for number, event in past.past_events(app.database, since, until, upto):
            if not globs or any(fnmatchcase(event.type, glob) for glob in globs):
                yield number, event

    if other is not None:
        hooks = App(click.get_current_context(), other, 0).hooks_named(hook)
        output.rows(_counts(hooks, chosen), FIELDS, FIELDS, "There are no hooks in it.")
        return Exit.DONE
    if hook is None:
        raise click.UsageError("say which hook: --hook HOOK")
    rules = app.hook(hook).rules
    if dry_run:
        output.rows(_counts([rules], chosen), FIELDS, FIELDS, "")
        return Exit.DONE
    return _again(app, output, rules, chosen, yes=yes)
