"""`tracker gateway`: its clients and their calls, and the switch for everything that changes something."""

from typing import Any

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.cli.params import limit_option
from tracker.core.gateway.requests import CallState
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
    "call", "client", "panel", "action", "state", "service", "quantity", "reserved", "orders", "at", "reason",
)  # fmt: skip


@click.group(epilog=EPILOG)
def gateway() -> None:
    """List the clients of the gateway and their calls; stop and start what clients may change."""


@gateway.command()
@reads
@pass_app
def status(app: App, output: Output) -> None:
    """List the clients, and what they reserved in the last 24 hours."""
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
@limit_option
@reads
@pass_app
def calls(app: App, /, output: Output, state: str | None, **chosen: Any) -> None:
    """List the calls that change something, with their outcome; the newest first."""
    rows = gateway_calls.calls(app.database, state=CallState(state) if state else None, **chosen)
    output.rows(rows, gateway_calls.CALL_FIELDS, CALLS_SHOWN, "No call yet.")


@gateway.command()
@click.option("--comment", help="The reason, shown by `gateway status`.")
@pass_app
def stop(app: App, comment: str | None) -> None:
    """Stop passing on what changes something: no order, no refill, no cancellation."""
    done = app.actions.gateway.stop(comment)
    click.echo("stopped: add, refill and cancel are refused" if done else "it was stopped already")


@gateway.command()
@pass_app
def start(app: App) -> None:
    """Pass on orders, refills and cancellations of clients again."""
    click.echo("started" if app.actions.gateway.start() else "it was not stopped")


@click.command(
    epilog="""\b
Examples:
  tracker orders list --unclear
  tracker orders resolve G-kx3v7qa2mn --order 23501
  tracker orders resolve G-kx3v7qa2mn --not-placed

A call is unclear when it was passed on and no answer came. Look at the panel to see whether it acted, then say so.
"""
)
@click.argument("call")
@click.option("--order", "remote_id", metavar="ID", help="The order was placed and its id is ID: track it.")
@click.option("--not-placed", is_flag=True, help="Nothing was placed: what the call reserved is free again.")
@pass_app
def resolve(app: App, call: str, remote_id: str | None, not_placed: bool) -> None:
    """Settle a CALL of the gateway whose outcome is unknown."""
    if bool(remote_id) == not_placed:
        raise click.UsageError("say either --order ID or --not-placed")
    settled = app.actions.gateway.resolve(call, None if not_placed else remote_id)
    if not_placed:
        click.echo(f"{call} is settled: nothing came of it")
    else:
        click.echo(f"{call} is settled: order {remote_id} of {settled.panel} is tracked")
