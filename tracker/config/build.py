"""Builds the frozen Config from values that have been checked: none of them can be wrong any more."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tracker.config import databases, listening, urls
from tracker.config.reading import ConfigReading
from tracker.config.values import (
    AppriseConfig,
    ClientConfig,
    CommandConfig,
    Config,
    GatewayConfig,
    HookConfig,
    IntakeConfig,
    PanelConfig,
    Retention,
    WebConfig,
    WebhookConfig,
)
from tracker.config.walk import Values
from tracker.core.gateway.requests import CHANGES
from tracker.core.rules import BalanceRules, ChildLimits, ClientRules, Digest, GatewayRules, HookRules, PollRules, Where


def config(
    values: Values, source: Path | None, data_dir: Path, effective: Mapping[str, Any], reading: ConfigReading
) -> Config:
    return Config(
        source=source,
        data_dir=data_dir,
        database_url=databases.resolve(values["database"]["url"].reveal(), data_dir),
        panels={name: panel(name, section, values["gateway"], reading) for name, section in values["panels"].items()},
        hooks={name: hook(name, section, reading) for name, section in values["hooks"].items()},
        intakes={name: intake(name, section, reading) for name, section in values["intake"].items()},
        timezone=values["daemon"]["timezone"],
        log_level=values["log"]["level"],
        log_format=values["log"]["format"],
        web=web(values["web"], reading),
        gateway=gateway(values["gateway"]),
        retention=retention(values["retention"]),
        warnings=tuple(reading.warnings),
        effective=effective,
    )


def panel(name: str, section: Values, gateway: Values, reading: ConfigReading) -> PanelConfig:
    alert = section["balance_alert"]
    return PanelConfig(
        name=name,
        url=section["url"],
        key=section["key"],
        rules=poll_rules(name, section, gateway),
        balance_alert=None if alert is None else balance_rules(alert),
        request=section["request"],
        user_agent=section["user_agent"],
        proxy=section["proxy"].reveal() if section["proxy"] else "",
        ca_file=_ca_file(section, reading),
        plain_http=section["plain_http"],
    )


def _ca_file(section: Values, reading: ConfigReading) -> Path | None:
    return reading.path(section["ca_file"]) if section["ca_file"] else None


def poll_rules(name: str, section: Values, gateway: Values) -> PollRules:
    clients = [client for client in gateway["clients"].values() if name in client["panels"]]
    return PollRules(
        poll_every_s=section["poll_every"],
        recheck_every_s=section["recheck_finished"]["every"],
        recheck_until_s=section["recheck_finished"]["until"],
        not_found_polls=section["not_found"]["polls"],
        not_found_after_s=section["not_found"]["after"],
        batch_size=section["batch_size"],
        max_requests_per_minute=section["max_requests_per_minute"],
        polling_share=section["polling_share"],
        clients_change=any(not CHANGES.isdisjoint(client["actions"]) for client in clients),
        max_concurrency=section["max_concurrency"],
        timeout_s=section["timeout"],
        add_timeout_s=gateway["add_timeout"],
        balance_every_s=section["balance_every"],
        services_every_s=section["services_every"],
        down_after_s=section["down_after"],
        stuck_after_s=section["stuck_after"],
        children=ChildLimits(section["children"]["per_order"], section["children"]["per_day"]),
        status_map=section["status_map"],
        error_map=section["error_map"],
    )


def balance_rules(alert: Values) -> BalanceRules:
    return BalanceRules(
        below=alert["below"],
        clear_above=alert["clear_above"],
        runway_below_s=alert["runway_below"],
        for_s=alert["for"],
        repeat_every_s=alert["repeat_every"],
    )


def hook(name: str, section: Values, reading: ConfigReading) -> HookConfig:
    match section["type"]:
        case "webhook":
            return HookConfig(hook_rules(name, section), webhook(section, reading))
        case "command":
            return HookConfig(hook_rules(name, section), command(section, reading))
        case _:
            return HookConfig(hook_rules(name, section), apprise(section))


def webhook(section: Values, reading: ConfigReading) -> WebhookConfig:
    return WebhookConfig(
        url=section["url"],
        shown_url=urls.shown(section["url"].reveal()),
        secrets=section["secret"],
        allow_private=section["allow_private"],
        headers=section["headers"],
        ca_file=_ca_file(section, reading),
    )


def command(section: Values, reading: ConfigReading) -> CommandConfig:
    """Returns the program and its arguments.

    A relative path of the program starts at the folder of the configuration file; a bare name is looked up in $PATH.
    """
    program, *arguments = section["command"]
    return CommandConfig((str(reading.path(program)) if "/" in program else program, *arguments))


def apprise(section: Values) -> AppriseConfig:
    url = section["url"].reveal()
    return AppriseConfig(
        url=section["url"],
        shown_url=urls.masked(url),
        template=section["template"],
        allow_private=section["allow_private"],
    )


def hook_rules(name: str, section: Values) -> HookRules:
    where, digest = section["where"], section["digest"]
    return HookRules(
        name=name,
        events=section["events"],
        panels=None if section["panels"] is None else frozenset(section["panels"]),
        where=Where(frozenset(where["service"]), frozenset(where["tag"]), where["min_charge"]),
        min_severity=section["min_severity"],
        timeout_s=section["timeout"],
        max_concurrency=section["max_concurrency"],
        max_per_minute=section["max_per_minute"],
        per_order=section["ordering"] == "per_order",
        hold_for_s=section["hold_for"],
        retry_schedule_s=section["retry_schedule"],
        max_age_s=section["max_age"],
        digest=None if digest is None else Digest(wait_s=digest["wait"], max=digest["max"]),
    )


def intake(name: str, section: Values, reading: ConfigReading) -> IntakeConfig:
    return IntakeConfig(name, command(section, reading).argv, section["every"], section["timeout"])


def web(section: Values, reading: ConfigReading) -> WebConfig:
    listen = listening.parse(section["listen"])
    if listen is not None and listen.path:
        listen = replace(listen, path=str(reading.path(listen.path)))
    return WebConfig(listen, tuple(section["hosts"]), section["read_token"], section["write_token"])


def gateway(section: Values) -> GatewayConfig:
    rules = GatewayRules(fresh_s=section["fresh"], cache_s=section["cache"])
    return GatewayConfig(rules, {name: client(name, keys) for name, keys in section["clients"].items()})


def client(name: str, section: Values) -> ClientConfig:
    rules = ClientRules(
        name=name,
        panels=frozenset(section["panels"]),
        actions=frozenset(section["actions"]),
        max_spend_per_day=section["max_spend_per_day"],
        max_adds_per_minute=section["max_adds_per_minute"],
        share=section["share"],
    )
    return ClientConfig(rules, section["key"])


def retention(section: Values) -> Retention:
    return Retention(
        transitions_s=section["transitions"],
        event_bodies_s=section["event_bodies"],
        deliveries_s=section["deliveries"],
        attempts_s=section["attempts"],
        poll_runs_s=section["poll_runs"],
    )
