"""docs/api.md: its tables agree with the program, and its examples work."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from tests.rules import documents
from tests.rules.documents import ROOT
from tests.store.lives import ask
from tests.web.api import WRITE
from tracker import clock
from tracker.web.api import problems
from tracker.web.api.operations import BASE, OPERATIONS

API = ROOT / "docs" / "api.md"


@pytest.fixture
def api(serve):
    served = serve()
    served.track("23501", service="12", quantity=1000, ref="client-A-118", tags=("vip",))
    with served.database.session():
        ask(served.store, "main", {"23501": "Completed"}, clock.now() + 1)
    return served


def test_every_operation_is_listed_with_its_filters():
    listed = {documents.code(row[0])[0]: row[1] for row in next(iter(documents.parts(API).values())).rows}
    assert set(listed) == {
        f"{one.method} {BASE}{one.rule.replace('<panel>/<path:id>', 'PANEL/ID')}" for one in OPERATIONS
    }
    for one in OPERATIONS:
        filters = {param.name for param in one.params if param.where == "query"} - {"limit", "cursor", "after", "wait"}
        row = listed[f"{one.method} {BASE}{one.rule.replace('<panel>/<path:id>', 'PANEL/ID')}"]
        if "Filters: " in row:
            assert set(documents.code(row.partition("Filters: ")[2])) == filters
        else:
            assert not filters


def test_every_kind_of_problem_is_listed():
    rows = documents.parts(API)["When something is wrong"].rows
    listed = {int(row[0]): documents.code(row[1])[0] for row in rows}
    assert listed == {code: kind.name for code, kind in problems.KINDS.items()}
    (shown,) = [json.loads(text) for text in documents.blocks(API, "json")]
    errors = [problems.Error(**error) for error in shown["errors"]]
    assert shown == json.loads(problems.body(422, shown["detail"], errors))


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
def test_what_is_shown_with_curl_answers_so(api):
    for text in documents.blocks(API, "console"):
        command, _, answer = text.removeprefix("$ ").replace("\\\n", " ").partition("\n")
        command = here(api, command).replace("after=4710", "after=0")
        environ = os.environ | {"TOKEN": WRITE}
        told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=environ, timeout=60)
        assert told.returncode == 0, told.stderr
        shown = re.sub(r"\[.*\]", "[]", answer)  # what is in a list is another matter
        assert list(json.loads(told.stdout)) == re.findall(r'"(\w+)":', shown)


def here(api, text):
    return text.replace("http://127.0.0.1:8787", api.url).replace('token="…"', f'token="{WRITE}"')


def python(api, text, folder):
    (folder / "program.py").write_text(here(api, text))
    return subprocess.Popen(
        [sys.executable, "-u", "program.py"], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_what_is_shown_in_python_runs(api, tmp_path):
    adding, following = documents.blocks(API, "python")
    out, err = python(api, adding, tmp_path).communicate(timeout=30)
    assert err == ""
    assert out.startswith("1 added; [(1, 'id', \"id 'a b' is not one")
    assert out.endswith("404 Not found\n")
    child = python(api, following, tmp_path)
    done, deadline = tmp_path / "done", time.monotonic() + 30
    last = api.rows("SELECT max(id) FROM events")[0][0]
    while not (done.exists() and done.read_text() == str(last)):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.05)
    child.terminate()
    assert child.communicate(timeout=10)[0] == "client-A-118 is done\n"
