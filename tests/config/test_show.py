"""`config show`: what holds, in TOML, with nothing in it that is secret."""

import tomllib

from tests.config.conftest import MINIMAL, WHSEC
from tracker.config import show

SECRETS = """
[database]
url = "postgresql://ann:hunter22-db@db.example/orders?sslpassword=hunter22-ssl"
[panels.main]
url = "https://panel.example/api/v2"
key = "hunter22-key"
proxy = "http://ann:hunter22-proxy@127.0.0.1:3128"
[panels.two]
url = "https://two.example/api/v2"
key_file = "main.key"
[hooks.ops]
url = "https://ops.example:8443/hunter22-path?token=hunter22-token"
secret = ["WHSEC", "WHSEC"]
[hooks.one]
url_file = "one.url"
secret = "WHSEC"
""".replace("WHSEC", WHSEC)


def test_every_secret_is_masked_and_a_hook_shows_scheme_and_host(folder):
    folder.secret("one.url", "https://one.example/hunter22-file")
    config = folder.load(SECRETS)

    text = show(config)

    for secret in config.secrets():
        assert secret.reveal() not in text
    assert "hunter22" not in text
    shown = tomllib.loads(text)
    assert shown["database"]["url"] == "postgresql://ann:***@db.example/orders?sslpassword=***"
    assert shown["panels"]["main"]["key"] == "***"
    assert shown["panels"]["main"]["proxy"] == "http://ann:***@127.0.0.1:3128"
    assert shown["panels"]["two"]["key_file"] == "main.key"
    assert shown["hooks"]["ops"]["url"] == "https://ops.example:8443/***"
    assert shown["hooks"]["ops"]["secret"] == ["***", "***"]
    assert shown["hooks"]["one"]["url_file"] == "one.url"
    assert shown["hooks"]["one"]["secret"] == "***"


def test_secrets_from_the_environment_are_masked_too(folder):
    folder.environ |= {
        "TRACKER__PANELS__MAIN__KEY": "hunter22",
        "TRACKER__HOOKS__OPS__URL": "https://ops.example/hunter22",
        "TRACKER__HOOKS__OPS__SECRET": f'["{WHSEC}"]',
    }

    text = show(folder.load(MINIMAL))

    assert "hunter22" not in text
    assert WHSEC not in text


def test_what_is_shown_is_what_holds_defaults_and_overrides_included(folder):
    folder.environ |= {
        "TRACKER__PANELS__MAIN__BATCH_SIZE": "12",
        "TRACKER__PANELS__MAIN__USER_AGENT": "12",
        "TRACKER__PANELS__MAIN__STATUS_MAP__SLEEPING": "paused",
        "TRACKER__PANELS__MAIN__BALANCE_ALERT__BELOW": "20",
        "TRACKER__PANELS__MAIN__BALANCE_ALERT__FOR": "5m",
    }
    config = folder.load(MINIMAL + 'poll_every = "90s"\nstatus_map = { "Very \\"odd\\"" = "pending" }')

    shown = tomllib.loads(show(config))

    panel = shown["panels"]["main"]
    assert (panel["poll_every"], panel["batch_size"], panel["user_agent"]) == ("90s", 12, "12")
    assert panel["status_map"] == {'Very "odd"': "pending", "sleeping": "paused"}
    assert panel["balance_alert"] == {"below": "20", "for": "5m", "repeat_every": "12h"}
    assert panel["recheck_finished"] == {"every": "24h", "until": "30d"}
    assert shown["daemon"] == {
        "data_dir": str(folder.path / "home/.local/state/tracker"), "timezone": "UTC",
    }  # fmt: skip
    assert shown["log"] == {"level": "info", "format": "auto"}


def test_what_is_shown_can_be_loaded_again_and_means_the_same(folder):
    text = MINIMAL + '[hooks.ops]\ntype = "command"\ncommand = ["/bin/true"]\nevents = ["order.*"]'
    config = folder.load(text)

    again = folder.load(show(config))

    assert again == config
    assert show(again) == show(config)


def test_the_headers_of_a_hook_are_secrets_in_four_forms(folder):
    folder.secret("ops.token", "Bearer tok-5f1d8a20\n")
    folder.environ |= {"OPS_ENV": "e-77aa01"}
    headers = '{ Authorization_file = "ops.token", X-Team = "orders-9a7c41", x-env_env = "OPS_ENV" }'
    config = folder.load(MINIMAL + f'[hooks.ops]\nurl = "https://ops.example/x"\nheaders = {headers}')
    found = {name: value.reveal() for name, value in config.hooks["ops"].channel.headers.items()}
    assert found == {"Authorization": "Bearer tok-5f1d8a20", "X-Team": "orders-9a7c41", "x-env": "e-77aa01"}
    assert set(found.values()) <= {secret.reveal() for secret in config.secrets()}
    shown = tomllib.loads(show(config))["hooks"]["ops"]["headers"]
    assert shown == {"Authorization_file": "ops.token", "X-Team": "***", "x-env_env": "OPS_ENV"}
