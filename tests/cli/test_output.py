"""Tables for eyes, JSON and CSV for programs: nothing that comes from outside can act."""

import csv
import io
import json
from decimal import Decimal

import pytest

from tracker.cli.output import Output, ago_from, json_text

AT = 1_795_400_047.0
FIELDS = ("panel", "ref", "charge", "tags", "ok", "count", "settled_at", "nothing")
ROW = {
    "panel": "main",
    "ref": "A-118",
    "charge": Decimal("0.27819"),
    "tags": ["vip", "rush"],
    "ok": True,
    "count": 3,
    "settled_at": AT,
    "nothing": None,
}


def printed(capsys, format, rows, zone="UTC", shown=FIELDS, **options):
    Output(format, lambda: zone).rows(iter(rows), FIELDS, shown, "add some", **options)
    return capsys.readouterr()


def test_json_is_one_list_with_money_as_text_and_times_in_utc(capsys):
    out = printed(capsys, "json", [ROW, ROW], zone="Europe/Berlin").out
    row = {**ROW, "charge": "0.27819", "settled_at": "2026-11-23T02:14:07Z"}
    assert json.loads(out) == [row, row]


def test_json_of_nothing_is_an_empty_list_and_the_hint_goes_to_stderr(capsys):
    said = printed(capsys, "json", [])
    assert (json.loads(said.out), said.err) == ([], "add some\n")


def test_csv_of_nothing_still_has_its_header(capsys):
    said = printed(capsys, "csv", [])
    assert (said.out, said.err) == (",".join(FIELDS) + "\n", "add some\n")


def test_a_table_of_nothing_prints_nothing(capsys):
    said = printed(capsys, "table", [])
    assert (said.out, said.err) == ("", "add some\n")


@pytest.mark.parametrize("text", ["=1+1", "+49", "-5", "@SUM(A1)", "\tx", "\rx"])
def test_text_that_a_spreadsheet_would_calculate_is_marked_as_text(capsys, text):
    out = printed(capsys, "csv", [ROW | {"ref": text}]).out
    row = next(csv.DictReader(io.StringIO(out, newline="")))
    assert row["ref"] == "'" + text


def test_numbers_stay_numbers_in_csv(capsys):
    out = printed(capsys, "csv", [ROW | {"charge": Decimal("-0.5"), "count": -7}]).out
    row = next(csv.DictReader(io.StringIO(out)))
    assert (row["charge"], row["count"]) == ("-0.5", "-7")
    assert (row["tags"], row["ok"], row["nothing"]) == ("vip;rush", "true", "")


def test_money_is_never_written_with_an_exponent(capsys):
    small = ROW | {"charge": Decimal("0.00000001")}
    for shape in ("json", "csv", "table"):
        assert "0.00000001" in printed(capsys, shape, [small]).out


@pytest.mark.parametrize("evil", ["\x1b[2J", "\x9b2J", "a\u202eb", "x\ny"])
def test_no_text_acts_on_a_terminal(capsys, evil):
    assert evil not in printed(capsys, "table", [ROW | {"ref": evil}]).out
    document = json_text({"ref": evil})
    assert json.loads(document) == {"ref": evil}
    assert document.isascii()


def test_markup_in_a_text_is_only_text(capsys):
    assert "[red]x[/red]" in printed(capsys, "table", [ROW | {"ref": "[red]x[/red]"}]).out


def test_a_table_fits_the_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = printed(capsys, "table", [ROW | {"ref": "x" * 200}]).out
    assert max(map(len, out.splitlines())) <= 60


def test_a_table_in_a_pipe_loses_nothing(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert "x" * 200 in printed(capsys, "table", [ROW | {"ref": "x" * 200}]).out


def test_a_table_shows_times_in_the_users_zone(capsys):
    assert "2026-11-23 02:14:07Z" in printed(capsys, "table", [ROW]).out
    assert "2026-11-23 03:14:07+01:00" in printed(capsys, "table", [ROW], zone="Europe/Berlin").out


@pytest.mark.parametrize(
    ("away_s", "words"), [(-30, "30s ago"), (-180, "3m ago"), (7200, "in 2h"), (86_400 * 3, "in 3d"), (0, "0s ago")]
)
def test_a_list_says_how_long_ago(away_s, words):
    assert ago_from(AT)(AT + away_s) == words


def test_colours_are_off_when_no_color_is_set(capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[3" not in printed(capsys, "table", [ROW]).out


def test_rows_are_written_as_they_come(capsys):
    """A list of any length needs the memory of one row."""

    def rows():
        yield ROW
        assert '"panel":"main"' in capsys.readouterr().out
        yield ROW

    Output("json", lambda: "UTC").rows(rows(), FIELDS, FIELDS, "")
