"""What people type: durations, moments, and whether they are sure."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from tracker import clock
from tracker.config.parsers import seconds

C = TypeVar("C", bound=Callable[..., Any])


def first_sight(command: C) -> C:
    """--baseline or --just-placed as `baseline`: True, False, or None for neither."""
    return click.option(
        "--baseline/--just-placed",
        default=None,
        help="Old orders, whose first answer fires nothing; or new ones, of which everything is told.",
    )(command)


def duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Callback of an option: `90s`, `15m`, `12h`, `7d` as seconds."""
    if value is None:
        return None
    found = seconds(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no duration; write 90s, 15m, 12h or 7d")
    return found


def moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Callback of an option: `24h` (ago) or a date and time (UTC unless said) as seconds since the epoch."""
    if value is None:
        return None
    ago_s = seconds(value)
    if ago_s is not None:
        return clock.now() - ago_s
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no moment; write 24h (that long ago) or 2026-11-23T02:14:07Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def sure(question: str, *, yes: bool) -> None:
    """Ask before money is spent or an order is lost. A program that calls us has to say --yes."""
    if not yes:
        click.confirm(question, abort=True, err=True)
