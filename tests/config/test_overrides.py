"""The environment beside the file: what it may say, and that it is checked like the file."""

from decimal import Decimal

import pytest

from tests.config.conftest import MINIMAL, WHSEC
from tracker.config import Secret, load
from tracker.errors import UserError


def test_the_environment_goes_before_the_file(folder):
    folder.environ |= {
        "TRACKER__PANELS__MAIN__URL": "https://other.example/api/v2",
        "TRACKER__PANELS__MAIN__BATCH_SIZE": "50",
        "TRACKER__PANELS__MAIN__PLAIN_HTTP": "true",
        "TRACKER__PANELS__MAIN__POLL_EVERY": "2m",
        "TRACKER__PANELS__MAIN__USER_AGENT": "12",
        "TRACKER__PANELS__MAIN__NOT_FOUND__POLLS": "7",
        "TRACKER__PANELS__MAIN__BALANCE_ALERT__BELOW": "20.50",
        "TRACKER__PANELS__MAIN__STATUS_MAP__SLEEPING": "paused",
        "TRACKER__HOOKS__OPS__URL": "https://ops.example/x",
        "TRACKER__HOOKS__OPS__EVENTS": '["order.*", "balance.low"]',
        "TRACKER__HOOKS__OPS__SECRET": f'["{WHSEC}"]',
        "TRACKER__LOG__LEVEL": "debug",
        "TRACKER_CONFIG_UNRELATED": "x",
    }

    config = folder.load(MINIMAL + "max_concurrency = 3\nbatch_size = 99")

    panel = config.panels["main"]
    assert (panel.url, panel.user_agent, panel.plain_http) == ("https://other.example/api/v2", "12", True)
    assert (panel.rules.batch_size, panel.rules.poll_every_s, panel.rules.not_found_polls) == (50, 120, 7)
    assert panel.rules.max_concurrency == 3
    assert panel.rules.status_map == {"sleeping": "paused"}
    assert panel.balance_alert.below == Decimal("20.50")
    assert config.hooks["ops"].rules.events == ("order.*", "balance.low")
    assert config.hooks["ops"].channel.secrets == (Secret(WHSEC),)
    assert config.log_level == "debug"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PANELS__MAIN__TIMOUT", "3s", 'panels.main.timout (%s): unknown key (did you mean "timeout"?)'),
        ("PANEL__MAIN__URL", "x", 'panel: unknown section (did you mean "panels"?)'),
        ("PANELS__MAIN__BATCH_SIZE", "many", "panels.main.batch_size (%s): must be a whole number without "
         "quotes, not text"),
        ("PANELS__MAIN__TIMEOUT", "30", 'panels.main.timeout (%s): "30" is not a duration; '
         'write "90s", "15m", "12h" or "7d"'),
        ("PANELS__MAIN__PLAIN_HTTP", "yes", "panels.main.plain_http (%s): must be true or false, not text"),
        ("PANELS__MAIN", "x", "panels.main (%s): must be a section, [panels.NAME], not text"),
        ("PANELS__MAIN__URL__X", "x", "%s: panels.main.url is not a section"),
        ("PANELS__", "x", "%s: cannot be read; write it like TRACKER__PANELS__MAIN__URL"),
        ("HOOKS__OPS__EVENTS", '["order.complete"]',
         'hooks.ops.events[0] (%s): unknown event "order.complete" (did you mean "order.completed"?)'),
    ],
)  # fmt: skip
def test_a_bad_override_is_a_problem_that_names_its_variable(folder, name, value, problem):
    folder.environ[f"TRACKER__{name}"] = value

    problems = folder.problems(MINIMAL + '[hooks.ops]\nurl = "https://ops.example/x"')

    assert problem.replace("%s", f"$TRACKER__{name}") in problems


@pytest.mark.parametrize("key", ["123456", "true", '["a"]', "0x1F", "'quoted'", "a\nb = 1"])
def test_a_key_from_the_environment_is_text_whatever_it_looks_like(folder, key):
    folder.environ["TRACKER__PANELS__MAIN__KEY"] = key

    if "\n" in key:
        assert "control character" in folder.problems(MINIMAL)[0]
    else:
        assert folder.load(MINIMAL).panels["main"].key.reveal() == key


@pytest.mark.parametrize(("name", "value"), [("KEY", "panel-key-2"), ("KEY_FILE", "two.key"), ("KEY_ENV", "PANEL_KEY")])
def test_an_override_of_a_secret_replaces_the_form_in_the_file(folder, name, value):
    folder.secret("two.key", "panel-key-2")
    folder.environ |= {"PANEL_KEY": "panel-key-2", f"TRACKER__PANELS__MAIN__{name}": value}

    config = folder.load(MINIMAL, 0o644)

    assert config.panels["main"].key.reveal() == "panel-key-2"
    assert config.warnings == ()


def test_two_overrides_of_one_secret_are_a_problem(folder):
    folder.environ |= {"TRACKER__PANELS__MAIN__KEY": "k", "TRACKER__PANELS__MAIN__KEY_FILE": "main.key"}

    assert folder.problems(MINIMAL) == [
        "panels.main.key ($TRACKER__PANELS__MAIN__KEY): given 2 times, as key, key_file; keep one of them"
    ]


def test_a_container_without_a_file_is_configured_by_its_environment(folder):
    environ = {
        "TRACKER__PANELS__MAIN__URL": "https://panel.example/api/v2",
        "TRACKER__PANELS__MAIN__KEY_FILE": "main.key",
        "TRACKER__DAEMON__DATA_DIR": "data",
    }

    config = load(None, environ, cwd=folder.path)

    assert config.source is None
    assert config.data_dir == folder.path / "data"
    assert config.panels["main"].key.reveal() == "panel-key-1"


def test_a_file_that_was_named_is_never_replaced_by_the_environment(folder):
    environ = {
        "TRACKER_CONFIG": str(folder.path / "no.toml"),
        "TRACKER__PANELS__MAIN__URL": "https://panel.example/api/v2",
    }

    with pytest.raises(UserError, match=r"\$TRACKER_CONFIG: .*no\.toml does not exist"):
        load(None, environ, cwd=folder.path)
