"""config.example.toml is the reference: it has every key of the schema, no other, and it loads."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.config.conftest import WHSEC
from tracker.cli import init
from tracker.config import schema
from tracker.config.walk import known_names

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"

# "# key = …" and "# [section]"; prose never begins like that.
COMMENTED = re.compile(r"^# (?=[a-z_]+ = |\[)", re.MULTILINE)
KEY = re.compile(r"^(?:# )?[a-z_]+ = |^(?:# )?\[")


def test_the_example_loads_once_its_secret_files_exist(folder):
    config = folder.load(EXAMPLE.read_text())

    assert list(config.panels) == ["main"]
    assert config.hooks["ops"].channel.secrets[0].reveal() == WHSEC
    assert config.warnings == ()


def test_the_example_has_every_key_of_the_schema_and_no_other():
    document = tomllib.loads(COMMENTED.sub("", EXAMPLE.read_text()))

    assert set(keys_of(document, schema.ROOT)) == set(keys_in(schema.ROOT))


def test_every_value_of_the_example_would_be_accepted_were_its_feature_built(folder):
    """With every comment taken away, secrets are given four times and some features are still to come."""
    folder.secret("phone.url", "https://chat.example/invented")
    folder.secret("ops.token", "invented-token")
    folder.file("ops.pem", "invented")

    problems = folder.problems(COMMENTED.sub("", EXAMPLE.read_text()))

    left = [line for line in problems if "not built yet" not in line and "keep one of them" not in line]
    assert left == []


def test_what_is_active_in_the_example_is_the_default_unless_it_has_none_or_is_required():
    document = tomllib.loads(EXAMPLE.read_text())
    differs = [
        where
        for where, entry, value in settings(document, schema.ROOT)
        if entry.default is not None and value != entry.default
    ]

    assert differs == ["daemon.data_dir"]  # its default is empty: the system's own place


def test_what_init_writes_is_the_default_too():
    """Where it has one: a user who keeps the file does not keep what was once a default."""
    document = tomllib.loads(init.TEMPLATE.format(daemon="", name="main", url='"https://panel.example/"', key=""))

    written = [(where, value, entry.default) for where, entry, value in settings(document, schema.ROOT)]

    assert [(where, value) for where, value, default in written if value != default] == [
        ("panels.main.url", "https://panel.example/")
    ]
    assert len(written) > 1


def test_a_comment_stands_above_every_active_key():
    lines = EXAMPLE.read_text().splitlines()
    bare = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if KEY.match(line) and not line.startswith(("[", "#")) and not before.startswith("#")
    ]

    assert bare == []


def test_what_the_example_calls_not_built_is_refused_and_nothing_else():
    """The comment above a key says so; the head of the file names the keys."""
    lines = EXAMPLE.read_text().splitlines()
    section, pending, marked = "", False, set()
    for line in lines[lines.index("[daemon]") :]:
        pending = pending or "not built" in line.lower()
        if line.startswith("["):
            section = line.strip("[]")
        elif pending and (key := re.match(r"[a-z_]+(?= = )", line)):
            marked.add(f"{section}.{key[0]}")
            pending = False

    assert marked == {".".join(name.split(".")[:2]) for name in schema.NOT_BUILT}
    head = " ".join(lines[: lines.index("[daemon]")])
    assert set(re.findall(r"\[(\w+)\] (\w+)", head)) == {tuple(name.split(".")) for name in marked}


def test_every_line_of_not_built_is_about_the_schema():
    known = {key.removesuffix(".*") for key in keys_in(schema.ROOT)}

    assert set(schema.NOT_BUILT) <= known


def keys_in(section: schema.Section, at: str = "") -> Iterator[str]:
    """`panels.*.url` and so on, every form of a secret."""
    for name, entry in section.keys.items():
        match entry:
            case schema.Section():
                yield at + name
                yield from keys_in(entry, f"{at}{name}.")
            case schema.Many():
                yield at + name
                yield from keys_in(entry.section, f"{at}{name}.*.")
            case schema.Secrets():
                yield at + name
            case _:
                only = schema.Section({name: entry})
                yield from (at + form for form in known_names(only))


def keys_of(table: Mapping, section: schema.Section, at: str = "") -> Iterator[str]:
    """The same names, from a document; what the schema does not know is named as it stands there."""
    for name, value in table.items():
        yield at + name
        match section.keys.get(name):
            case schema.Section() as inner:
                yield from keys_of(value, inner, f"{at}{name}.")
            case schema.Many() as many:
                for child in value.values():
                    yield from keys_of(child, many.section, f"{at}{name}.*.")


def settings(table: Mapping, section: schema.Section, at: str = "") -> Iterator[tuple]:
    """Every plain key that is set, with its entry in the schema and its value."""
    for name, value in table.items():
        match section.keys.get(name):
            case schema.Section() as inner:
                yield from settings(value, inner, f"{at}{name}.")
            case schema.Many() as many:
                for key, child in value.items():
                    yield from settings(child, many.section, f"{at}{name}.{key}.")
            case schema.Key() | schema.SecretKey() as entry:
                yield at + name, entry, value
