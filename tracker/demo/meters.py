"""Bars made of text. They can be read without colours too: the done part is printed in a heavier character."""

from collections.abc import Sequence
from itertools import pairwise

from rich.text import Text


def meter(share: float, width: int, style: str) -> Text:
    """A progress bar of `width` columns. share: 0 to 1."""
    done = round(min(max(share, 0.0), 1.0) * width)
    return Text.assemble(("━" * done, style), ("╌" * (width - done), "dim"))


def stacked(parts: Sequence[tuple[int, str, str]], total: int, width: int) -> Text:
    """One bar made of several parts.

    parts: (count, glyph, style) of each; the counts add up to `total` at most, and the rest of the bar is empty.
    """
    bar = Text()
    for (_, glyph, style), columns in zip(parts, shares([part[0] for part in parts], total, width), strict=True):
        bar.append(glyph * columns, style)
    return bar.append("╌" * (width - len(bar)), "dim")


def shares(counts: Sequence[int], total: int, width: int) -> list[int]:
    """The columns for each count. The edges are rounded, not the widths, so that the sum is right."""
    edges = [0]
    for count in counts:
        edges.append(edges[-1] + count)
    columns = [round(edge * width / total) for edge in edges]
    return [right - left for left, right in pairwise(columns)]
