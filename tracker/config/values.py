"""The configuration as the program sees it: frozen, complete, checked.

`config.build` makes these values, and `config.schema` holds their defaults: none stands here. Secrets are of type
Secret, whose text never shows in a repr, a log line or a traceback.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracker.config import urls
from tracker.config.listening import Listen
from tracker.core.rules import BalanceRules, ClientRules, GatewayRules, HookRules, PollRules


class Secret:
    """A text that only `reveal()` returns."""

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
    rules: PollRules
    balance_alert: BalanceRules | None
    request: str  # form | json | get
    user_agent: str
    proxy: str = field(repr=False)  # may carry a password
    ca_file: Path | None
    plain_http: bool


@dataclass(frozen=True)
class WebhookConfig:
    """The channel of a hook of type webhook."""

    url: Secret  # a hook's URL is a secret: show `shown_url`
    shown_url: str  # scheme and host only
    secrets: tuple[Secret, ...]  # whsec_… or plain text; several during a rotation, all sign
    allow_private: bool
    headers: Mapping[str, Secret]
    ca_file: Path | None


@dataclass(frozen=True)
class CommandConfig:
    """The channel of a hook of type command."""

    argv: tuple[str, ...]


@dataclass(frozen=True)
class AppriseConfig:
    """The channel of a hook of type apprise: chats and phones."""

    url: Secret  # tgram://TOKEN/CHAT and the like: any part of it may be a secret, its host too
    shown_url: str  # the scheme, and *** for the rest
    template: str  # "": the usual text of each family of events
    allow_private: bool


@dataclass(frozen=True)
class HookConfig:
    """One [hooks.NAME] section: its rules and its channel."""

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

    @property
    def target(self) -> str:
        """Where the hook sends to, without secrets: scheme and host, the scheme alone, or the program."""
        return self.channel.argv[0] if isinstance(self.channel, CommandConfig) else self.channel.shown_url


@dataclass(frozen=True)
class IntakeConfig:
    """One [intake.NAME] section: a command that prints new orders."""

    name: str
    argv: tuple[str, ...]
    every_s: float
    timeout_s: float


@dataclass(frozen=True)
class WebConfig:
    """The dashboard and the HTTP API.

    listen: None means that there is neither.
    hosts: further host names that the server answers to.
    """

    listen: Listen | None
    hosts: tuple[str, ...]
    read_token: Secret | None
    write_token: Secret | None


@dataclass(frozen=True)
class ClientConfig:
    """One [gateway.clients.NAME] section."""

    rules: ClientRules
    key: Secret


@dataclass(frozen=True)
class GatewayConfig:
    """The gateway. Without any client there is none."""

    rules: GatewayRules
    clients: Mapping[str, ClientConfig]


@dataclass(frozen=True)
class Retention:
    """How long each kind of row is kept, in seconds; None: for ever."""

    transitions_s: float | None
    event_bodies_s: float | None
    deliveries_s: float | None
    attempts_s: float | None
    poll_runs_s: float | None


@dataclass(frozen=True)
class Config:
    """The whole configuration.

    source: the file it was read from; None for the environment alone.
    warnings: for the log at start.
    effective: every section with its defaults, secrets masked: what `show` prints.
    """

    source: Path | None
    data_dir: Path
    database_url: str = field(repr=False)  # sqlite:////… or postgresql://…; may carry a password
    panels: Mapping[str, PanelConfig]
    hooks: Mapping[str, HookConfig]
    intakes: Mapping[str, IntakeConfig]
    timezone: str
    log_level: str
    log_format: str  # auto | console | json
    web: WebConfig
    gateway: GatewayConfig
    retention: Retention
    warnings: tuple[str, ...]
    effective: Mapping[str, Any] = field(repr=False, compare=False)

    def secrets(self) -> tuple[Secret, ...]:
        """Returns every secret of the configuration, to be masked in logs, snippets and error texts."""
        ways = [hook.channel for hook in self.hooks.values()]
        hooks = [way for way in ways if isinstance(way, WebhookConfig)]
        logins = [self.database_url, *(panel.proxy for panel in self.panels.values())]
        return (
            *(panel.key for panel in self.panels.values()),
            *(way.url for way in ways if isinstance(way, WebhookConfig | AppriseConfig)),
            *(secret for hook in hooks for secret in (*hook.secrets, *hook.headers.values())),
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
