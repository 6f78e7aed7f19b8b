"""What all benches share: their options, and how they print what they found (a table, or JSON with --json)."""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

Figures = Mapping[str, float]


class Finding(Struct, frozen=True):
    """One row of the result.

    ours, beside: the raw numbers of the tracker and of what it is compared with, with the unit in the key.
    ratio: the one compared with the other. reach: the ratio to reach, which is the largest allowed one if `most` is
    true, and the smallest otherwise.
    """

    bench: str
    ours: Figures
    beside: Figures
    ratio: float
    reach: float
    most: bool = True
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the reach is kept."""
        return self.ratio <= self.reach if self.most else self.ratio >= self.reach


def options(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser with the options of every bench. description: the docstring of the bench, printed as it is."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON for each row")
    return parser


def print_findings(found: Sequence[Finding], *, as_json: bool) -> None:
    for finding in found:
        if as_json:
            line: dict[str, Any] = {
                "bench": finding.bench,
                "ours": dict(finding.ours),
                "beside": dict(finding.beside),
                "ratio": round(finding.ratio, 3),
                "reach": finding.reach,
            }
            print(json.dumps(line), flush=True)
            continue
        word = "at most" if finding.most else "at least"
        verdict = "holds" if finding.holds else "MISSED"
        print(f"{finding.bench:<28} {finding.ratio:8.2f}   ({word} {finding.reach:g}: {verdict})")
        print(f"    ours   {_figures(finding.ours)}")
        print(f"    beside {_figures(finding.beside)}")
        if finding.note:
            print(f"    {finding.note}")


def median(runs: Sequence[float]) -> float:
    """The median, in which a single disturbed run does not count."""
    return statistics.median(runs)


def _figures(figures: Figures) -> str:
    return "  ".join(f"{key}={value:g}" for key, value in figures.items())
