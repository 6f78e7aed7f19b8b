"""The schema: every section and every key, how its value is parsed, and its default.

This is the only place for a default. It is written as a user would write it: `config show` prints it as it stands here,
and the parsers read it. A key whose feature is not built yet has a line in NOT_BUILT until it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tracker.config import databases, urls
from tracker.config.parsers import (
    FOREVER,
    Parser,
    duration,
    error_map,
    event_glob,
    flag,
    fraction,
    header,
    line,
    listed,
    money,
    one_of,
    severity,
    status_map,
    text,
    whole,
)
from tracker.config.secrets import check_header, check_header_name, check_key, check_token, check_webhook
from tracker.core.events.event_types import PEOPLE_EVENTS, PROGRAM_EVENTS
from tracker.core.rules import BATCH_MAX


@dataclass(frozen=True)
class Key:
    """A key without a secret.

    default: None means that the key is absent.
    missing: what to do when it is not there, for a key that is required.
    """

    parse: Parser
    default: Any = None
    missing: str = ""


@dataclass(frozen=True)
class SecretKey:
    """A key with a secret, which has four forms: NAME, NAME_file, NAME_env and NAME_credential.

    check: raises Invalid for a text that cannot be one.
    missing: what to do when there is none of the forms, for a secret that is required.
    many: whether a list is allowed too.
    shown: what `config show` prints of a secret in the file; a text that it returns unchanged holds no secret.
    """

    check: Callable[[str], None]
    default: str | None = None
    missing: str = ""
    many: bool = False
    shown: Callable[[str], str] = lambda _: urls.MASK


@dataclass(frozen=True)
class Secrets:
    """A table of secrets under names that the user chooses, each in one of the four forms.

    check_name: raises Invalid for a name that cannot be one.
    """

    secret: SecretKey
    check_name: Callable[[str], None]


@dataclass(frozen=True)
class Section:
    """A table.

    optional: when it is absent, its value is None instead of the defaults of its keys.
    """

    keys: Mapping[str, "SchemaEntry"]
    optional: bool = False


@dataclass(frozen=True)
class Many:
    """Tables under names that the user chooses: [panels.NAME]."""

    section: Section


SchemaEntry = Key | SecretKey | Secrets | Section | Many

# An older event is of no use on a phone. Every other type of hook has "".
APPRISE_MAX_AGE = "12h"

ON_ORDER = '["/usr/local/bin/on-order"]'
NEW_ORDERS = '["/usr/local/bin/new-orders"]'
ADD_KEY = 'add key_file = "FILE" (or key_env, key_credential, key)'
ACTIONS = ("status", "refill_status", "balance", "services", "add", "refill", "cancel")

# Ranges that several keys share.
PER_MINUTE = whole(1, 60_000)
CONCURRENCY = whole(1, 16)
TIMEOUT = duration("1s", "10m")
INTERVAL = duration("1s")

DAEMON = Section({
    "data_dir": Key(text, ""),
    "timezone": Key(line, "UTC"),
})  # fmt: skip

LOG = Section({
    "level": Key(one_of("debug", "info", "warning", "error"), "info"),
    "format": Key(one_of("auto", "console", "json"), "auto"),
})  # fmt: skip

DATABASE = Section({
    "url": SecretKey(databases.check, "sqlite:///tracker.db", shown=urls.mask_password),
})  # fmt: skip

BALANCE_ALERT = Section({
    "below": Key(money()),
    "clear_above": Key(money()),
    "runway_below": Key(duration("1m")),
    "for": Key(duration(), "0s"),
    "repeat_every": Key(duration("1m"), "12h"),
}, optional=True)  # fmt: skip

PANEL = Section({
    "url": Key(line, missing='add the address of its API, such as "https://panel.example/api/v2"'),
    "key": SecretKey(check_key, missing=ADD_KEY),
    "max_requests_per_minute": Key(PER_MINUTE, 30),
    "polling_share": Key(fraction(0.0, 0.95), 0.5),
    "max_concurrency": Key(CONCURRENCY, 2),
    "batch_size": Key(whole(1, BATCH_MAX), BATCH_MAX),
    "timeout": Key(TIMEOUT, "30s"),
    "poll_every": Key(INTERVAL, "5m"),
    "balance_every": Key(INTERVAL, "10m"),
    "services_every": Key(INTERVAL, "12h"),
    "recheck_finished": Section({
        "every": Key(INTERVAL, "24h"),
        "until": Key(duration(), "30d"),
    }),
    "not_found": Section({
        "polls": Key(whole(1, 10_000), 5),
        "after": Key(duration(), "24h"),
    }),
    "children": Section({
        "per_order": Key(whole(0, 1_000_000), 1000),
        "per_day": Key(whole(0, 10_000_000), 10_000),
    }),
    "down_after": Key(duration(), "10m"),
    "stuck_after": Key(duration("1m"), "24h"),
    "status_map": Key(status_map, {}),
    "error_map": Key(error_map, {}),
    "request": Key(one_of("form", "json", "get"), "form"),
    "user_agent": Key(header, "tracker/1.0"),
    "proxy": SecretKey(urls.check_proxy, "", shown=urls.mask_password),
    "ca_file": Key(text, ""),
    "plain_http": Key(flag, False),
    "balance_alert": BALANCE_ALERT,
})  # fmt: skip

HOOK = Section({
    "type": Key(one_of("webhook", "command", "apprise"), "webhook"),
    "url": SecretKey(check_key, shown=urls.masked),
    "secret": SecretKey(check_webhook, many=True),
    "headers": Secrets(SecretKey(check_header), check_header_name),
    "ca_file": Key(text, ""),
    "command": Key(listed(line, at_least=1, example=ON_ORDER)),
    "events": Key(
        listed(event_glob, at_least=1, example='["order.*"]'),
        list(PROGRAM_EVENTS),
    ),
    "panels": Key(listed(text, at_least=1, example='["main"]')),
    "where": Section({
        "service": Key(listed(line, example='["12"]'), []),
        "tag": Key(listed(line, example='["vip"]'), []),
        "min_charge": Key(money("0")),
    }),
    "min_severity": Key(severity, "info"),
    "timeout": Key(TIMEOUT, "15s"),
    "max_concurrency": Key(CONCURRENCY, 4),
    "max_per_minute": Key(PER_MINUTE, 600),
    "ordering": Key(one_of("per_order", "none"), "per_order"),
    "hold_for": Key(duration(), "1h"),
    "retry_schedule": Key(
        listed(duration(), at_least=1, example='["0s", "30s", "5m"]'),
        ["0s", "5s", "30s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"],
    ),
    "max_age": Key(duration("1m", instead=""), ""),
    "plain_http": Key(flag, False),
    "allow_private": Key(flag, False),
    "template": Key(text, ""),
    "digest": Section({
        "wait": Key(duration("1s", "1h"), "30s"),
        "max": Key(whole(1, 1_000), 50),
    }, optional=True),
})  # fmt: skip

WEB = Section({
    "listen": Key(text, "127.0.0.1:8787"),
    "hosts": Key(listed(line, example='["tracker.lan"]'), []),
    "read_token": SecretKey(check_token),
    "write_token": SecretKey(check_token),
})  # fmt: skip

GATEWAY_CLIENT = Section({
    "key": SecretKey(check_token, missing=ADD_KEY),
    "panels": Key(listed(text, at_least=1, example='["main"]'), missing="name the panels it may reach"),
    "actions": Key(listed(one_of(*ACTIONS), at_least=1, example='["status"]'), list(ACTIONS[:4])),
    "max_spend_per_day": Key(money("0")),
    "max_adds_per_minute": Key(PER_MINUTE, 30),
    "share": Key(fraction(0.01, 1.0), 0.5),
})  # fmt: skip

GATEWAY = Section({
    "fresh": Key(duration(), "60s"),
    "cache": Key(duration(), "60s"),
    "add_timeout": Key(TIMEOUT, "120s"),
    "clients": Many(GATEWAY_CLIENT),
})  # fmt: skip

INTAKE = Section({
    "command": Key(listed(line, at_least=1, example=NEW_ORDERS), missing=f"add command = {NEW_ORDERS}"),
    "every": Key(INTERVAL, "1m"),
    "timeout": Key(duration("1s", "1h"), "60s"),
})  # fmt: skip

# With less than an hour, rows would be deleted before a person has looked at them.
_KEEP = duration("1h", instead=FOREVER)

RETENTION = Section({
    "transitions": Key(_KEEP, FOREVER),
    "event_bodies": Key(_KEEP, "90d"),
    "deliveries": Key(_KEEP, "90d"),
    "attempts": Key(_KEEP, "30d"),
    "poll_runs": Key(_KEEP, "14d"),
    "backups": Section({
        "every": Key(duration("1m"), "24h"),
        "keep": Key(whole(0, 10_000), 3),
        "dir": Key(text, ""),
    }),
})  # fmt: skip

ROOT = Section({
    "daemon": DAEMON,
    "log": LOG,
    "database": DATABASE,
    "panels": Many(PANEL),
    "hooks": Many(HOOK),
    "web": WEB,
    "gateway": GATEWAY,
    "intake": Many(INTAKE),
    "heartbeat": Section({"ping_url": SecretKey(check_key, "", shown=urls.masked)}),
    "retention": RETENTION,
})  # fmt: skip

# Keys whose feature is not built yet: refused, except with the default or with one of the values named here.
NOT_BUILT: Mapping[str, tuple[Any, ...]] = {
    "heartbeat.ping_url": (),
    "retention.backups.every": (),
    "retention.backups.keep": (),
    "retention.backups.dir": (),
}


def fill_in_by_type(document: Mapping[str, Any]) -> None:
    """Writes the defaults that depend on the type of a hook into `document`, where the hook does not set the key."""
    hooks = document.get("hooks")
    for hook in hooks.values() if isinstance(hooks, dict) else ():
        if not isinstance(hook, dict) or hook.get("type") != "apprise":
            continue
        hook.setdefault("events", list(PEOPLE_EVENTS))
        if hook.get("max_age", "") == "":
            hook["max_age"] = APPRISE_MAX_AGE
