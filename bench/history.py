"""history: reports and pages over a million orders and three million transitions.

    python -m bench.history [--orders N] [--file FILE] [--json]

CPU seconds of this process, the median of several runs with the file in the page cache:
- reports, beside a forced scan of the transitions of the same file
- the front page, from the application itself, beside an empty page of Flask
- searches and pages of the HTTP API, beside the front page
- a sweep while a report runs, beside the same sweep alone
FILE keeps the database for the next run.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask

from bench.config import rules as default_rules
from bench.panel import BenchPanel
from bench.past import PANELS, make
from bench.report import Finding, median, options, print_findings
from bench.sweep import WORDS, Ours
from tracker.actions.context import ActionContext
from tracker.actions.orders import OrderActions
from tracker.config.listening import Listen
from tracker.core.dates import day_in, later
from tracker.db.database import Database, connect
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.log import Masker, setup
from tracker.presentation.report_tables import REPORTS
from tracker.reports.period import ReportScope
from tracker.reports.rows import select
from tracker.store import Store
from tracker.web import app
from tracker.web.api import Api
from tracker.web.api.event_wait import EventWait
from tracker.web.context import WebContext

RUNS, TURNS = 5, 15
UNFILTERED, FILTERED, PAGES, API_PAGES = 3.0, 20.0, 30.0, 5.0
SEARCHES = ("/orders?q=client-30000", "/orders?q=1090000")
API = tuple(
    f"/api/v1/{what}"
    for what in (
        "orders?limit=100", "orders?limit=100&panel=spare&status=failed", "orders?limit=100&service=7",
        "orders?limit=100&tag=vip", "orders?ref=client-30000", "transitions?limit=100", "events?after=50000&limit=100",
    )
)  # fmt: skip


def reports(database: Database) -> list[Finding]:
    rules = dict.fromkeys(PANELS, default_rules())
    now = time.time()
    whole = ReportScope("UTC", now, rules)
    since = later(day_in("UTC")(now), -29)
    with database.session():
        found = []
        for name, report in REPORTS.items():
            parts = {"": (whole, UNFILTERED), " --panel": (ReportScope("UTC", now, rules, panel="main"), FILTERED)}
            parts[" --since 30d"] = (ReportScope("UTC", now, rules, since=since), FILTERED)
            if report.by_service:
                parts[" --service"] = (ReportScope("UTC", now, rules, service="7"), FILTERED)
            for part, (scope, reach) in parts.items():
                took, scan = _beside_a_scan(database, lambda report=report, scope=scope: report.build(database, scope))  # type: ignore[misc]
                found.append(_finding(f"report {name}{part}", took, scan, reach))
    return found


def _beside_a_scan(database: Database, build: Callable[[], Iterable[Any]]) -> tuple[float, float]:
    """CPU seconds of a report and of a forced scan of the transitions; the two run in turns."""

    def report() -> None:
        _drained(build())

    def scan() -> None:
        select(database, "SELECT sum(length(said)) FROM transitions NOT INDEXED")

    works: tuple[Callable[[], None], ...] = (report, scan)
    took: dict[Callable[[], None], list[float]] = {work: [] for work in works}
    for _ in range(RUNS):
        for work in works:
            started = time.process_time()
            work()
            took[work].append(time.process_time() - started)
    return median(took[report]), median(took[scan])


def _drained(sheets: Iterable[Any]) -> None:
    for sheet in sheets:
        for _ in sheet.rows:
            pass


def pages(database: Database) -> list[Finding]:
    empty = Flask("empty")
    empty.add_url_rule("/", view_func=lambda: "")
    site = WebContext(database, "UTC", dict.fromkeys(PANELS, default_rules()), [], str, lambda: "")
    store, journal = Store(database), Journal(Path("/dev/null"))
    orders = OrderActions(ActionContext({}, store), Intake(store, journal, {}), journal)
    api = Api(orders, EventWait(database))
    dashboard = app.create(site, Listen("127.0.0.1", 8787), (), None, api)
    _get(dashboard, "/")  # from here on the figures of the page are in its cache
    bare, front, *others = _pages_s([(empty, "/"), *((dashboard, path) for path in ("/", *SEARCHES, *API))])
    reaches = [1.0] * len(SEARCHES) + [API_PAGES] * len(API)
    found = zip((*SEARCHES, *API), others, reaches, strict=True)
    beside = [_finding(f"page {path}", took, front, reach) for path, took, reach in found]
    return [_finding("page /", front, bare, PAGES), *beside]


def _pages_s(pages: Sequence[tuple[Any, str]], times: int = 100) -> list[float]:
    """CPU seconds of each page. They run in turns, so that a machine that is slow for a while is slow for all."""
    took: list[list[float]] = [[] for _ in pages]
    for _ in range(TURNS):
        for (wsgi, path), spent in zip(pages, took, strict=True):
            started = time.process_time()
            for _ in range(times):
                _get(wsgi, path)
            spent.append((time.process_time() - started) / times)
    return [median(spent) for spent in took]


def _get(wsgi: Any, path: str) -> None:
    """One request to the application, without a server."""
    path, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "127.0.0.1:8787",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8787", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
        "wsgi.input": None, "wsgi.errors": sys.stderr, "wsgi.version": (1, 0), "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    status: list[str] = []
    b"".join(wsgi(environ, lambda line, _headers, *_: status.append(line)))
    assert status[0].startswith("200"), status


def beside_a_report(folder: Path, orders: int = 10_000) -> Finding:
    """Wall time of a sweep while another process builds reports from the same database again and again.

    It runs in turns with a sweep alone, and with one beside a process that only keeps the processor busy.
    """
    with BenchPanel(orders) as panel:
        ours = Ours(folder, panel.url, panel.ids)
        ours.sweep()
        beside = {"alone": None, "report": _REPORTING, "counting": _COUNTING}
        took: dict[str, list[float]] = {name: [] for name in beside}
        for turn in range(TURNS):
            for n, (name, script) in enumerate(beside.items()):
                panel.advance(0.05, WORDS[(turn + n) % 3])
                ours.due()
                with _running(script, folder / "tracker.db") if script else nullcontext():
                    started = time.monotonic()
                    ours.sweep()
                    took[name].append(time.monotonic() - started)
    wall = {name: median(seconds) for name, seconds in took.items()}
    note = f"beside a busy process: {wall['counting'] / wall['alone']:.2f}"
    return Finding("sweep while a report runs", {"wall_s": round(wall["report"], 2)},
                   {"wall_s": round(wall["alone"], 2)}, wall["report"] / wall["alone"], 1.1, note=note)  # fmt: skip


_REPORTING = """
import sys, time
from bench.history import _drained
from tracker.cli.report import giving_way
from bench.config import rules
from tracker.db.database import connect
from tracker.reports.period import ReportScope
from tracker.presentation.report_tables import REPORTS
database = connect(f"sqlite:///{sys.argv[1]}")
panels = {"main": rules()}
with giving_way(), database.session():
    print("ready", flush=True)
    while True:
        for report in REPORTS.values():
            _drained(report.build(database, ReportScope("UTC", time.time(), panels)))
"""
_COUNTING = """
from tracker.cli.report import giving_way
with giving_way():
    print("ready", flush=True)
    while True:
        pass
"""


@contextmanager
def _running(script: str, file: Path) -> Iterator[None]:
    """Runs a script with this argument in another process, from its line "ready" on."""
    with subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"ready\n"
            yield
            assert child.poll() is None, "the script has ended"
        finally:
            child.kill()


def _finding(name: str, ours: float, beside: float, reach: float) -> Finding:
    return Finding(name, {"cpu_ms": round(ours * 1e3, 2)}, {"cpu_ms": round(beside * 1e3, 2)}, ours / beside, reach)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path)
    args = parser.parse_args()
    setup("warning", "console", Masker(["bench-key"]))
    with TemporaryDirectory() as folder:
        file = args.file or Path(folder) / "past.db"
        database = connect(f"sqlite:///{file}") if file.exists() else make(file, args.orders)
        found = [*reports(database), *pages(database), beside_a_report(Path(folder) / "sweep")]
    print_findings(found, as_json=args.json)


if __name__ == "__main__":
    main()
