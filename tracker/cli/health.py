"""`tracker health`: check that everything is all right. For people, and for monitors by its exit code."""

from collections.abc import Iterator

import click

from tracker import clock
from tracker.cli.app import App, pass_app
from tracker.cli.output import Output, reads
from tracker.core.delivery.hook_health import HookState
from tracker.core.liveness import SILENT_MAX_S
from tracker.core.text import safe_text
from tracker.daemon.build import lock_path
from tracker.daemon.lock import holder
from tracker.db.database import Database
from tracker.errors import Exit, Trouble
from tracker.reports import alerts, gateway_calls, intakes, outbox, panels, set_aside
from tracker.reports.rows import ReportRow

EPILOG = """\b
Examples:
  tracker health && echo fine
  tracker health --json | jq '.checks[] | select(.state == "problem")'

\b
Problems (exit code 1): no tracker is running, or it gives no sign of life, or its port is taken; a panel has been
in trouble for longer than its down_after, or refuses the key; deliveries died in the last 24 hours; a hook is
disabled; the outcome of a gateway call is unknown; an intake has failed for ten minutes.
Notes (exit code 0): raised alerts, paused panels, kinds of call and ids that are set aside, failing hooks, a stopped
gateway, intakes that failed just now or printed bad rows.
"""
DEAD_WITHIN_S = 86_400.0
FAILING_MAX_S = 600.0
OK, NOTE, PROBLEM = "ok", "note", "problem"


@click.command(epilog=EPILOG)
@reads
@pass_app
def health(app: App, output: Output) -> Exit:
    """Check that everything is all right; exits 1 when it is not."""
    checks = [_check("tracker", *_tracker(app, app.database))]
    checks += [
        *_panels(app, app.database),
        *_unwell(app),
        _hooks(app.database),
        *_intakes(app),
        *_alerts(app.database),
        *_gateway(app.database),
    ]
    healthy = not any(check["state"] == PROBLEM for check in checks)
    if output.format == "csv":
        output.rows(checks, ("check", "state", "detail"), (), "")
    else:
        output.one({"healthy": healthy, "checks": checks}, _show)
    return Exit.DONE if healthy else Exit.PROBLEM


def _tracker(app: App, database: Database) -> tuple[str, str]:
    found = holder(lock_path(app.config, database))
    if found is None:
        return PROBLEM, "not running: tracker run"
    if found.beat_s > SILENT_MAX_S:
        return PROBLEM, f"pid {found.pid} gave no sign of life for {found.beat_s:.0f} s"
    if found.trouble:
        return PROBLEM, f"pid {found.pid}: {found.trouble}"
    return OK, f"running, pid {found.pid}, version {found.version}"


def _panels(app: App, database: Database) -> Iterator[ReportRow]:
    now = clock.now()
    for name, rules in app.rules.items():
        row = panels.panel(database, name, rules, now)
        if row["state"] == "paused":
            yield _check(f"panel {name}", NOTE, f"paused: tracker panels resume {name}")
        elif row["trouble"] is None:
            yield _check(f"panel {name}", OK, "never asked yet" if row["state"] == "new" else "answers")
            yield from _set_aside(database, name, now)
        else:
            for_s = now - (row["trouble_since"] or now)
            lasting = row["trouble"] == Trouble.AUTH or for_s > rules.down_after_s
            detail = f"{row['trouble']} for {for_s:.0f} s: {row['trouble_message']}"
            yield _check(f"panel {name}", PROBLEM if lasting else NOTE, detail)


def _set_aside(database: Database, name: str, now: float) -> Iterator[ReportRow]:
    """Yields a note for each kind of call that is set aside, and one for all ids that are."""
    found = set_aside.rows(database, name)
    for row in found:
        if row["what"] == set_aside.EVERY_CALL:
            detail = f"{row['call']} fails for {now - row['since']:.0f} s ({row['trouble']}): {row['words']}"
            yield _check(f"panel {name}: {row['call']}", NOTE, detail)
    if ids := [row for row in found if row["what"] != set_aside.EVERY_CALL]:
        what = ", ".join(row["what"] for row in ids[:3]) + (", …" if len(ids) > 3 else "")
        yield _check(f"panel {name}: ids", NOTE, f"set aside: {what}; tracker panels aside {name}")


def _unwell(app: App) -> Iterator[ReportRow]:
    for name, state, reason in outbox.unwell(app.database, app.config.hooks):
        if state == HookState.DISABLED:
            yield _check(f"hook {name}", PROBLEM, f"disabled: {reason}; tracker hooks enable {name}")
        else:
            yield _check(f"hook {name}", NOTE, f"failing: {reason}")


def _hooks(database: Database) -> ReportRow:
    died = outbox.died_since(database, clock.now() - DEAD_WITHIN_S)
    if not died:
        return _check("deliveries", OK, "none died in the last 24 hours")
    counts = ", ".join(f"{count} to {hook}" for hook, count in sorted(died.items()))
    return _check("deliveries", PROBLEM, f"died in the last 24 hours: {counts}; tracker hooks deliveries --state dead")


def _intakes(app: App) -> Iterator[ReportRow]:
    now = clock.now()
    for row in intakes.intakes(app.database, app.config.intakes, now):
        name = f"intake {row['intake']}"
        if row["failures"] and row["state"] != "not_configured":
            for_s = now - row["failing_since"]
            lasting = for_s > FAILING_MAX_S
            yield _check(name, PROBLEM if lasting else NOTE, f"failing for {for_s:.0f} s: {row['error']}")
        elif row["bad"]:
            yield _check(name, NOTE, f"bad rows in its last run: {row['bad']}; the log names them")
        elif row["state"] != "not_configured":
            yield _check(name, OK, "never run yet" if row["last_run_at"] is None else "comes in")


def _alerts(database: Database) -> Iterator[ReportRow]:
    for alert in alerts.raised(database):
        yield _check(f"alert {alert['name']}", NOTE, f"{alert['panel']}: {alert['reason']}")


def _gateway(database: Database) -> Iterator[ReportRow]:
    if unclear := gateway_calls.unclear(database):
        yield _check("gateway", PROBLEM, f"{unclear} calls are unclear: tracker orders list --unclear")
    if stopped := gateway_calls.stopped(database):
        yield _check("gateway", NOTE, f"stopped ({stopped['comment'] or 'no comment'}): tracker gateway start")


def _check(name: str, state: str, detail: str) -> ReportRow:
    return {"check": name, "state": state, "detail": detail}


def _show(found: ReportRow) -> None:
    for check in found["checks"]:
        click.echo(safe_text(f"{check['state']:<7}  {check['check']}: {check['detail']}"))
