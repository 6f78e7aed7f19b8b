"""Arguments and options that several commands share, and the question before something that cannot be undone."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from tracker import clock
from tracker.config.parsers import seconds

C = TypeVar("C", bound=Callable[..., Any])

panel_argument = click.argument("panel")
ids_argument = click.argument("ids", metavar="ID...", nargs=-1, required=True)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
limit_option = click.option("--limit", type=click.IntRange(1), help="At most this many; all without it.")


def first_sight(command: C) -> C:
    """Give a command --baseline and --just-placed, as `baseline`: True, False, or None for neither."""
    return click.option(
        "--baseline/--just-placed",
        default=None,
        help="Old orders, whose first answer fires nothing; or new ones, for which every event fires.",
    )(command)


def duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Callback of an option: reads `90s`, `15m`, `12h` or `7d` as seconds."""
    if value is None:
        return None
    found = seconds(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a duration; write 90s, 15m, 12h or 7d")
    return found


def moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Callback of an option: reads `24h` (ago), or a date and time in UTC, as seconds since the epoch."""
    if value is None:
        return None
    ago_s = seconds(value)
    if ago_s is not None:
        return clock.now() - ago_s
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        problem = f"{value!r} is not a moment; write 24h (that long ago) or 2026-11-23T02:14:07Z"
        raise click.BadParameter(problem) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def sure(question: str, *, yes: bool) -> None:
    """Ask before money is spent or an order is deleted; a no ends the command. A program has to pass --yes."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def orders_in_words(ids: Sequence[str]) -> str:
    """`order 23501`, or `3 orders`."""
    return f"order {ids[0]}" if len(ids) == 1 else f"{len(ids)} orders"


def counted(number: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def added_in_words(added: int, known: int) -> str:
    """`2 added, 1 known already`."""
    return f"{added} added" + (f", {known} known already" if known else "")
