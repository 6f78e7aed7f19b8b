"""Who may import whom: the rows of the house, held over the imports of every file under tracker/."""

import ast
import sys
from pathlib import Path

import pytest

TRACKER = Path(__file__).parents[2] / "tracker"

# A file imports from its own package and from the lines above its own, never from its own line.
# Where a row has shelves, the lower one is built on the upper one.
ROWS = (
    ("row 0", {"tracker", "errors"}),
    ("row 1", {"core"}),
    (
        "row 2",
        {
            *("charts", "clock", "config", "event_schemas", "journal", "lines", "log", "metrics", "models"),
            *("sdnotify", "signals"),
        },
    ),
    ("row 2, second shelf", {"addresses", "database_trouble", "instance", "process", "waiting"}),
    ("row 2, third shelf", {"database", "exchange", "lanes"}),
    ("row 2, fourth shelf", {"checkup", "db", "numbering", "schema"}),
    ("row 3", {"store", "reports", "panel", "channels", "migrations"}),
    ("row 4", {"children", "poller", "dispatcher", "erasure", "intake", "replies", "shared", "shown"}),
    ("row 4, second shelf", {"collector", "gateway", "sheets"}),
    ("row 4, third shelf", {"web"}),
    ("row 5", {"client", "parts", "simulator"}),
    ("row 5, second shelf", {"chores", "heart"}),
    ("row 5, third shelf", {"daemon"}),
    ("row 6", {"demo"}),
    ("row 6, second shelf", {"cli"}),
    ("the door", {"__main__"}),
)
LEVEL = {room: level for level, (_, rooms) in enumerate(ROWS) for room in rooms}

# Rooms that may import less than their row allows: what of tracker, and what of other libraries.
NARROW = {
    "core": ({"errors"}, {"msgspec"}),
    "migrations": (set(), {"peewee", "playhouse"}),
    "simulator": ({"errors"}, None),  # None: what it likes
    "client": (set(), {"requests"}),  # for programs of others: one file and one library
}

# (who, whom): allowed by the rows, and still wrong.
NEVER = {("web", "store"): "the dashboard reads, and asks others to write"}

# core/ does no IO and reads neither clock nor chance.
IMPURE_MODULES = {
    *("asyncio", "fcntl", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib", "random"),
    *("secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl"),
    *("subprocess", "sys", "tempfile", "threading", "time", "tomllib", "uuid"),
}
IMPURE_NAMES = {"open", "print", "input", "exec", "eval", "__import__"}
IMPURE_ATTRIBUTES = {"now", "utcnow", "today"}

# Two ways out never know each other; what they share is in the other files of the package.
CHANNELS = {"webhook", "command", "apprise"}


def violations(root):
    """One text for each breach in the files under `root`, a folder called tracker."""
    found = []
    for path in sorted(root.rglob("*.py")):
        module = ("tracker", *path.relative_to(root).with_suffix("").parts)
        tree = ast.parse(path.read_text(), str(path))
        where = "/".join(module) + ".py"
        found += [f"{where}:{line}: {text}" for line, text in breaches(module, tree)]
    return found


def breaches(module, tree):
    """(line, what is wrong) for each breach in one file."""
    room = room_of(module)
    if room not in LEVEL:
        yield 1, f"{room} stands in no row: add it to ROWS in tests/house/test_imports.py"
        return
    for line, target in imports(module, tree):
        complaint = about_ours(module, room, target) if target[0] == "tracker" else about_others(room, target)
        if complaint:
            yield line, complaint
    if room == "core":
        yield from impurities(tree)


def imports(module, tree):
    """(line, dotted name as a tuple) of everything imported, wherever in the file it happens."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, tuple(alias.name.split("."))) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module[: -node.level] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            yield from ((node.lineno, (*base, alias.name)) for alias in node.names)


def room_of(dotted):
    """The room a module, or a name imported from one, is in: the file or package right under tracker/."""
    room = dotted[1] if len(dotted) > 1 else "tracker"
    return "tracker" if room.startswith("__") and room != "__main__" else room


def about_ours(module, room, target):
    """What is wrong with importing `target`, a name of ours; None if nothing is."""
    whom = room_of(target)
    if whom == room:
        return about_channels(module, target) if room == "channels" else None
    if whom not in LEVEL:
        return f"imports {whom}, which stands in no row"
    if (room, whom) in NEVER:
        return f"{room} imports {whom}: {NEVER[room, whom]}"
    if room in NARROW and whom not in NARROW[room][0]:
        return f"{room} may not import {whom}"
    if LEVEL[whom] >= LEVEL[room]:
        return f"{room} ({ROWS[LEVEL[room]][0]}) imports {whom} ({ROWS[LEVEL[whom]][0]})"
    return None


def about_channels(module, target):
    whom = target[2] if len(target) > 2 else "__init__"
    if module[2] in CHANNELS and whom in CHANNELS - {module[2]}:
        return f"the channel {module[2]} imports the channel {whom}"
    return None


def about_others(room, target):
    """What is wrong with importing `target`, which is not ours; None if nothing is."""
    name = target[0]
    if room == "core" and name in IMPURE_MODULES:
        return f"core imports {name}: no IO, no clock, no chance"
    libraries = NARROW[room][1] if room in NARROW else None
    if libraries is not None and name not in libraries | sys.stdlib_module_names:
        return f"{room} may not import {name}"
    return None


def impurities(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            yield node.lineno, f"core uses {node.id}()"
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_ATTRIBUTES:
            yield node.lineno, f"core reads the clock: .{node.attr}"


def test_every_file_imports_only_from_the_rows_above_its_own():
    assert violations(TRACKER) == []


# file, its text, the breach (None: there is none)
EXAMPLES = [
    ("store/orders.py", "from tracker.core.model import Order\nfrom tracker import models", None),
    ("store/orders.py", "from tracker.store import base\nfrom .base import Base\nfrom . import base", None),
    ("store/orders.py", "from tracker.panel import Panel", "store (row 3) imports panel (row 3)"),
    ("store/orders.py", "def f():\n    import tracker.poller", "store (row 3) imports poller (row 4)"),
    ("store/orders.py", "from ..channels import send", "store (row 3) imports channels (row 3)"),
    ("exchange.py", "from tracker import addresses, clock, errors, __version__", None),
    ("addresses.py", "from tracker.exchange import post", "addresses (row 2, second shelf) imports exchange"),
    ("core/diff.py", "from decimal import Decimal\nimport msgspec\nfrom tracker.errors import Trouble", None),
    ("core/diff.py", "from tracker import clock", "core may not import clock"),
    ("core/diff.py", "import time", "core imports time: no IO, no clock, no chance"),
    ("core/diff.py", "import structlog", "core may not import structlog"),
    ("core/diff.py", "from datetime import datetime\ndatetime.now()", "core reads the clock: .now"),
    ("core/diff.py", "open('x')", "core uses open()"),
    ("migrations/0001_first.py", "import peewee\nimport json", None),
    ("migrations/0001_first.py", "from tracker import models", "migrations may not import models"),
    ("migrations/0001_first.py", "import requests", "migrations may not import requests"),
    (
        "channels/webhook.py",
        "from tracker.channels import Sent\nfrom tracker.channels.signing import sign",
        None,
    ),
    (
        "channels/webhook.py",
        "from tracker.channels import command",
        "the channel webhook imports the channel",
    ),
    ("channels/webhook.py", "from .command import kill", "the channel webhook imports the channel command"),
    ("simulator/faults.py", "import random\nfrom tracker.errors import UserError", None),
    ("simulator/faults.py", "from tracker.core import status", "simulator may not import core"),
    ("web/pages.py", "from tracker import reports", None),
    ("web/pages.py", "from tracker.store import Store", "web imports store: the dashboard reads"),
    ("__main__.py", "from tracker.cli import main", None),
    ("cli/run.py", "from tracker import daemon, demo", None),
    ("attic.py", "import os", "attic stands in no row: add it to ROWS"),
    ("cli/run.py", "from tracker import attic", "imports attic, which stands in no row"),
]


@pytest.mark.parametrize(("file", "text", "breach"), EXAMPLES)
def test_a_breach_is_found_and_nothing_else(tmp_path, file, text, breach):
    path = tmp_path / "tracker" / file
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n")
    found = violations(tmp_path / "tracker")
    assert len(found) == (1 if breach else 0), found
    assert all(breach in each for each in found)
