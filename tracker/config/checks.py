"""Checks that need several keys, or that look outside the file. They run after every key has been read."""

import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tracker.config import listening, toml, urls
from tracker.config.reading import ConfigReading, Invalid, did_you_mean
from tracker.config.schema import ON_ORDER
from tracker.config.walk import Values

# Keys that only some types of hook have. A key without a line here belongs to every type.
ONLY_FOR: dict[str, tuple[str, ...]] = {
    "url": ("webhook", "apprise"),
    "secret": ("webhook",),
    "headers": ("webhook",),
    "ca_file": ("webhook",),
    "plain_http": ("webhook",),
    "allow_private": ("webhook", "apprise"),
    "command": ("command",),
    "template": ("apprise",),
    "digest": ("apprise",),
}


def check(values: Values, reading: ConfigReading) -> None:
    """Notes every problem that a key alone does not show."""
    _check_timezone(values["daemon"]["timezone"], reading)
    _check_web(values["web"], reading)
    if not values["panels"]:
        reading.problem(
            "panels",
            "there is none; add [panels.main] with url and key_file (`tracker init` writes one)",
        )
    for name, panel in values["panels"].items():
        _check_panel(f"panels.{toml.key(name)}", panel, reading)
    for name, hook in values["hooks"].items():
        _check_hook(f"hooks.{toml.key(name)}", hook, values["panels"], reading)
    _check_clients(values, reading)


def _check_timezone(name: str, reading: ConfigReading) -> None:
    if name == "UTC":  # known even where the system has no time zone database
        return
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = did_you_mean(name, zoneinfo.available_timezones())
        reading.problem(
            "daemon.timezone", f'unknown time zone {toml.quoted(name)}{near}; write it like "Europe/Lisbon"'
        )


def _check_web(web: Values, reading: ConfigReading) -> None:
    try:
        listen = listening.parse(web["listen"])
    except Invalid as wrong:
        reading.invalid("web.listen", wrong)
        return
    if listen is not None and not listen.private and web["read_token"] is None and not reading.has_problem("web"):
        reading.problem(
            "web.listen",
            f"{listen} can be reached from other machines: "
            "add read_token_file, or listen on 127.0.0.1 or a unix socket",
        )


def _check_clients(values: Values, reading: ConfigReading) -> None:
    """Checks the keys, the limits and the panels of the gateway's clients.

    A key tells which client is calling, so no two clients have the same one. None has a panel's key, because clients
    must not know that.
    """
    clients = values["gateway"]["clients"]
    if clients and not values["web"]["listen"] and not reading.has_problem("web.listen"):
        reading.problem("web.listen", f"the gateway of {', '.join(clients)} needs an address, such as 127.0.0.1:8787")
    owners = {panel["key"]: f"panel {name}" for name, panel in values["panels"].items() if panel["key"]}
    for name, client in clients.items():
        at = f"gateway.clients.{toml.key(name)}"
        if (key := client["key"]) is not None:
            if key in owners:
                reading.problem(f"{at}.key", f"is also the key of {owners[key]}; make another: openssl rand -hex 24")
            owners.setdefault(key, f"client {name}")
        unlimited = client["max_spend_per_day"] is None and not reading.has_problem(f"{at}.max_spend_per_day")
        if "add" in client["actions"] and unlimited:
            reading.problem(f"{at}.max_spend_per_day", 'missing; the action "add" needs a limit, such as "50.00"')
        _check_panels(at, client["panels"], values["panels"], reading)


def _check_panels(at: str, named: Iterable[str] | None, panels: Values, reading: ConfigReading) -> None:
    for index, name in enumerate(named or ()):
        if name not in panels:
            near = did_you_mean(name, panels)
            reading.problem(f"{at}.panels[{index}]", f"there is no panel {toml.quoted(name)}{near}")


def _check_panel(at: str, panel: Values, reading: ConfigReading) -> None:
    _try(reading, f"{at}.url", _check_url, panel["url"], panel["plain_http"])
    _check_ca_file(at, panel, reading)
    if panel["balance_alert"] is not None:
        _check_alert(f"{at}.balance_alert", panel["balance_alert"], reading)


def _check_ca_file(at: str, section: Values, reading: ConfigReading) -> None:
    if section["ca_file"]:
        _try(reading, f"{at}.ca_file", _check_file, reading.path(section["ca_file"]))


def _check_alert(at: str, alert: Values, reading: ConfigReading) -> None:
    below, clear_above = alert["below"], alert["clear_above"]
    if reading.has_problem(at):
        return
    if below is None and alert["runway_below"] is None:
        reading.problem(at, 'would never fire; add below = "20.00" or runway_below = "12h"')
    if clear_above is None:
        return
    if below is None:
        reading.problem(f"{at}.clear_above", "has no effect without below; add below")
    elif clear_above < below:
        reading.problem(
            f"{at}.clear_above", f"must not be less than below ({below}): the alert would be cleared when it is raised"
        )


def _check_hook(at: str, hook: Values, panels: Values, reading: ConfigReading) -> None:
    kind = hook["type"]
    for key, kinds in ONLY_FOR.items():
        if hook[key] and kind not in kinds:
            article = "an" if kind == "apprise" else "a"
            reading.problem(f"{at}.{key}", f"{article} {kind} hook has no such key; remove it, or change the type")
    _check_ca_file(at, hook, reading)
    if kind != "command":
        _check_hook_url(at, hook, reading)
    if kind == "apprise":
        _check_apprise(at, hook, reading)
    if kind == "command" and not hook["command"] and not reading.has_problem(f"{at}.command"):
        reading.problem(f"{at}.command", f"missing; add command = {ON_ORDER}")
    _check_panels(at, hook["panels"], panels, reading)


def _check_hook_url(at: str, hook: Values, reading: ConfigReading) -> None:
    if reading.has_problem(f"{at}.url"):
        return
    if hook["url"] is None:
        reading.problem(f"{at}.url", 'missing; add url_file = "FILE" (or url, url_env, url_credential)')
    elif hook["type"] == "apprise":
        _try(reading, f"{at}.url", urls.check_apprise, hook["url"].reveal())
    else:
        _try(reading, f"{at}.url", _check_url, hook["url"].reveal(), hook["plain_http"])


def _check_apprise(at: str, hook: Values, reading: ConfigReading) -> None:
    # Looked for and not imported: apprise costs memory, and only the child process that sends needs it.
    if missing := [name for name in ("apprise", "jinja2") if not importlib.util.find_spec(name)]:
        reading.problem(f"{at}.type", f"needs {' and '.join(missing)}; install them: pip install 'tracker[notify]'")
    elif hook["template"]:
        from tracker.config import templates

        for problem in templates.problems(hook["template"], hook["events"]):
            reading.problem(f"{at}.template", problem)


def _check_url(url: str | None, plain_http: bool) -> None:
    if url is not None:
        urls.check_http(url, plain_http=plain_http)


def _check_file(path: Path) -> None:
    try:
        found = path.is_file()
    except OSError:  # this user may not enter a folder on the way
        found = False
    if not found:
        raise Invalid(f"{path} does not exist, or cannot be reached")


def _try(reading: ConfigReading, at: str, examine: Callable[..., None], *arguments: Any) -> None:
    try:
        examine(*arguments)
    except Invalid as wrong:
        reading.invalid(at, wrong)
