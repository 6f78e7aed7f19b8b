"""The configuration as the program sees it: frozen, complete, checked.

Secrets are of type Secret, whose text never shows in a repr, a log line or a traceback.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracker.config import urls
from tracker.config.listening import Listen
from tracker.core.rules import BalanceRules, ClientRules, GatewayRules, HookRules, PollRules


class Secret:
    """A text that is only given away by `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


@dataclass(frozen=True)
class PanelConfig:
    """One [panels.NAME] section."""

    name: str
    url: str
    key: Secret
    rules: PollRules = field(default_factory=PollRules)
    balance_alert: BalanceRules | None = None
    request: str = "form"  # form | json | get
    user_agent: str = "tracker/1.0"
    proxy: str = field(default="", repr=False)  # may carry a password
    ca_file: Path | None = None
    plain_http: bool = False


@dataclass(frozen=True)
class WebhookConfig:
    url: Secret  # a hook's URL is a secret: show `shown_url`
    shown_url: str  # scheme and host only
    secrets: tuple[Secret, ...] = ()  # whsec_… or plain text; several during a rotation, all sign
    allow_private: bool = False


@dataclass(frozen=True)
class CommandConfig:
    argv: tuple[str, ...]


@dataclass(frozen=True)
class AppriseConfig:
    url: Secret  # tgram://TOKEN/CHAT and the like: any part of it may be a secret, its host too
    shown_url: str  # the scheme, and *** for the rest
    template: str = ""  # "": the text that its family of events has
    allow_private: bool = False


@dataclass(frozen=True)
class HookConfig:
    """One [hooks.NAME] section: the rules, and exactly one way out."""

    rules: HookRules
    channel: WebhookConfig | CommandConfig | AppriseConfig

    @property
    def name(self) -> str:
        return self.rules.name

    @property
    def type(self) -> str:
        match self.channel:
            case WebhookConfig():
                return "webhook"
            case CommandConfig():
                return "command"
            case AppriseConfig():
                return "apprise"


@dataclass(frozen=True)
class IntakeConfig:
    """One [intake.NAME] section: a command that prints new orders."""

    name: str
    argv: tuple[str, ...]
    every_s: float = 60.0
    timeout_s: float = 60.0


@dataclass(frozen=True)
class WebConfig:
    """The dashboard and the HTTP API. listen None: there is neither. hosts: further names it answers to."""

    listen: Listen | None = None
    hosts: tuple[str, ...] = ()
    read_token: Secret | None = None
    write_token: Secret | None = None


@dataclass(frozen=True)
class ClientConfig:
    """One [gateway.clients.NAME] section."""

    rules: ClientRules
    key: Secret


@dataclass(frozen=True)
class GatewayConfig:
    """No client, no gateway."""

    rules: GatewayRules = field(default_factory=GatewayRules)
    clients: Mapping[str, ClientConfig] = field(default_factory=dict)


@dataclass(frozen=True)
class Retention:
    """None: kept for ever. Seconds otherwise."""

    transitions_s: float | None = None
    event_bodies_s: float | None = 90 * 86_400.0
    deliveries_s: float | None = 90 * 86_400.0
    attempts_s: float | None = 30 * 86_400.0
    poll_runs_s: float | None = 14 * 86_400.0


@dataclass(frozen=True)
class Config:
    """The whole file. `source` is where it came from; `warnings` are for the log at start.

    effective: every section with its defaults, secrets masked: what `show` prints.
    """

    source: Path | None
    data_dir: Path
    database_url: str = field(repr=False)  # sqlite:////… or postgresql://…; may carry a password
    panels: Mapping[str, PanelConfig]
    hooks: Mapping[str, HookConfig] = field(default_factory=dict)
    intakes: Mapping[str, IntakeConfig] = field(default_factory=dict)
    timezone: str = "UTC"
    log_level: str = "info"
    log_format: str = "auto"  # auto | console | json
    web: WebConfig = WebConfig()
    gateway: GatewayConfig = GatewayConfig()
    retention: Retention = Retention()
    warnings: tuple[str, ...] = ()
    effective: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def secrets(self) -> tuple[Secret, ...]:
        """Every secret there is: what logs, snippets and error texts are masked for."""
        ways = [hook.channel for hook in self.hooks.values()]
        hooks = [way for way in ways if isinstance(way, WebhookConfig)]
        logins = [self.database_url, *(panel.proxy for panel in self.panels.values())]
        return (
            *(panel.key for panel in self.panels.values()),
            *(way.url for way in ways if isinstance(way, WebhookConfig | AppriseConfig)),
            *(secret for hook in hooks for secret in hook.secrets),
            *(Secret(password) for url in logins for password in urls.passwords(url)),
            *(token for token in (self.web.read_token, self.web.write_token) if token),
            *(client.key for client in self.gateway.clients.values()),
        )


__all__ = [
    "AppriseConfig",
    "BalanceRules",
    "ClientConfig",
    "CommandConfig",
    "Config",
    "GatewayConfig",
    "HookConfig",
    "IntakeConfig",
    "Listen",
    "PanelConfig",
    "Retention",
    "Secret",
    "WebConfig",
    "WebhookConfig",
]  # fmt: skip
