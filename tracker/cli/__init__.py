"""The command line: one file per noun, loaded when its command is used.

A command returns nothing, or an `Exit`. Errors become an exit code here and nowhere else.
"""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from tracker import __version__
from tracker.cli.app import App, tell
from tracker.errors import Exit, TrackerError

# name -> its line in `tracker --help`; the command is `tracker.cli.NAME:NAME`.
COMMANDS = {
    "demo": "See it all work: two simulated panels, a receiver and the tracker.",
    "init": "Write a configuration to begin with, and a key file that only you can read.",
    "run": "Poll the panels and tell the hooks until told to stop.",
    "poll": "Ask what is due once, tell what is new, and exit.",
    "orders": "Track orders, and see how they are.",
    "refills": "Track refills, which have ids and states of their own.",
    "intake": "The commands of yours that print new orders.",
    "panels": "How the panels are; pause them.",
    "api": "Call a panel by hand.",
    "gateway": "Who calls panels through here; stop and start what they may change.",
    "events": "The log of everything worth telling.",
    "hooks": "Who is told, and what came of it.",
    "alerts": "What is wrong at the panels; say that you know.",
    "report": "Tell what all of it comes to: services, refunds, spending and more.",
    "balance": "Balances as last seen, and how long they will last.",
    "top": "Watch a running tracker in the terminal: panels, orders, hooks, balances, events.",
    "config": "Check and show the configuration.",
    "db": "Look after the database.",
    "health": "Is everything all right? Exits 1 when it is not.",
    "simulate": "Run a simulated panel to try things against, until Ctrl-C.",
}

EPILOG = """\b
Begin with:
  tracker demo               see it work, without a key or a network
  tracker init               write config.toml here
  tracker run                start watching

Exit codes: 0 done, 1 a problem was found, 2 wrong usage, 75 try again later, 78 configuration or schema.
"""

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Tracker(click.Group):
    """The root: knows its commands by name, loads the one that is used, and speaks for every error."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"tracker.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table: nothing is loaded to list it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(  # type: ignore[override]  # of click's shapes this is the one that ends the process
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        os.umask(os.umask(0o077) | 0o077)  # what we write down is nobody else's to read
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by whoever started us
                setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  as long as we live
        for stream in (sys.stdout, sys.stderr):
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")  # what the terminal's encoding lacks is no error
        sys.exit(self._code(args, prog_name or "tracker", extra | {"standalone_mode": False}))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _closed_pipe_is_no_error():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _closed_pipe_is_no_error():
            try:
                code = super().invoke(ctx)
                sys.stdout.flush()
            except BrokenPipeError:
                raise
            except (TrackerError, OSError) as error:
                return tell(error, ctx.find_object(App))
            return code

    def _code(self, args: Sequence[str] | None, prog_name: str, extra: dict[str, Any]) -> int:
        try:
            _refuse_bytes(sys.argv[1:] if args is None else args)
            return int(super().main(args, prog_name, **extra) or Exit.DONE)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort as error:
            if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
                return INTERRUPTED
            click.echo("Nothing done.", err=True)
            return Exit.PROBLEM
        except KeyboardInterrupt:
            return INTERRUPTED


def _refuse_bytes(args: Sequence[str]) -> None:
    """Arguments are text: what is no UTF-8 comes as lone surrogates, which no database takes."""
    for argument in args:
        if any("\ud800" <= character <= "\udfff" for character in str(argument)):
            raise click.UsageError(f"{argument!a} is not UTF-8")


@contextmanager
def _closed_pipe_is_no_error() -> Iterator[None]:
    """Whoever read our output has seen enough: end quietly, and leave nothing to flush."""
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        raise click.exceptions.Exit(Exit.DONE) from None


@click.group(cls=Tracker, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration. Else: $TRACKER_CONFIG, ./config.toml, ~/.config/tracker/, /etc/tracker/.",
)
@click.option("-v", "--verbose", count=True, help="Say on stderr what is done; twice: every call too.")
@click.version_option(__version__, prog_name="tracker")
@click.pass_context
def main(ctx: click.Context, config_path: Path | None, verbose: int) -> None:
    """Watch orders at panels: keep every change, tell whoever asked."""
    ctx.obj = App(ctx, config_path, verbose)
