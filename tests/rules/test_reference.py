"""What the reference documents list is complete: every command, key, event, field, table and column, and no other."""

import ast
import json
import re
import tomllib
from decimal import Decimal

import click
import pytest

from tests.defaults import balance_rules, hook_rules, poll_rules
from tests.rules import documents, test_imports
from tests.rules.documents import ROOT
from tracker.actions.sample_event import specimen
from tracker.cli import main
from tracker.config import toml
from tracker.config.schema import NOT_BUILT, Many, Section
from tracker.config.schema import ROOT as SCHEMA
from tracker.core.catalogue import compare
from tracker.core.events import events
from tracker.core.events.event_types import EVENT_TYPES
from tracker.core.model import Balance, Order, Refill, Service
from tracker.core.orders.new_orders import FIELDS
from tracker.core.status import FINAL, OPEN, OrderStatus
from tracker.db import migrate
from tracker.db.database import connect
from tracker.errors import Exit, PanelError, Trouble
from tracker.store import Store

NOW = 1_795_400_000.0
SERVICE = Service("1", "Flyer rounds", "Default", "Print", Decimal("1.20"), 10, 1000, refill=True, cancel=True)
COMMANDS, CONFIGURATION, EVENTS, DATABASE, HOOKS, OPERATIONS = (
    ROOT / "docs" / f"{name}.md" for name in ("commands", "configuration", "events", "database", "hooks", "operations")
)


@pytest.fixture
def database(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/tracker.db")
    migrate.migrate(database)
    return database


# --- commands.md


def leaves(command, path):
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), [*path, name])


def test_every_command_has_a_section_with_all_its_options_and_an_example():
    sections = {name: part for name, part in documents.parts(COMMANDS).items() if name.startswith("tracker ")}
    examples = "\n".join(documents.blocks(COMMANDS, "console"))
    commands = dict(leaves(main, ["tracker"]))

    assert set(sections) == set(commands)
    for name, command in commands.items():
        documented = {word.split()[0] for row in sections[name].rows for word in documents.code(row[0])}
        options = {o for param in command.params if isinstance(param, click.Option) for o in param.opts}
        options |= {o for param in command.params if isinstance(param, click.Option) for o in param.secondary_opts}
        assert documented == options, name
        assert re.search(example_of(name), examples), f"no example of {name}"


def example_of(name):
    """`api balance` is typed as `api PANEL balance`."""
    return r"\btracker ([^|\n]* )?" + re.escape(name.removeprefix("tracker ")).replace(r"api\ ", r"api \w+ ")


def test_the_exit_codes_are_those_of_the_program():
    rows = next(iter(documents.parts(COMMANDS).values())).rows
    assert {int(row[0]) for row in rows if row[0].isdigit()} == {*map(int, Exit), 130}


def test_the_columns_of_an_import_are_those_it_takes():
    (header, *_), *_ = [text.splitlines() for text in documents.blocks(COMMANDS, "csv")]
    assert set(header.split(",")) == set(FIELDS)


# --- configuration.md


def keys_in(section, at=""):
    """`panels.NAME.url` -> its entry."""
    for name, entry in section.keys.items():
        match entry:
            case Section():
                yield from keys_in(entry, f"{at}{name}.")
            case Many():
                yield from keys_in(entry.section, f"{at}{name}.NAME.")
            case _:
                yield at + name, entry


def documented_keys():
    """(`panels.NAME.url`, the cell of its default, the rest of the row)."""
    for heading, part in documents.parts(CONFIGURATION).items():
        section = re.fullmatch(r"`\[(.+)\]`", heading)
        if section:
            yield from ((f"{section[1]}.{row[0].strip('`')}", row[1], row[2]) for row in part.rows)
    at = ""
    for section, key, default in documents.parts(CONFIGURATION)["Not built yet"].rows:
        at = section.strip("`[]") or at
        yield f"{at}.{key.strip('`')}", default, "not built yet"


def test_every_key_is_listed_with_the_default_it_has():
    listed = {key: default for key, default, _ in documented_keys()}
    known = dict(keys_in(SCHEMA))

    assert listed.keys() == known.keys()
    for key, entry in known.items():
        assert listed[key] in defaults(entry), key


def defaults(entry):
    """What may stand in the column of defaults."""
    if getattr(entry, "missing", ""):
        return {"required"}
    if getattr(entry, "default", None) is None:
        return {"none", "required for a webhook", "required for a command"}
    written = "{}" if entry.default == {} else toml.value(entry.default)
    return {f"`{written}`"} | ({"see below"} if len(written) > 60 else set())


def test_the_lists_below_are_the_defaults():
    texts = [tomllib.loads(text) for text in documents.blocks(CONFIGURATION, "toml")]
    (hook,) = [text["hooks"]["ops"] for text in texts if "ops" in text.get("hooks", {})]
    known = dict(keys_in(SCHEMA))

    assert hook["events"] == known["hooks.NAME.events"].default
    assert hook["retry_schedule"] == known["hooks.NAME.retry_schedule"].default


def test_what_is_not_built_is_marked_so_and_nothing_else():
    marked = {key for key, _, text in documented_keys() if text == "not built yet"}
    patterns = [re.escape(key).replace(r"\*", "NAME") + r"(\..*)?" for key in NOT_BUILT if not key.endswith(".type")]
    not_built = {key for key, _ in keys_in(SCHEMA) if any(re.fullmatch(pattern, key) for pattern in patterns)}

    assert marked == not_built


# --- events.md


def emitted():
    """Every type that the code names where events are made."""
    files = [*(ROOT / "tracker" / "core").rglob("*.py"), *(ROOT / "tracker" / "store").rglob("*.py")]
    trees = [ast.parse(path.read_text()) for path in files if path.stem not in ("event_types", "event_schema")]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return texts & set(EVENT_TYPES)


def test_every_type_is_listed_and_told_somewhere():
    parts = documents.parts(EVENTS)
    listed = [word for family in FAMILIES for row in parts[family].rows for word in documents.code(row[0])]

    assert set(listed) == emitted()
    assert sorted(listed) == sorted(EVENT_TYPES)


FAMILIES = (
    *("Orders", "Many orders at once", "Refills", "Balances", "Panels", "Catalogues", "Services", "Hooks"),
    *("The tracker itself", "The gateway"),
)


def leaf_keys(value, at):
    if not isinstance(value, dict):
        return {at}
    return set().union(*(leaf_keys(inner, f"{at}.{key}") for key, inner in value.items()))


def listed_fields(heading):
    return {word for row in documents.parts(EVENTS)[heading].rows for word in documents.code(row[0])}


UNANSWERED = {"data.unanswered.since", "data.unanswered.reason"}


def test_every_field_of_an_orders_event_is_listed():
    before = Order(id=1, panel="main", remote_id="1", status=OrderStatus.IN_PROGRESS)
    refund = {"expected": None, "observed": None, "basis": None}
    event = events.order_event("order.partial", before, before, 1, NOW, None, refund)
    example = json.loads(documents.blocks(EVENTS, "json")[0])
    body = json.loads(event.body)

    assert leaf_keys(body["data"], "data") | {"data.refund", "data.stuck.since"} | UNANSWERED == listed_fields(
        "An order's event"
    )
    assert leaf_keys(example, "") == leaf_keys(body, "")
    assert set(body) == listed_fields("The frame")


def alerts_told(database):
    """The data of a balance's, a panel's and the tracker's own event, as the store writes them."""
    store, rules = Store(database), poll_rules()
    store.panels.sync({"main": ""}, NOW)
    claim = store.claims.claim("main", rules, NOW)
    store.panels.record_balance(claim, Balance(Decimal(1), "USD"), rules, balance_rules(below=Decimal(20)), NOW)
    for later_s in (0, 100):
        claim = store.claims.claim("main", rules, NOW + later_s)
        store.panels.failed(claim, PanelError(Trouble.AUTH, "Invalid API key"), 0.0, rules, NOW + later_s)
    store.maintenance.emit_degraded(NOW - 60, "disk full", NOW)
    with database.reading() as cur:
        return [json.loads(body)["data"] for (body,) in cur.run("SELECT body FROM events ORDER BY id").rows()]


def test_every_field_of_the_other_events_is_listed(database):
    order, refill = Order(id=1, panel="main", remote_id="1"), Refill(id=1, panel="main", remote_id="1")
    balance, panel, tracker, _ = alerts_told(database)
    made = {
        "A strange word": events.unknown_word_event(order, "Odd", NOW),
        "A refill's event": events.refill_event("refill.changed", refill, refill, 1, NOW),
        "A catalogue's event": events.panel_event(
            "catalogue.changed", "main", "services", 1, NOW, {"catalogue": compare({}, [SERVICE]).facts()}
        ),
        "A hook's event": events.hook_event("hook.failing", "ops", 1, NOW, NOW, 1, 0, "answered 500"),
    }
    data = {heading: json.loads(event.body)["data"] for heading, event in made.items()}
    for heading, name in {
        "A panel that lists too many children": "panel.children_capped",
        "Many orders in one event": "orders.stuck",
        "A service that stopped delivering": "service.stalled",
    }.items():
        data[heading] = json.loads(specimen(name, "main", NOW).body)["data"]
    unclear, limit = (
        json.loads(specimen(f"gateway.{name}", "main", NOW).body)["data"] for name in ("unclear", "limit")
    )
    data["The gateway's events"] = {"panel": "main", "gateway": unclear["gateway"] | limit["gateway"]}
    data |= {"A balance's event": balance, "A panel's event": panel, "The tracker's own event": tracker}

    for heading, facts in data.items():
        assert leaf_keys(facts, "data") == listed_fields(heading), heading


def test_the_statuses_are_those_the_program_knows():
    rows = {row[0]: set(documents.code(row[1])) for row in documents.parts(EVENTS)["Statuses"].rows}

    assert rows == {"open": {*OPEN}, "final": {*FINAL}, "neither": {"unknown"}}
    assert rows["open"] | rows["final"] | rows["neither"] == {*OrderStatus}


# --- hooks.md, database.md, operations.md, ARCHITECTURE.md


def test_the_retry_schedule_is_the_default():
    ((first, *waits),) = [row for row in documents.parts(HOOKS)["When an attempt fails"].rows if row[0] == "after"]
    units = {"s": 1, "m": 60, "h": 3_600}

    assert first == "after"
    assert tuple(float(wait[:-1]) * units[wait[-1]] for wait in waits) == hook_rules("ops").retry_schedule_s


def test_every_table_and_column_is_listed(database):
    parts = documents.parts(DATABASE)
    with database.reading() as cur:
        names = {name for (name,) in cur.run("SELECT name FROM sqlite_master WHERE type = 'table'").rows()}
        tables = {name for name in names if not name.startswith(("sqlite_", "schema_"))}
        columns = {name: {row[1] for row in cur.run(f"PRAGMA table_info({name})").rows()} for name in tables}
    listed = {
        name: {word for row in parts[name].rows for word in documents.code(row[0])} for name in parts.keys() & tables
    }

    assert listed == columns


def test_every_line_of_the_log_that_is_no_debugging_is_listed():
    listed = {word for row in documents.parts(OPERATIONS)["Logs"].rows for word in documents.code(row[0])}
    source = "\n".join(path.read_text() for path in (ROOT / "tracker").rglob("*.py"))
    logged = re.findall(r"\blog\.(\w+)\(\s*\"([a-z_]+\.[a-z_]+)\"", source)
    loud = {name for level, name in logged if level != "debug"}

    assert loud
    assert loud <= listed, loud - listed
    assert all(f'"{name}"' in source for name in listed)


def test_every_package_is_shown_in_the_order_that_imports_follow():
    rooms = documents.parts(ROOT / "ARCHITECTURE.md")["Rooms, and who may import whom"].rows
    shown = [word for row in rooms for word in documents.code(row[0])]
    packages = [name for name in shown if "/" not in name]
    core = [path for path in (ROOT / "tracker" / "core").iterdir() if not path.name.startswith("_")]

    assert set(packages) == {
        path.stem for path in (ROOT / "tracker").iterdir() if not path.name.startswith(("_", "py.typed"))
    }
    assert {name for name in shown if "/" in name} == {f"core/{path.stem}" for path in core}
    places = [test_imports.PLACE.get(name, 0) for name in packages if name != "schemas"]
    assert places == sorted(places)


def test_every_file_of_a_folder_of_the_core_is_named():
    rows = documents.parts(ROOT / "ARCHITECTURE.md")["Rooms, and who may import whom"].rows
    named = {row[0].strip("`"): documents.code(row[1]) for row in rows}
    for folder in (path for path in (ROOT / "tracker" / "core").iterdir() if path.is_dir()):
        files = {path.stem for path in folder.glob("[a-z]*.py")}
        assert files <= {*named.get(f"core/{folder.name}", ())}, folder
