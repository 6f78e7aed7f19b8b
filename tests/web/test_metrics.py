"""/metrics of a running tracker, and that the alert rules and boards built on it use only metrics that exist."""

import json
import re
from pathlib import Path

import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from tests.gateway import SHOP_KEY
from tests.rules import documents
from tests.system.conftest import sites  # noqa: F401  a fixture
from tests.system.site import KEY, hook_section, panel_section, wait_for
from tests.web import free_port
from tracker.metrics import BUCKETS, DESCRIBED, NUMBERS, Numbers, exposition
from tracker.simulator import Receiver, Scenario, SimulatedPanel

ROOT = Path(__file__).parents[2]
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
# Of other makers, and of Prometheus itself.
FOREIGN = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total", "time", "vector"}
FUNCTIONS = {"rate", "increase", "sum", "count", "by", "histogram_quantile", "time", "vector", "or", "and", "on"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Returns what a real tracker exports after polls, deliveries and failed deliveries."""
    from tests.system.site import Site

    port = free_port()
    folder = tmp_path_factory.mktemp("metrics")
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel, Receiver() as fine, Receiver() as bad:
        bad.always("fail")
        alert = '[panels.main.balance_alert]\nbelow = "1000"\n'
        config = panel_section(panel.url) + alert + hook_section(fine.url) + hook_section(bad.url, name="bad")
        shop = f'[gateway.clients.shop]\nkey = "{SHOP_KEY}"\npanels = ["main"]\n'
        site = Site(folder, config + f'[web]\nlisten = "127.0.0.1:{port}"\n' + shop)
        try:
            site.track(["1000001", "1000002", "nope"])
            site.start()
            site.rows_changed(
                "INSERT INTO balances (panel, at, amount, currency) SELECT 'main', at - 86400 * n, '200', 'USD'"
                " FROM (SELECT strftime('%s', 'now') AS at), (SELECT 3 AS n UNION ALL SELECT 2)"
            )
            url = f"http://127.0.0.1:{port}/metrics"
            wait_for(lambda: "tracker_orders_answered_total" in requests.get(url, timeout=5).text, 20, "a poll")
            wait_for(lambda: "tracker_alerts{" in requests.get(url, timeout=5).text, 20, "an alert")
            asked = {"key": SHOP_KEY, "action": "status", "order": "1000001"}
            assert requests.post(f"http://127.0.0.1:{port}/gateway/main", data=asked, timeout=20).json()["status"]
            panel.advance(1.0, "Completed", 0)
            wait_for(lambda: 'hook="ops",outcome="delivered"' in requests.get(url, timeout=5).text, 20, "a delivery")
            site.rows_changed("UPDATE orders SET status = 'partial' WHERE remote_id = 'nope'")
            import os
            import signal

            site.file.write_text(site.file.read_text() + "nonsense = 1\n")
            os.kill(site.child.pid, signal.SIGHUP)
            wait_for(lambda: 'outcome="refused"' in requests.get(url, timeout=5).text, 20, "a refused reload")
            yield requests.get(url, timeout=5, headers=OPENMETRICS), requests.get(url, timeout=5)
        finally:
            site.close()


def test_it_is_openmetrics_and_the_older_text_for_whoever_asks(exported):
    new, old = exported
    assert new.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in openmetrics(new.text)}
    assert old.headers["Content-Type"].startswith("text/plain; version=")
    assert {family.name.removesuffix("_total") for family in prometheus(old.text)} >= {"tracker_panel_requests"}
    assert families["tracker_build"].samples[0].labels["version"]
    assert families["tracker_ready"].samples[0].value == 1


def test_everything_that_is_described_is_exported_with_its_labels_and_nothing_else(exported):
    families = {family.name: family for family in openmetrics(exported[0].text) if family.name.startswith("tracker_")}
    rare = {"tracker_balance_runway_seconds"}  # not before a day of balances
    assert DESCRIBED.keys() - rare <= families.keys() <= DESCRIBED.keys()
    for name, family in families.items():
        described = DESCRIBED[name]
        assert (family.type, family.documentation) == (described.kind, described.help)
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(described.labels), name


def test_no_label_holds_an_id(exported):
    for family in openmetrics(exported[0].text):
        for sample in family.samples:
            assert not {"1000001", "1000002", "nope"} & set(sample.labels.values())
            assert KEY not in str(sample)


def test_what_is_counted_is_what_happened(exported):
    samples = {(s.name, *sorted(s.labels.values())): s.value for f in openmetrics(exported[0].text) for s in f.samples}
    assert samples["tracker_orders_asked_total", "main"] >= samples["tracker_orders_answered_total", "main"] > 0
    assert samples["tracker_orders_refused_total", "main"] > 0
    assert sum(value for (name, *_), value in samples.items() if name == "tracker_orders") == 3
    assert samples["tracker_panel_up", "main"] == 1
    assert samples["tracker_deliveries", "bad", "waiting"] > 0
    assert samples["tracker_delivery_seconds_count", "ops"] > 0


def expressions():
    board = json.loads((ROOT / "contrib/grafana/dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"dashboard: {panel['title']}", target["expr"]
    for line in (ROOT / "contrib/prometheus/alerts.yml").read_text().splitlines():
        if line.strip().startswith("expr:"):
            yield "alerts", line.partition("expr:")[2].strip()


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_dashboard_and_rules_ask_for_is_exported(exported, where, expression):
    families = {family.name: family for family in openmetrics(exported[0].text)}
    known = {sample.name: family for family in families.values() for sample in family.samples}
    known |= {"tracker_balance_runway_seconds": None}
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\[[0-9]+[smhd]\]", "", bare)
    labels = set(re.findall(r"[{,]\s*([a-z_]+)\s*=", bare))
    for grouped in re.findall(r"(?:by|on) \(([a-z_, ]*)\)", bare):
        labels |= {label.strip() for label in grouped.split(",")}
    words = set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.sub(r"\{[^}]*\}|(?:by|on) \([^)]*\)", "", bare)))
    names = words - FUNCTIONS
    assert names - FOREIGN <= known.keys(), f"{where}: {names - FOREIGN - known.keys()}"
    assert names, f"{where} asks for nothing"
    for label in labels - {"job", "le"}:
        assert any(label in DESCRIBED[known[name].name].labels for name in names & known.keys() if known[name]), label


def test_each_panel_of_the_dashboard_and_each_rule_has_a_name_of_its_own():
    board = json.loads((ROOT / "contrib/grafana/dashboard.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    rules = re.findall(r"alert: (\w+)", (ROOT / "contrib/prometheus/alerts.yml").read_text())
    assert len(rules) == len(set(rules)) == 10


def test_the_document_lists_every_metric():
    (table,) = [part for part in documents.parts(ROOT / "docs/metrics.md").values() if part.rows]
    listed = {documents.code(row[0])[0].removesuffix("_total").removesuffix("_info"): row for row in table.rows}
    assert listed.keys() == DESCRIBED.keys()
    for name, row in listed.items():
        assert (row[1], tuple(documents.code(row[2])), row[3]) == (
            DESCRIBED[name].kind,
            DESCRIBED[name].labels,
            DESCRIBED[name].help,
        )


def test_a_histogram_counts_each_span_in_its_bucket_and_all_above():
    numbers = Numbers()
    for seconds in (0.01, 0.2, 400.0):
        numbers.observe("tracker_delivery_seconds", seconds, "ops")
    body, _ = exposition(numbers, [], OPENMETRICS["Accept"])
    (family,) = [family for family in openmetrics(body.decode()) if family.name == "tracker_delivery_seconds"]
    buckets = {s.labels["le"]: s.value for s in family.samples if s.name.endswith("_bucket")}
    assert (buckets["0.01"], buckets["0.25"], buckets["300.0"], buckets["+Inf"]) == (1, 2, 2, 3)
    assert len(buckets) == len(BUCKETS) + 1
    assert [s.value for s in family.samples if s.name.endswith("_sum")] == [400.21]


def test_the_counters_of_a_tracker_without_a_dashboard_load_no_client_library():
    import subprocess
    import sys

    script = (
        "import sys; from tracker.daemon import run; from tracker.metrics import NUMBERS\n"
        "NUMBERS.add('tracker_reloads', 'done')\n"
        "print([name for name in ('prometheus_client', 'flask', 'waitress', 'jinja2') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (run.stdout, run.stderr) == ("[]\n", "")
    assert NUMBERS is not None
