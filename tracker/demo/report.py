"""The report at the end: the checks and what to type next, for a screen or as ASCII lines."""

from collections.abc import Sequence

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tracker.demo.checks import Check

NEXT = "tracker init"
NEXT_DOES = "writes config.toml and a key file, for a panel of your own"
FAILED = "Something went wrong here. `tracker demo --keep DIR` keeps the data and the daemon's log."


def title(*, complete: bool) -> str:
    """The heading. At most 79 columns, as everything here."""
    how = "The demo is over." if complete else "Ended early."
    return f"{how} What the tracker has, beside what panels and receiver saw:"


def lines(checks: Sequence[Check], verdict: str, *, complete: bool) -> list[str]:
    """The report as ASCII lines."""
    found = ["", title(complete=complete)]
    for check in checks:
        found.append(f"  {'FAILED' if check.problems else 'ok':<6}  {check.name:<10}  {check.figures}".rstrip())
        found += [f"{'':20}{problem}" for problem in check.problems]
    return [*found, "", verdict, *([FAILED] if failed(checks) else []), f"Next: {NEXT}   {NEXT_DOES}"]


def page(checks: Sequence[Check], verdict: str, *, complete: bool) -> Group:
    """The report for a screen."""
    rows = Table.grid(padding=(0, 1, 0, 0))
    for check in checks:
        mark = Text("✖", "bold red") if check.problems else Text("✔", "green")
        rows.add_row(mark, Text(check.name, "bold"), Text("\n".join(filter(None, (check.figures, *check.problems)))))
    end = Text(verdict, "bold red" if failed(checks) else "bold green")
    remedy = [Text(FAILED, "red")] if failed(checks) else []
    following = Text.assemble("Next: ", (NEXT, "bold"), f"   {NEXT_DOES}")
    return Group(Text(), Text(title(complete=complete)), Padding(rows, (1, 0, 1, 0)), end, *remedy, Text(), following)


def failed(checks: Sequence[Check]) -> bool:
    """Returns whether any check found a problem."""
    return any(check.problems for check in checks)
