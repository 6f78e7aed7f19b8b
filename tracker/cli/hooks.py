"""`tracker hooks`: list hooks and their deliveries; test, pause, enable, retry, drop and replay."""

from collections.abc import Sequence

import click

from tracker.cli.app import App, pass_app
from tracker.cli.explain import explain
from tracker.cli.output import Output, reads, table
from tracker.cli.params import duration, limit_option, sure, yes_option
from tracker.cli.replay import replay
from tracker.core.delivery.routing import DeliveryState
from tracker.core.events.event_types import EVENT_TYPES
from tracker.core.text import safe_text
from tracker.delivery.channels import snippet
from tracker.errors import Exit, UserError
from tracker.presentation.format import title
from tracker.reports import outbox as report
from tracker.reports.rows import ReportRow

EPILOG = """\b
Examples:
  tracker hooks list
  tracker hooks test ops --event order.partial
  tracker hooks deliveries --state dead
  tracker hooks show 4711
  tracker hooks explain evt_h3kq6jv2ml5xw7dpa4tnbzc2ye
  tracker hooks retry 4711 4712
  tracker hooks retry --dead
  tracker hooks replay --hook ops --since 24h --type 'order.*'
  tracker hooks enable ops --deliver
  tracker hooks pause ops
  tracker hooks drop ops --type 'order.started' --older-than 2d
"""
SHOWN = ("hook", "type", "target", "state", "paused", "waiting", "delivered", "dead", "oldest_waiting_at", "last_error")
SHOWN_ATTEMPTS = ("number", "started_at", "took_s", "outcome", "code", "address", "error", "answer", "body_truncated")
SHOWN_DELIVERIES = ("id", "hook", "event_type", "stream", "state", "attempts", "next_attempt_at", "error")


@click.group(epilog=EPILOG)
def hooks() -> None:
    """List hooks and their deliveries; test, pause, enable, retry, drop and replay."""


hooks.add_command(explain)
hooks.add_command(replay)


@hooks.command("list")
@reads
@pass_app
def list_(app: App, output: Output) -> None:
    """List every configured hook, and every former one that has deliveries."""
    counts = report.counts(app.database)
    rows = [_row(app, name, counts.get(name, {})) for name in dict.fromkeys([*app.config.hooks, *counts])]
    output.rows(rows, report.HOOK_FIELDS, SHOWN, "No hooks: add a [hooks.NAME] section to the configuration.", ago=True)


@hooks.command()
@click.argument("hook")
@click.option("--event", "type_", type=click.Choice(EVENT_TYPES), default="order.completed", help="What to send.")
@click.option("--panel", help="The panel it is about; the hook's first one without it.")
@reads
@pass_app
def test(app: App, output: Output, hook: str, type_: str, panel: str | None) -> Exit:
    """Send HOOK one made-up event now, and print what came back.

    Nothing is recorded and nothing is retried. The id of its order begins with test-.
    """
    done = app.actions.hooks.test(hook, type_, panel)
    output.one(
        {
            "hook": hook,
            "event": type_,
            "event_id": done.event_id,
            "target": app.config.hooks[hook].target,
            "outcome": done.outcome,
            "code": done.code,
            "took_s": None if done.took_s is None else round(done.took_s, 3),
            "address": done.address,
            "answer": snippet(app.mask(done.snippet)),
            "error": done.error and safe_text(app.mask(done.error)),
        }
    )
    return Exit.DONE if done.outcome == "delivered" else Exit.PROBLEM


@hooks.command()
@click.option("--hook", help="Only deliveries to this hook.")
@click.option(
    "--state", "states", multiple=True, type=click.Choice([state.value for state in DeliveryState]), help="Only these."
)
@limit_option
@reads
@pass_app
def deliveries(app: App, output: Output, hook: str | None, states: Sequence[str], limit: int | None) -> None:
    """List deliveries, the newest first."""
    rows = report.deliveries(app.database, hook=hook, states=states, limit=limit)
    hint = "No such delivery." if hook or states else "No deliveries yet: try a hook with `tracker hooks test HOOK`."
    output.rows(rows, report.DELIVERY_FIELDS, SHOWN_DELIVERIES, hint, ago=True)


@hooks.command()
@click.argument("id_", metavar="DELIVERY", type=click.IntRange(1, 2**63 - 1))
@reads
@pass_app
def show(app: App, output: Output, id_: int) -> None:
    """Show one DELIVERY with every attempt: when, how long, which address, what came back."""
    row = report.delivery(app.database, id_)
    if row is None:
        raise UserError(f"there is no delivery {id_}", ["look for it: tracker hooks deliveries"])
    row["tries"] = [_shown_attempt(app, attempt) for attempt in row["tries"]]
    row["error"] = row["error"] and app.mask(row["error"])
    output.one(row, lambda delivery: _story(delivery, output))


def _shown_attempt(app: App, attempt: ReportRow) -> ReportRow:
    """Returns an attempt to print. Its texts were masked when they were written, but a secret may be new since then."""
    texts = {key: attempt[key] and app.mask(attempt[key]) for key in ("snippet", "error")}
    return attempt | texts | {"took_s": None if attempt["took_s"] is None else round(attempt["took_s"], 3)}


def _story(delivery: ReportRow, output: Output) -> None:
    for key in report.DELIVERY_FIELDS:
        click.echo(f"{title(key):<{max(map(len, report.DELIVERY_FIELDS))}}  {output.text(key, delivery[key])}")
    if delivery["tries"]:
        click.echo()
        table([attempt | {"answer": attempt["snippet"]} for attempt in delivery["tries"]], SHOWN_ATTEMPTS, output.when)


@hooks.command()
@click.argument("ids", metavar="DELIVERY...", nargs=-1, type=int)
@click.option("--dead", is_flag=True, help="Every dead delivery.")
@pass_app
def retry(app: App, ids: Sequence[int], dead: bool) -> Exit:
    """Deliver dead deliveries again, with their whole retry schedule and the same event ids."""
    if bool(ids) == dead:
        raise click.UsageError("name deliveries, or say --dead")
    if dead:
        click.echo(f"{app.actions.hooks.retry_dead()} to be delivered again")
        return Exit.DONE
    done = app.actions.hooks.retry(ids)
    for id_, state in done.refused.items():
        click.echo(f"{id_}: {f'is {state}' if state else 'no such delivery'}, not retried", err=True)
    click.echo(f"{done.count} to be delivered again")
    return Exit.PROBLEM if done.refused else Exit.DONE


@hooks.command()
@click.argument("hook")
@click.option("--deliver", "choice", flag_value="deliver", help="Send what was held back, in order.")
@click.option("--skip-backlog", "choice", flag_value="skip", help="Give up what was held back or waits.")
@pass_app
def enable(app: App, hook: str, choice: str | None) -> None:
    """Switch a disabled HOOK on again; try a failing one at once instead of at its next probe.

    Asks what to do with the deliveries that were held back, unless an option says it.
    """
    app.hook(hook)
    counts = report.counts(app.database).get(hook, {})
    held, waiting = counts.get(DeliveryState.HELD, 0), counts.get(DeliveryState.WAITING, 0)
    if choice is None and held:
        question = f"{held} deliveries were held back. Send them? (No gives them up.)"
        deliver = click.confirm(question, default=True, err=True)
    else:
        deliver = choice != "skip"
    count = app.actions.hooks.enable(hook, deliver=deliver)
    if not deliver:
        click.echo(f"{hook} is enabled; {count} deliveries are given up")
        return
    done = f"{hook} is enabled; {count} held deliveries go out"
    click.echo(f"{done}, and {waiting} waiting ones go out now" if waiting else done)


@hooks.command()
@click.argument("hook")
@pass_app
def pause(app: App, hook: str) -> None:
    """Send nothing more to HOOK until `hooks resume`. Its deliveries wait, and none is lost."""
    done = app.actions.hooks.pause(hook)
    click.echo(f"{hook} is paused; its deliveries wait" if done else f"{hook} is paused already")


@hooks.command()
@click.argument("hook")
@pass_app
def resume(app: App, hook: str) -> None:
    """Send to a paused HOOK again; what waited goes out in order."""
    done = app.actions.hooks.resume(hook)
    click.echo(f"{hook} is sent to again" if done else f"{hook} is not paused")


@hooks.command()
@click.argument("hook")
@click.option("--type", "types", multiple=True, metavar="GLOB", help="Only events of this type, such as 'order.*'.")
@click.option("--older-than", metavar="DURATION", callback=duration, help="Only what has waited longer, such as 2d.")
@yes_option
@pass_app
def drop(app: App, hook: str, types: Sequence[str], older_than: float | None, yes: bool) -> None:
    """Give up what waits for HOOK or is held, in any state of the hook. Asks first.

    What was given up is dead: `hooks deliveries --state dead` lists it, `hooks retry` sends it after all.
    """
    if hook not in report.counts(app.database):
        app.hook(hook)
    counts = app.actions.hooks.to_drop(hook, types, older_than or 0.0)
    if not counts:
        click.echo(f"nothing of this kind waits for {hook}")
        return
    of_each = ", ".join(f"{count} {name}" for name, count in counts.items())
    sure(f"{sum(counts.values())} deliveries to {hook} wait ({of_each}). Give them up?", yes=yes)
    click.echo(f"{app.actions.hooks.drop(hook, types, older_than or 0.0)} deliveries are given up")


def _row(app: App, name: str, counts: dict[str, int]) -> ReportRow:
    config = app.config.hooks.get(name)
    return {
        "hook": name,
        "type": config.type if config else None,
        "target": config.target if config else "not configured",
        "events": list(config.rules.events) if config else [],
        **{state.value: counts.get(state.value, 0) for state in DeliveryState},
        **report.health_of(app.database, name),
    }
