"""What commands share: the configuration, the database and the parts, each made when it is first needed."""

import dataclasses
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracker.errors import Exit, PanelError, TrackerError, Trouble, UserError

if TYPE_CHECKING:
    from tracker.config import Config, HookConfig, PanelConfig
    from tracker.core.masking import Masker
    from tracker.core.rules import PollRules
    from tracker.daemon.components import Components
    from tracker.db.database import Database

# A later call may well bring an answer; anything else needs a person.
PASSING = frozenset({Trouble.UNAVAILABLE, Trouble.RATE_LIMITED, Trouble.UNREADABLE})


class App:
    """One invocation. verbosity: 0 quiet, 1 says what is done, 2 says everything."""

    def __init__(self, ctx: click.Context, config_path: Path | None, verbosity: int) -> None:
        self.config_path = config_path
        self.verbosity = verbosity
        self._ctx = ctx
        self._masker: Callable[[str], str] = str

    @cached_property
    def config(self) -> "Config":
        """Raises UserError (78) with every problem."""
        from tracker import log

        loaded, masker = self._load()
        log.setup(("warning", "info", "debug")[min(self.verbosity, 2)], "console", masker)
        return loaded

    def load(self) -> "Config":
        """Read the configuration anew, for a daemon that is told to."""
        loaded, _ = self._load()
        return dataclasses.replace(loaded, log_level="debug") if self.verbosity else loaded

    @cached_property
    def database(self) -> "Database":
        """For commands that only read. Open until the command ends; made if it is not there yet."""
        from tracker.db.database import connect

        return self._opened(connect(self.config.database_url))

    @cached_property
    def components(self) -> "Components":
        """For commands that act; they read from `parts.database`."""
        from tracker.daemon.build import build

        parts = build(self.config)
        self._opened(parts.database)
        self._ctx.call_on_close(parts.close)
        return parts

    @property
    def rules(self) -> "dict[str, PollRules]":
        return {name: panel.rules for name, panel in self.config.panels.items()}

    def mask(self, text: str) -> str:
        """Hide every secret; there is none before the configuration is loaded."""
        return self._masker(text)

    def panel(self, name: str) -> "PanelConfig":
        """Raises UserError (2) for one that is not configured."""
        return self.config.panels[known("panel", name, list(self.config.panels))]

    def hook(self, name: str) -> "HookConfig":
        """Raises UserError (2) for one that is not configured."""
        return self.config.hooks[known("hook", name, list(self.config.hooks))]

    def _load(self) -> "tuple[Config, Masker]":
        from tracker import config
        from tracker.core.masking import Masker

        loaded = config.load(self.config_path, os.environ, cwd=Path.cwd())
        self._masker = masker = Masker(secret.reveal() for secret in loaded.secrets())
        return loaded, masker

    def _opened(self, database: "Database") -> "Database":
        from tracker.db import migrate

        self._ctx.with_resource(database.session())
        migrate.require(database)
        return database


pass_app = click.make_pass_decorator(App)


def known(what: str, name: str, names: list[str]) -> str:
    """`name`, if it is one of these. Raises UserError (2)."""
    if name in names:
        return name
    from tracker.config.reading import did_you_mean

    configured = ", ".join(names) or "none"
    problem = f"configured: {configured}{did_you_mean(name, names)}"
    raise UserError(f"there is no {what} {name!r}", [problem], Exit.USAGE)


def tell(error: TrackerError | OSError, app: App | None) -> Exit | int:
    """Say on stderr what went wrong, masked; the exit code."""
    from tracker.core.text import safe_text

    title, problems, code = _words(error)
    mask = app.mask if app else str
    for line in (title, *(f"  {problem}" for problem in problems)):
        click.echo(safe_text(mask(line)), err=True)
    return code


def _words(error: TrackerError | OSError) -> tuple[str, list[str], int]:
    match error:
        case UserError():
            return error.title, error.problems, error.exit_code
        case PanelError():
            return str(error), [], Exit.TRY_LATER if error.kind in PASSING else Exit.PROBLEM
        case TrackerError():
            return str(error), [], Exit.TRY_LATER
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror or error}", [], Exit.PROBLEM
