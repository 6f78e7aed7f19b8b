"""How a bench says what it found: a table for people, with --json one line for programs."""

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

Figures = Mapping[str, float]


class Finding(Struct, frozen=True):
    """One row. ours, beside: raw numbers with their units in the key. ratio against reach; `most` says
    whether the ratio may at most or must at least be the reach."""

    bench: str
    ours: Figures
    beside: Figures
    ratio: float
    reach: float
    most: bool = True
    note: str = ""

    @property
    def holds(self) -> bool:
        return self.ratio <= self.reach if self.most else self.ratio >= self.reach


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


def middle(runs: Sequence[float]) -> float:
    """The median: one disturbed run does not count."""
    return statistics.median(runs)


def _figures(figures: Figures) -> str:
    return "  ".join(f"{key}={value:g}" for key, value in figures.items())
