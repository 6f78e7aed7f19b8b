"""Rules and settings as the configuration gives them where it says nothing, with the changes a test wants."""

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from tracker.config import build, schema, walk
from tracker.config.reading import ConfigReading, KeyPlace
from tracker.config.values import Secret

READING = ConfigReading(Path(), {})


def empty(section, **given):
    """The values of a section without keys, and those that have no default."""
    return walk.read_section(section, {}, KeyPlace(), READING) | given


GATEWAY = empty(schema.GATEWAY)
PANEL = build.panel("", empty(schema.PANEL), GATEWAY, READING)
BALANCE_ALERT = build.balance_rules(empty(schema.BALANCE_ALERT))
HOOK = build.hook_rules("", empty(schema.HOOK))
WEBHOOK = build.webhook(empty(schema.HOOK, url=Secret("")), READING)
CLIENT = build.client("", empty(schema.GATEWAY_CLIENT, panels=()))
INTAKE = build.intake("", empty(schema.INTAKE, command=("",)), READING)


def poll_rules(**changes):
    return structs.replace(PANEL.rules, **changes)


def balance_rules(**changes):
    return structs.replace(BALANCE_ALERT, **changes)


def hook_rules(name, **changes):
    return structs.replace(HOOK, name=name, **changes)


def client_rules(name, panels, actions, **changes):
    return structs.replace(CLIENT.rules, name=name, panels=panels, actions=actions, **changes)


def panel_config(name, url, key, rules, **changes):
    return replace(PANEL, name=name, url=url, key=key, rules=rules, **changes)


def webhook_config(url, shown_url, **changes):
    return replace(WEBHOOK, url=url, shown_url=shown_url, **changes)


def intake_config(name, argv, **changes):
    return replace(INTAKE, name=name, argv=argv, **changes)
