"""Markdown, as far as the tests of the documents need it: headings, tables, fenced blocks, links."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "systemd" / "README.md"])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\|(.+)\|$")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass
class Part:
    """What stands under one heading, up to the next one of any level."""

    heading: str
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)  # of its tables, without heads and rules


def blocks(path, *languages):
    """The texts of the fenced blocks in these languages."""
    return [text for language, text in _FENCE.findall(path.read_text()) if language in languages]


def prose(path):
    """The text without its fenced blocks."""
    return _FENCE.sub("", path.read_text())


def parts(path):
    """heading -> Part, in the order of the document."""
    pieces = _HEADING.split(prose(path))
    found = {}
    for heading, text in zip(pieces[2::3], pieces[3::3], strict=True):
        found[heading] = Part(heading, text, list(_rows(text)))
    return found


def _rows(text):
    lines = text.splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if not (row := _ROW.match(line)) or set(line) <= set("|- ") or not _ROW.match(above):
            continue  # no row, the rule under a head, or the head itself
        yield [cell.strip() for cell in _CELL.split(row[1])]


def code(cell):
    """The words in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(path):
    """The ids that a renderer gives to the headings: lower case, no punctuation, dashes for spaces."""
    headings = _HEADING.findall(_FENCE.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in headings}


def links(path):
    """(target, anchor) of every link and picture that leads to another file or heading of ours."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield (path.parent / file if file else path).resolve(), anchor


def tracked_files():
    """Every file that is, or is about to be, under version control."""
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for name in told.stdout.split("\0") if name and (path := ROOT / name).is_file()]
