"""ARCHITECTURE.md names what is there: the methods and files of its diagram, and the types of its vocabulary."""

import ast
import importlib
import re
from pathlib import Path

from tests.rules import documents
from tests.rules.documents import ROOT
from tracker.db.database import connect
from tracker.store import Store

ARCHITECTURE = ROOT / "ARCHITECTURE.md"
TRACKER = ROOT / "tracker"
LINES_MAX = 300


def diagram_names():
    """The dotted names in the boxes of the diagram: `store.claims.claim`, `core.wire`."""
    (diagram,) = documents.blocks(ARCHITECTURE, "mermaid")
    return re.findall(r'\["([a-z_.]+)<br/>', diagram) + re.findall(r'\["([a-z_.]+)"\]', diagram)


def test_the_diagram_names_methods_and_files_that_are_there(tmp_path):
    store = Store(connect(f"sqlite:///{tmp_path}/tracker.db"))
    names = diagram_names()
    assert len(names) == 8
    for name in names:
        first, *rest = name.split(".")
        if first == "store":
            room, method = rest
            assert callable(getattr(getattr(store, room), method)), name
        else:
            importlib.import_module(f"tracker.{name}")


def test_the_tables_of_the_diagram_are_tables(database):
    (diagram,) = documents.blocks(ARCHITECTURE, "mermaid")
    tables = set(re.findall(r"\[\(([a-z_]+)\)\]", diagram))
    assert tables
    with database.reading() as cur:
        for table in tables:
            cur.run(f"SELECT 1 FROM {table} LIMIT 1")


def classes():
    return {
        node.name
        for path in TRACKER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }


def test_the_types_of_the_vocabulary_are_classes():
    words = [word for row in documents.parts(ARCHITECTURE)["Words"].rows for word in documents.code(row[0])]
    types = {word for word in words if word[0].isupper()}
    concepts = {"Hook", "Attempt"}  # a section of the configuration, a row of a table
    assert types - concepts <= classes(), types - concepts - classes()


def test_the_files_of_the_spine_are_there():
    (spine,) = re.findall(r"The spine, .*?\n\n", ARCHITECTURE.read_text(), re.DOTALL)
    names = documents.code(spine)
    assert len(names) == 8
    assert [name for name in names if not (TRACKER / f"{name}.py").is_file()] == []


def test_the_methods_of_the_store_that_the_text_names_are_there(tmp_path):
    store = Store(connect(f"sqlite:///{tmp_path}/tracker.db"))
    named = set(re.findall(r"`store\.([a-z_]+)\.([a-z_]+)`", ARCHITECTURE.read_text()))
    assert named
    assert {name for name in named if not hasattr(getattr(store, name[0], None), name[1])} == set()


def test_it_can_be_read_in_one_sitting():
    assert len(Path(ARCHITECTURE).read_text().splitlines()) <= LINES_MAX
