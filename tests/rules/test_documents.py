"""What the documents show works: links lead somewhere, commands parse, examples load and run."""

import re
import shlex
import tomllib
from codecs import decode
from pathlib import Path

import click
import pytest

from tests.rules import documents
from tests.rules.documents import DOCUMENTS, ROOT
from tracker import config
from tracker.cli import main
from tracker.config.schema import ROOT as SCHEMA
from tracker.core.orders.new_orders import BadRow, read_row
from tracker.db import migrate
from tracker.db.database import connect
from tracker.intake.row_files import read_rows

NOW = 1_795_400_000.0  # 2026-11-23
SECRET = "whsec_aW52ZW50ZWQgZm9yIHRoZSBleGFtcGxlIQ=="

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@each_document
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(path):
    dead = [
        f"{target.name}#{anchor}"
        for target, anchor in documents.links(path)
        if not target.exists() or (anchor and anchor not in documents.anchors(target))
    ]

    assert dead == []


# A path from the top of the checkout. `tracker/1.0` is a user agent, `systemd/system` a folder of systemd's.
FROM_THE_TOP = re.compile(r"(?<![\w./~-])(?:\.ci|bench|contrib|docs|systemd|tests|tracker)/(?!\d|system/)[\w./-]*[\w-]")
INSIDE_TRACKER = {path.name for path in (ROOT / "tracker").iterdir() if path.is_dir()}
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
ENDINGS = {".css", ".html", ".md", ".py"}  # of files that only this project has; a user has a config.toml, too


def test_every_path_of_the_project_that_any_file_names_is_there():
    left_out = {ROOT / ".gitignore", Path(__file__)}  # they name what is not there
    files = [path for path in documents.tracked_files() if path not in left_out and "vendor" not in path.parts]
    named = {(path, name) for path in files for name in FROM_THE_TOP.findall(path.read_text(errors="replace"))}

    assert named
    assert [f"{path.relative_to(ROOT)}: {name}" for path, name in sorted(named) if not is_there(name)] == []


@each_document
def test_every_file_of_ours_in_backticks_is_there(path):
    named = [word for code in documents.code(documents.prose(path)) for word in code.split() if PATH.fullmatch(word)]
    inside = [word for word in named if "/" in word and word.partition("/")[0] in INSIDE_TRACKER]
    alone = {word for word in named if "/" not in word and Path(word).suffix in ENDINGS}
    missing = [word for word in inside if not is_there(word, f"tracker/{word}", f"tracker/{without_attribute(word)}")]

    assert missing == []
    assert alone - {path.name for path in documents.tracked_files()} == set()


@each_document
def test_every_module_that_is_run_or_imported_is_there(path):
    named = re.findall(r"(?:-m|from|import) ((?:bench|tracker)(?:\.\w+)*)", path.read_text())
    assert [name for name in named if not is_there(name.replace(".", "/"))] == []


def is_there(*names):
    """Whether one of these names is a file or folder, `.py` left out or not; `*` stands for anything."""
    return any(any(ROOT.glob(name.rstrip("/") + end)) for name in names for end in ("", ".py"))


def without_attribute(name):
    """`daemon/build.channel` is a function of `daemon/build`."""
    return re.sub(r"\.\w+$", "", name)


def test_a_file_that_does_not_exist_would_be_noticed():
    assert is_there("tests/rules/documents.py")
    assert is_there("core/orders/diff", "tracker/core/orders/diff")
    assert not is_there("core/diff", "tracker/core/diff")
    assert FROM_THE_TOP.findall("tests/rules/x.py, /opt/tracker/bin/tracker, tracker/1.0") == ["tests/rules/x.py"]


# --- commands


def simple_commands(line):
    """The commands of a line of shell, each as its words; redirections and what follows them are left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = []
    redirected = False
    for word in lexer:
        if set(word) <= set("|&;()"):
            yield words
            words, redirected = [], False
        elif set(word) <= set("<>"):
            redirected = True
        elif not redirected:
            words.append(word)
    yield words


def ours(words):
    """The arguments, if this is `tracker …`, maybe after sudo and assignments; else None."""
    while words and (words[0] in ("sudo", "-u", "*/5", "*") or "=" in words[0]):
        words = words[2:] if words[0] == "-u" else words[1:]
    return words[1:] if words and Path(words[0]).name == "tracker" else None


def shown_commands(path):
    lines = [line for text in documents.blocks(path, "sh", "crontab") for line in text.splitlines()]
    consoles = [text.replace("\\\n", " ") for text in documents.blocks(path, "console")]
    lines += [line[2:] for text in consoles for line in text.splitlines() if line[:2] == "$ "]
    lines += [word for word in documents.code(documents.prose(path)) if re.match(r"tracker [^\[…]+$", word)]
    for line in lines:
        yield from (args for words in simple_commands(line) if (args := ours(words)) is not None)


def parse(args):
    """As the command line would read it; nothing is run. Raises click.UsageError."""
    command, name, parent = main, "tracker", None
    while True:
        context = command.make_context(name, list(args), parent=parent)
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]  # how Group.invoke finds its subcommand
        name, command, args = command.resolve_command(context, rest)
        parent = context


def is_readable(args):
    try:
        parse(args)
    except (click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        return True  # --version, --help; a group named as such
    except click.UsageError as error:
        return error.format_message()
    return True


@each_document
def test_every_command_that_is_shown_would_be_understood(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = list(shown_commands(path))
    for word in {word for args in found for word in args if re.fullmatch(r"[\w/-]+\.(csv|txt|toml|ndjson)", word)}:
        if not word.startswith("/"):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).write_text("")

    wrong = {" ".join(args): told for args in found if (told := is_readable(args)) is not True}

    assert wrong == {}


def test_a_command_that_does_not_exist_would_be_noticed():
    assert is_readable(["orders", "list", "--json"]) is True
    assert "No such command" in is_readable(["orders", "lst"])
    assert "No such option" in is_readable(["orders", "list", "--jsn"])
    assert list(map(ours, simple_commands("A=1 sudo -u tracker /opt/bin/tracker run | grep tracker"))) == [
        ["run"],
        None,
    ]


# --- configuration


def complete(document, folder):
    """What a snippet takes for granted: its secret files exist, and there is a panel with a url and a key."""
    environ = {"HOME": str(folder), "CREDENTIALS_DIRECTORY": str(folder)}
    panels = document.get("panels", {}) or {"main": {}}
    for name, panel in panels.items():
        if "url" not in panel:
            environ[f"TRACKER__PANELS__{name.upper()}__URL"] = "https://panel.example/api/v2"
        if not {"key", "key_file", "key_env", "key_credential"} & panel.keys():
            environ[f"TRACKER__PANELS__{name.upper()}__KEY"] = "invented-for-the-example"
    for key, value in [pair for table in tables(document) for pair in table.items()]:
        if key.endswith(("_file", "_credential")):
            for name in value if isinstance(value, list) else [value]:
                (folder / name).write_text(CONTENTS.get(key, SECRET))
                (folder / name).chmod(0o600)
    return environ


CONTENTS = {"url_file": "https://ops.example/hooks/orders"}


def tables(table):
    yield table
    for value in table.values():
        if isinstance(value, dict):
            yield from tables(value)


@each_document
def test_every_piece_of_configuration_loads(path, tmp_path):
    for number, text in enumerate(documents.blocks(path, "toml")):
        document = tomllib.loads(text)
        if not document.keys() <= SCHEMA.keys.keys():
            continue  # a scenario of the simulator
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "config.toml").write_text(text)
        environ = complete(document, folder)
        if "database" in document:
            (folder / document["database"]["url_file"]).write_text("sqlite:///tracker.db")

        assert config.load(folder / "config.toml", environ, cwd=folder).panels


# --- data


@each_document
def test_every_query_runs_on_a_new_database(path, tmp_path):
    database = connect(f"sqlite:///{tmp_path}/tracker.db")
    migrate.migrate(database)
    with database.reading() as cur:
        for text in documents.blocks(path, "sql"):
            for statement in filter(str.strip, text.split(";")):
                assert cur.run(statement).rows() == []


@each_document
def test_every_file_of_orders_that_is_shown_can_be_imported(path, tmp_path):
    file = tmp_path / "orders"
    for text in documents.blocks(path, "csv", "ndjson"):
        file.write_text(text)
        with file.open() as stream:
            rows = list(read_rows(stream))
        assert rows
        for _, row in rows:
            assert not isinstance(row, BadRow), row
            assert read_row(row, panel=None, panels={"main": {}}, baseline=None, imported=True, now=NOW)


# --- what must not be in any file

# Names of real services, spelt so that this file is no exception.
BRANDS = decode(
    "vafgntenz|snprobbx|gvxgbx|lbhghor|gryrtenz|gjvggre|junngfncc|fcbgvsl|gjvgpu|yvaxrqva|fancpung", "rot13"
)
PLACES = re.compile(
    "|".join([BRANDS, r"(?<![\w.])/" + r"work/", r"\bpy" + "pi\\.", "python" + "hosted"]), re.IGNORECASE
)
URL = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE)
INVENTED = re.compile(r"(.*\.)?(example|invalid|localhost)|example\.(com|org|net)|[0-9.]+", re.IGNORECASE)
REFERENCES = {
    "github.com",
    "json-schema.org",
    "keepachangelog.com",
    "semver.org",
    "www.standardwebhooks.com",
    "www.w3.org",
}


def test_no_file_names_a_real_panel_a_brand_or_the_place_it_was_written_at():
    found = []
    for path in documents.tracked_files():
        if "vendor" in path.relative_to(ROOT).parts and path.name != "VENDOR.md":
            continue  # files of others, and their licences, stay as they are
        text = path.read_text(errors="replace")
        found += [f"{path.relative_to(ROOT)}: {word}" for word in PLACES.findall(text)]
        hosts = {host for host in URL.findall(text) if not INVENTED.fullmatch(host)} - REFERENCES
        found += [f"{path.relative_to(ROOT)}: {host}" for host in sorted(hosts)]

    assert found == []
