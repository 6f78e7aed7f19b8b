"""Rows that are handed over: how the tests read and take them."""

import io
import json

from tests.core.beliefs import NOW
from tests.databases import rows as selected
from tests.defaults import poll_rules
from tracker.intake.row_files import read_rows

RULES = poll_rules(max_requests_per_minute=60, batch_size=100)


def read(text):
    """Returns the rows of a file, given as text, or as bytes that are not text."""
    data = text.encode() if isinstance(text, str) else text
    return list(read_rows(io.TextIOWrapper(io.BytesIO(data), "utf-8", "surrogateescape", newline="")))


def take(intake, rows, **how):
    """Takes rows, or the text of a file; returns the total after the last batch."""
    numbered = read(rows) if isinstance(rows, str) else list(enumerate(rows, 1))
    taken = None
    for taken in intake.take(numbered, NOW, **({"panel": "main"} | how)):  # noqa: B007  the last one counts
        pass
    return taken


def ids(database):
    return [row[0] for row in selected(database, "SELECT remote_id FROM orders ORDER BY id")]


def written(journal):
    return [json.loads(line) for line in journal.read_text().splitlines() if line]
