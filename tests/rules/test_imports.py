"""Who may import whom: one order of the packages, held over the imports of every file under tracker/."""

import ast
import sys
from pathlib import Path

import pytest

TRACKER = Path(__file__).parents[2] / "tracker"

# A package imports from itself and from what stands above it. Those of one line do not import each other.
ORDER = (
    {"tracker"},
    {"errors", "clock", "signal_flag"},
    {"child_process", "metrics", "client", "simulator", "db.migrations"},  # the last three: see NARROW
    {"core"},
    {"log", "event_schemas"},
    {"config"},
    {"db", "net"},
    {"store"},
    {"reports"},
    {"presentation", "delivery", "intake"},
    {"polling"},
    {"gateway"},
    {"actions"},
    {"web"},
    {"daemon"},
    {"demo"},
    {"cli"},
    {"__main__"},
)
PLACE = {package: place for place, packages in enumerate(ORDER) for package in packages}

# Packages that may import less than their place allows: which of ours, and which libraries (None: any).
NARROW = {
    "core": ({"errors"}, {"msgspec"}),
    "db.migrations": (set(), {"peewee", "playhouse"}),
    "simulator": ({"errors", "signal_flag"}, None),
    "client": (set(), {"requests"}),
}

# (who, whom): allowed by the order, and still wrong.
NEVER = {
    (who, "store"): "who only looks reads through reports" for who in ("reports", "presentation", "web")
}  # fmt: skip

# core/ does no IO and reads neither clock nor chance.
IMPURE_MODULES = {
    *("asyncio", "fcntl", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib", "random"),
    *("secrets", "select", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl"),
    *("subprocess", "sys", "tempfile", "threading", "time", "tomllib", "uuid"),
}
IMPURE_NAMES = {"open", "print", "input", "exec", "eval", "__import__"}
IMPURE_ATTRIBUTES = {"now", "utcnow", "today"}

# Two channels never know each other; what they share is in the package itself.
CHANNELS = {"webhook", "command", "apprise"}


def modules(root):
    """(path, dotted name as a tuple, tree) of every file under `root`, a folder called tracker."""
    for path in sorted(root.rglob("*.py")):
        parts = ("tracker", *path.relative_to(root).with_suffix("").parts)
        yield path, parts, ast.parse(path.read_text(), str(path))


def violations(root):
    """One text for each breach in the files under `root`."""
    return [
        f"{'/'.join(module)}.py:{line}: {text}"
        for _, module, tree in modules(root)
        for line, text in breaches(module, tree)
    ]


def breaches(module, tree):
    """(line, what is wrong) for each breach in one file."""
    package = package_of(module)
    if package not in PLACE:
        yield 1, f"{package} has no place: add it to ORDER in tests/rules/test_imports.py"
        return
    for line, target in imports(module, tree):
        complaint = about_ours(module, package, target) if target[0] == "tracker" else about_others(package, target)
        if complaint:
            yield line, complaint
    if package == "core":
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


def package_of(dotted):
    """The file or package right under tracker/ that a module, or a name imported from one, belongs to."""
    if dotted[:3] == ("tracker", "db", "migrations"):
        return "db.migrations"
    package = dotted[1] if len(dotted) > 1 else "tracker"
    return "tracker" if package.startswith("__") and package != "__main__" else package


def about_ours(module, package, target):
    """What is wrong with importing `target`, a name of ours; None if nothing is."""
    whom = package_of(target)
    if whom == package:
        return about_channels(module, target)
    if whom not in PLACE:
        return f"imports {whom}, which has no place"
    if (package, whom) in NEVER:
        return f"{package} imports {whom}: {NEVER[package, whom]}"
    if package in NARROW and whom not in NARROW[package][0]:
        return f"{package} may not import {whom}"
    if PLACE[whom] >= PLACE[package]:
        return f"{package} imports {whom}, which does not stand above it"
    return None


def about_channels(module, target):
    if module[1:3] != ("delivery", "channels") or target[1:3] != ("delivery", "channels"):
        return None
    whom = target[3] if len(target) > 3 else "__init__"
    if module[3] in CHANNELS and whom in CHANNELS - {module[3]}:
        return f"the channel {module[3]} imports the channel {whom}"
    return None


def about_others(package, target):
    """What is wrong with importing `target`, which is not ours; None if nothing is."""
    name = target[0]
    if package == "core" and name in IMPURE_MODULES:
        return f"core imports {name}: no IO, no clock, no chance"
    libraries = NARROW[package][1] if package in NARROW else None
    if libraries is not None and name not in libraries | sys.stdlib_module_names:
        return f"{package} may not import {name}"
    return None


def impurities(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            yield node.lineno, f"core uses {node.id}()"
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_ATTRIBUTES:
            yield node.lineno, f"core reads the clock: .{node.attr}"


def test_every_package_imports_only_from_those_above_it():
    assert violations(TRACKER) == []


# --- circles


def graph(root, named=lambda module: module):
    """Who imports whom among the files under `root`; named: makes of a module what the graph is about."""
    names = {module[:-1] if module[-1] == "__init__" else module: tree for _, module, tree in modules(root)}
    edges = {named(module): set() for module in names}
    for module, tree in names.items():
        for _, target in imports(module, tree):
            whom = target if target in names else target[:-1]
            if whom in names and named(whom) != named(module):
                edges[named(module)].add(named(whom))
    return edges


def circles(edges):
    """The nodes that can be reached from themselves, each with a way back."""
    found = []
    for start in sorted(edges):
        ways, seen = [(start,)], set()
        while ways:
            way = ways.pop()
            for whom in sorted(edges[way[-1]] - seen):
                if whom == start:
                    found.append(way)
                    ways = []
                    break
                seen.add(whom)
                ways.append((*way, whom))
    return found


def test_no_file_imports_itself_by_way_of_others():
    assert circles(graph(TRACKER)) == []


def core_folder(module):
    """The folder of core/ that a module is in, or the file itself where it lies in none."""
    return module[:3] if module[:2] == ("tracker", "core") else module


def test_no_two_folders_of_the_core_import_each_other():
    edges = graph(TRACKER, core_folder)
    both = {(a, b) for a in edges for b in edges[a] if a[:2] == b[:2] == ("tracker", "core") and a in edges[b]}
    assert both == set()


def test_a_circle_is_found(tmp_path):
    root = tmp_path / "tracker"
    root.mkdir()
    for name, text in {"a": "from tracker import b", "b": "from tracker.c import x", "c": "import tracker.a"}.items():
        (root / f"{name}.py").write_text(text)
    assert [way[0][-1] for way in circles(graph(root))] == ["a", "b", "c"]


# file, its text, the breach (None: there is none)
EXAMPLES = [
    ("store/orders.py", "from tracker.core.model import Order\nfrom tracker.db import models", None),
    ("store/orders.py", "from tracker.store import base\nfrom .base import Base\nfrom . import base", None),
    ("store/orders.py", "from tracker.intake import journal", "store imports intake, which does not stand above it"),
    ("store/orders.py", "def f():\n    import tracker.polling.poller", "store imports polling, which does not stand"),
    ("store/orders.py", "from ..delivery import send", "store imports delivery, which does not stand above it"),
    ("net/http.py", "from tracker import clock, errors, __version__\nfrom tracker.net import sockets", None),
    ("net/http.py", "from tracker.db.database import Database", "net imports db, which does not stand above it"),
    ("core/orders/diff.py", "from decimal import Decimal\nimport msgspec\nfrom tracker.errors import Trouble", None),
    ("core/orders/diff.py", "from tracker import clock", "core may not import clock"),
    ("core/orders/diff.py", "import time", "core imports time: no IO, no clock, no chance"),
    ("core/orders/diff.py", "import structlog", "core may not import structlog"),
    ("core/orders/diff.py", "from datetime import datetime\ndatetime.now()", "core reads the clock: .now"),
    ("core/orders/diff.py", "open('x')", "core uses open()"),
    ("db/migrations/0001_first.py", "import peewee\nimport json", None),
    ("db/migrations/0001_first.py", "from tracker.db import models", "db.migrations may not import db"),
    ("db/migrations/0001_first.py", "import requests", "db.migrations may not import requests"),
    (
        "delivery/channels/webhook.py",
        "from tracker.delivery.channels import Result\nfrom tracker.delivery.channels.signing import sign",
        None,
    ),
    (
        "delivery/channels/webhook.py",
        "from tracker.delivery.channels import command",
        "the channel webhook imports the channel",
    ),
    ("delivery/channels/webhook.py", "from .command import kill", "the channel webhook imports the channel command"),
    ("simulator/faults.py", "import random\nfrom tracker.errors import UserError", None),
    ("simulator/faults.py", "from tracker.core import status", "simulator may not import core"),
    ("web/pages.py", "from tracker import reports", None),
    ("web/pages.py", "from tracker.store import Store", "web imports store: who only looks reads through reports"),
    ("reports/money.py", "from tracker.store import Store", "reports imports store: who only looks"),
    ("__main__.py", "from tracker.cli import main", None),
    ("cli/run.py", "from tracker import daemon, demo", None),
    ("attic.py", "import os", "attic has no place: add it to ORDER"),
    ("cli/run.py", "from tracker import attic", "imports attic, which has no place"),
]


@pytest.mark.parametrize(("file", "text", "breach"), EXAMPLES)
def test_a_breach_is_found_and_nothing_else(tmp_path, file, text, breach):
    path = tmp_path / "tracker" / file
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n")
    found = violations(tmp_path / "tracker")
    assert len(found) == (1 if breach else 0), found
    assert all(breach in each for each in found)


# Files that open other databases than the tracker's.
OTHER_DATABASES = {"tests/intake/test_example.py", "tracker/reports/dry_run.py"}


def test_one_process_opens_the_trackers_file_with_one_sqlite_library():
    """Two do not see each other's locks; a worker of the tests used to die of that, now and then."""
    root = TRACKER.parent
    found = {
        str(path.relative_to(root))
        for folder in ("tracker", "tests", "bench")
        for path in (root / folder).rglob("*.py")
        if any(target[0] == "sqlite3" for _, target in imports((), ast.parse(path.read_text())))
    }
    assert found == OTHER_DATABASES, "import it from peewee, which has the library of the tracker"
