"""`tracker gateway`: who may use it, and the switch for everything that changes something."""

from typing import Any

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.core.gateway.requests import CallState
from tracker.core.ids import GIVEN_ID_SHAPE, valid_given_id
from tracker.errors import Exit, UserError
from tracker.reports import gateway_calls
from tracker.reports.rows import ReportRow

EPILOG = """\b
Examples:
  tracker gateway status
  tracker gateway stop --comment "prices changed"
  tracker gateway start
  tracker gateway calls --state unclear

A client of the gateway calls http://127.0.0.1:8787/gateway/PANEL instead of the panel, with the key of its
[gateway.clients] section; see docs/gateway.md.
"""
CLIENT_FIELDS = (
    "client", "panels", "actions", "max_spend_per_day", "reserved", "orders", "max_adds_per_minute", "stopped_since",
    "comment",
)  # fmt: skip
CALLS_SHOWN = (
    "call",
    "client",
    "panel",
    "action",
    "state",
    "service",
    "quantity",
    "reserved",
    "orders",
    "at",
    "reason",
)


@click.group(epilog=EPILOG)
def gateway() -> None:
    """Who calls panels through here; stop and start what they may change."""


@gateway.command()
@reads
@pass_app
def status(app: App, output: Output) -> None:
    """The clients, and what they reserved in the last 24 hours."""
    spent = gateway_calls.clients(app.database, clock.now())
    stopped = gateway_calls.stopped(app.database) or {"since": None, "comment": None}
    rows = [_client(app, name, spent.get(name, {}), stopped) for name in app.config.gateway.clients]
    shown = [key for key in CLIENT_FIELDS if stopped["since"] or key not in ("stopped_since", "comment")]
    output.rows(rows, CLIENT_FIELDS, shown, "No client: add [gateway.clients.NAME] to the configuration.")


def _client(app: App, name: str, spent: ReportRow, stopped: ReportRow) -> ReportRow:
    rules = app.config.gateway.clients[name].rules
    return {
        "client": name,
        "panels": sorted(rules.panels),
        "actions": sorted(rules.actions),
        "max_spend_per_day": rules.max_spend_per_day,
        "reserved": spent.get("reserved"),
        "orders": spent.get("orders", 0),
        "max_adds_per_minute": rules.max_adds_per_minute,
        "stopped_since": stopped["since"],
        "comment": stopped["comment"],
    }


@gateway.command()
@click.option("--state", type=click.Choice([state.value for state in CallState]), help="Only these.")
@click.option("--panel", help="Only calls to this panel.")
@click.option("--limit", type=click.IntRange(1), help="At most so many; all without it.")
@reads
@pass_app
def calls(app: App, /, output: Output, state: str | None, **chosen: Any) -> None:
    """What clients wanted changed, and what came of it; the newest first."""
    rows = gateway_calls.calls(app.database, state=CallState(state) if state else None, **chosen)
    output.rows(rows, gateway_calls.CALL_FIELDS, CALLS_SHOWN, "No call yet.")


@gateway.command()
@click.option("--comment", help="Why; shown to whoever looks.")
@pass_app
def stop(app: App, comment: str | None) -> None:
    """Pass on nothing that changes anything, from now on: no order, no refill, no cancellation."""
    done = app.components.store.gateway.stop(comment, clock.now())
    click.echo("stopped: add, refill and cancel are refused" if done else "it was stopped already")


@gateway.command()
@pass_app
def start(app: App) -> None:
    """Pass on again what clients want changed."""
    click.echo("started" if app.components.store.gateway.start() else "it was not stopped")


@click.command(
    epilog="""\b
Examples:
  tracker orders list --unclear
  tracker orders resolve G-kx3v7qa2mn --order 23501
  tracker orders resolve G-kx3v7qa2mn --not-placed

A call is unclear when it was passed on and no answer came. Look at the panel whether it acted, then say so.
"""
)
@click.argument("call")
@click.option("--order", "remote_id", metavar="ID", help="It was placed, and the panel calls it ID: track it.")
@click.option("--not-placed", is_flag=True, help="Nothing came of it: what it reserved is free again.")
@pass_app
def resolve(app: App, call: str, remote_id: str | None, not_placed: bool) -> Exit:
    """Say what came of a call through the gateway whose outcome is unknown."""
    if bool(remote_id) == not_placed:
        raise click.UsageError("say either --order ID or --not-placed")
    if remote_id and not valid_given_id(remote_id):
        raise click.UsageError(f"{remote_id!r} is not an id: {GIVEN_ID_SHAPE}")
    found = app.components.store.gateway.find_call(call)
    if found is None:
        raise UserError(f"there is no call {call}", ["tracker orders list --unclear"], Exit.USAGE)
    known, state = found
    if state is not CallState.UNCLEAR:
        raise UserError(f"call {call} is not unclear but {state.replace('_', ' ')}", [])
    if not remote_id:
        app.components.store.gateway.call_not_placed(call, clock.now())
        click.echo(f"{call} is settled: nothing came of it")
        return Exit.DONE
    if known.action != "add":
        raise UserError(f"call {call} is a {known.action}, which has no order to track", ["--not-placed settles it"])
    app.panel(known.panel)
    app.components.intake.place(known, remote_id, CallState.PLACED, clock.now())
    click.echo(f"{call} is settled: order {remote_id} of {known.panel} is tracked")
    return Exit.DONE
