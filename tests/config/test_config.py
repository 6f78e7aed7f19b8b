"""What a good file leads to."""

import dataclasses
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.config.conftest import MINIMAL, WHSEC
from tracker.config import BalanceRules, CommandConfig, IntakeConfig, Retention, Secret, WebhookConfig
from tracker.config.listening import Listen
from tracker.config.values import WebConfig
from tracker.core.alerts import balance_low
from tracker.core.model import Severity
from tracker.core.rules import ChildLimits, ClientRules, GatewayRules, HookRules, PollRules, Where
from tracker.core.status import OrderStatus
from tracker.core.wire import Meaning

EVERYTHING = """
[daemon]
data_dir = "state"
timezone = "Europe/Lisbon"
[log]
level = "debug"
format = "json"
[database]
url = "sqlite:///orders.db"
[panels.main]
url = "https://panel.example/api/v2"
key_file = "main.key"
max_requests_per_minute = 60
polling_share = 0.25
max_concurrency = 16
batch_size = 1
timeout = "45s"
poll_every = "1s"
balance_every = "1h"
services_every = "1d"
recheck_finished = { every = "12h", until = "0s" }
not_found = { polls = 2, after = "1h" }
down_after = "0s"
stuck_after = "2d"
children = { per_order = 5, per_day = 0 }
status_map = { "Awaiting approval" = "pending", "DONE-ish" = "completed" }
error_map = { "Hesap kapal\\u0131" = "account", "HESAP KAPALI art\\u0131k" = "not_found" }
request = "json"
user_agent = "shop/2"
proxy = "http://proxy.example:3128"
ca_file = "panel.pem"
[panels.main.balance_alert]
below = "20.00"
clear_above = "20.00"
runway_below = "12h"
for = "5m"
repeat_every = "1d"
[panels.other-2]
url = "http://127.0.0.1:9000/api/v2"
key = "panel-key-2"
[gateway]
add_timeout = "4m"
[hooks.ops]
url = "https://ops.example/hooks/orders"
secret_file = "ops.secret"
headers = { X-Team = "orders-9a7c41" }
ca_file = "panel.pem"
events = ["order.*", "balance.low"]
panels = ["main"]
where = { service = ["12"], tag = ["vip"], min_charge = "1.00" }
min_severity = "warning"
timeout = "20s"
max_concurrency = 8
max_per_minute = 60
max_age = "1d"
ordering = "none"
hold_for = "2h"
retry_schedule = ["0s", "1m"]
allow_private = true
[hooks.script]
type = "command"
command = ["bin/on-order", "--fast"]
timeout = "30s"
[retention]
transitions = "365d"
event_bodies = "forever"
deliveries = "30d"
attempts = "7d"
poll_runs = "1h"
"""


def test_one_panel_with_url_and_key_is_a_whole_configuration(folder):
    config = folder.load(MINIMAL)

    assert list(config.panels) == ["main"]
    panel = config.panels["main"]
    assert (panel.name, panel.url, panel.key.reveal()) == (
        "main", "https://panel.example/api/v2", "panel-key-1",
    )  # fmt: skip
    assert (panel.request, panel.user_agent, panel.proxy, panel.ca_file) == ("form", "tracker/1.0", "", None)
    assert panel.balance_alert is None
    assert config.hooks == {}
    assert (config.timezone, config.log_level, config.log_format) == ("UTC", "info", "auto")
    assert config.retention == Retention(None, 90 * 86_400, 90 * 86_400, 30 * 86_400, 14 * 86_400)
    assert config.warnings == ()
    assert config.source == folder.path / "config.toml"


def test_every_default_reaches_the_rule_that_it_is_for(folder):
    client = '[gateway.clients.shop]\nkey = "shop-key-0123456789"\npanels = ["main"]\n'
    config = folder.load(
        MINIMAL + '[hooks.ops]\nurl = "https://ops.example/x"\n[panels.main.balance_alert]\nbelow = "1"\n' + client
    )

    assert config.panels["main"].rules == PollRules(
        poll_every_s=300, recheck_every_s=86_400, recheck_until_s=30 * 86_400, not_found_polls=5,
        not_found_after_s=86_400, batch_size=100, max_requests_per_minute=30, polling_share=0.5,
        clients_change=False, max_concurrency=2, timeout_s=30,
        add_timeout_s=120, balance_every_s=600, services_every_s=43_200, down_after_s=600, stuck_after_s=86_400,
        children=ChildLimits(1_000, 10_000), status_map={}, error_map={},
    )  # fmt: skip
    assert config.panels["main"].balance_alert == BalanceRules(
        below=Decimal(1), clear_above=None, runway_below_s=None, for_s=0, repeat_every_s=43_200
    )
    assert config.hooks["ops"].rules == HookRules(
        name="ops",
        events=(
            "order.completed", "order.partial", "order.canceled", "order.refunded", "order.failed", "order.stuck",
            "order.unanswered", "order.not_found", "refill.rejected", "balance.*", "panel.*",
            "service.stalled", "gateway.*", "hook.*",
            "tracker.*",
        ),
        panels=None, where=Where(), min_severity=Severity.INFO, timeout_s=15, max_concurrency=4, max_per_minute=600,
        per_order=True,
        hold_for_s=3_600, retry_schedule_s=(0, 5, 30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
        max_age_s=None, digest=None,
    )  # fmt: skip
    assert config.hooks["ops"].channel == WebhookConfig(
        Secret("https://ops.example/x"), "https://ops.example", (), allow_private=False, headers={}, ca_file=None
    )
    assert config.gateway.rules == GatewayRules(fresh_s=60, cache_s=60)
    assert config.gateway.clients["shop"].rules == ClientRules(
        name="shop", panels=frozenset({"main"}), actions=frozenset({"status", "refill_status", "balance", "services"}),
        max_spend_per_day=None, max_adds_per_minute=30, share=0.5,
    )  # fmt: skip
    assert config.web == WebConfig(Listen("127.0.0.1", 8787), hosts=(), read_token=None, write_token=None)


def test_every_setting_that_is_built_reaches_the_program(folder):
    folder.file("panel.pem", "certificates")

    config = folder.load(EVERYTHING)

    assert (config.data_dir, config.timezone) == (folder.path / "state", "Europe/Lisbon")
    assert (config.log_level, config.log_format) == ("debug", "json")
    assert config.database_url == f"sqlite:///{folder.path}/state/orders.db"
    panel = config.panels["main"]
    assert panel.rules == PollRules(
        poll_every_s=1, recheck_every_s=43_200, recheck_until_s=0, not_found_polls=2, not_found_after_s=3_600,
        batch_size=1, max_requests_per_minute=60, polling_share=0.25, clients_change=False,
        max_concurrency=16, timeout_s=45, balance_every_s=3_600,
        services_every_s=86_400, down_after_s=0, stuck_after_s=172_800, add_timeout_s=240,
        status_map={"awaitingapproval": OrderStatus.PENDING, "doneish": OrderStatus.COMPLETED},
        children=ChildLimits(5, 0),
        error_map={"hesapkapaliartik": Meaning.NOT_FOUND, "hesapkapali": Meaning.ACCOUNT},
    )  # fmt: skip
    assert panel.balance_alert == BalanceRules(
        below=Decimal("20.00"), clear_above=Decimal("20.00"), runway_below_s=43_200, for_s=300, repeat_every_s=86_400
    )
    assert (panel.request, panel.user_agent, panel.proxy) == ("json", "shop/2", "http://proxy.example:3128")
    assert panel.ca_file == folder.path / "panel.pem"
    assert config.panels["other-2"].key == Secret("panel-key-2")
    ops = config.hooks["ops"]
    assert ops.rules == HookRules(
        name="ops", events=("order.*", "balance.low"), panels=frozenset({"main"}),
        where=Where(frozenset({"12"}), frozenset({"vip"}), Decimal("1.00")), min_severity=Severity.WARNING,
        timeout_s=20, max_concurrency=8,
        max_per_minute=60, per_order=False, hold_for_s=7_200, retry_schedule_s=(0, 60), max_age_s=86_400, digest=None,
    )  # fmt: skip
    assert ops.channel == WebhookConfig(
        url=Secret("https://ops.example/hooks/orders"),
        shown_url="https://ops.example",
        secrets=(Secret(WHSEC),),
        allow_private=True,
        headers={"X-Team": Secret("orders-9a7c41")},
        ca_file=folder.path / "panel.pem",
    )
    script = config.hooks["script"]
    assert script.channel == CommandConfig((str(folder.path / "bin/on-order"), "--fast"))
    assert (script.type, script.rules.timeout_s) == ("command", 30)
    assert config.retention == Retention(365 * 86_400, None, 30 * 86_400, 7 * 86_400, 3_600)


def test_a_balance_alert_without_clear_above_clears_at_below(folder):
    config = folder.load(MINIMAL + '[panels.main.balance_alert]\nbelow = "-5.50"')

    rules = config.panels["main"].balance_alert
    assert rules.below == Decimal("-5.50")
    assert not balance_low(Decimal("-5.51"), rules.below, rules.clear_above).clear
    assert balance_low(Decimal("-5.50"), rules.below, rules.clear_above).clear


def test_a_bare_command_is_left_to_the_search_path(folder):
    config = folder.load(MINIMAL + '[hooks.h]\ntype = "command"\ncommand = ["logger", "./x"]')

    assert config.hooks["h"].channel == CommandConfig(("logger", "./x"))


@pytest.mark.parametrize(
    ("environ", "data_dir"),
    [
        ({"STATE_DIRECTORY": "/var/lib/tracker:/var/lib/more"}, "/var/lib/tracker"),
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/ann"}, "/state/tracker"),
        ({"XDG_STATE_HOME": "not/absolute", "HOME": "/home/ann"}, "/home/ann/.local/state/tracker"),
        ({"HOME": "/home/ann"}, "/home/ann/.local/state/tracker"),
    ],
)
def test_without_data_dir_the_state_goes_where_the_system_says(folder, environ, data_dir):
    folder.environ = environ

    config = folder.load(MINIMAL)

    assert config.data_dir == Path(data_dir)
    assert config.database_url == f"sqlite:///{data_dir}/tracker.db"


def test_without_any_home_data_dir_must_be_given(folder):
    folder.environ = {}

    assert folder.problems(MINIMAL) == [
        "daemon.data_dir: missing; name a directory ($STATE_DIRECTORY and $HOME are empty)"
    ]


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite:///deep/er.db", "sqlite:////srv/data/deep/er.db"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("sqlite:///my%20file.db", "sqlite:////srv/data/my%20file.db"),
        ("sqlite:////srv/50 % #1.db".replace("#", "%23"), "sqlite:////srv/50%20%25%20%231.db"),
        ("postgresql://ann@db.example/orders", "postgresql://ann@db.example/orders"),
        ("postgres:///orders?host=/run/pg", "postgresql:///orders?host=/run/pg"),
    ],
)
def test_the_database_is_a_file_in_data_dir_or_anywhere_or_postgres(folder, url, resolved):
    config = folder.load(f'{MINIMAL}[daemon]\ndata_dir = "/srv/data"\n[database]\nurl = "{url}"')

    assert config.database_url == resolved


def test_a_file_of_another_editor_is_read_all_the_same(folder):
    text = "\ufeff" + MINIMAL.replace("\n", "\r\n")

    assert list(folder.load(text).panels) == ["main"]


def test_a_configuration_cannot_be_changed(folder):
    config = folder.load(MINIMAL)

    with pytest.raises(dataclasses.FrozenInstanceError):
        config.timezone = "Europe/Lisbon"


def test_loading_takes_no_time_that_anybody_notices(folder):
    folder.file("panel.pem", "certificates")
    folder.load(EVERYTHING)

    took = []
    for _ in range(5):
        began = time.perf_counter()
        folder.load(EVERYTHING)
        took.append(time.perf_counter() - began)

    assert min(took) < 0.02


def test_an_intake_has_its_command_and_how_often_it_is_run(folder):
    config = folder.load(
        MINIMAL + '[intake.shop]\ncommand = ["bin/new-orders", "--all"]\n'
        '[intake.b]\ncommand = ["new-orders"]\nevery = "10s"\ntimeout = "5m"\n'
    )
    assert config.intakes == {
        "shop": IntakeConfig("shop", (str(folder.path / "bin/new-orders"), "--all"), 60.0, 60.0),
        "b": IntakeConfig("b", ("new-orders",), 10.0, 300.0),
    }
