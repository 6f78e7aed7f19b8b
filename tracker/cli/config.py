"""`tracker config`."""

import click

from tracker import config as configuration
from tracker.cli.app import App, pass_app
from tracker.core.text import safe_text

EPILOG = """\b
Examples:
  tracker config check                       every problem at once; 78 when there is one
  tracker --config new.toml config check     before it replaces the old one
  tracker config show                        what holds, defaults included, secrets masked
"""


@click.group(epilog=EPILOG)
def config() -> None:
    """Check and show the configuration."""


@config.command()
@pass_app
def check(app: App) -> None:
    """Read the configuration and every secret file it names; connect to nothing."""
    found = app.config
    for warning in found.warnings:
        click.echo(safe_text(f"warning: {warning}"), err=True)
    counts = f"{_count(len(found.panels), 'panel')}, {_count(len(found.hooks), 'hook')}"
    click.echo(safe_text(f"{found.source or 'the environment'}: fine ({counts})"))


@config.command()
@pass_app
def show(app: App) -> None:
    """Print what holds as TOML: defaults filled in, secrets masked."""
    click.echo(configuration.show(app.config), nl=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
