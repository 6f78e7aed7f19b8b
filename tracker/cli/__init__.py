"""The command line: one file per noun, loaded when its command is used.

A command parses its arguments, asks the person, calls one action or one report, and prints the result. It returns
nothing, or an `Exit`. Errors become an exit code here and nowhere else.
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
from tracker.cli.app import App, print_error
from tracker.errors import Exit, TrackerError

# name -> its line in `tracker --help`; the command is `tracker.cli.NAME:NAME`.
COMMANDS = {
    "demo": "Show it working: two simulated panels, a receiver and the tracker.",
    "init": "Write a first configuration, and a key file that only you can read.",
    "run": "Run the tracker: poll the panels and send events to the hooks until it is stopped.",
    "poll": "Poll what is due once, send what is new to the hooks, and exit.",
    "orders": "Track orders, list them, and change what is known about them.",
    "refills": "Track refills, which have ids and states of their own, and list them.",
    "intake": "List your commands that print new orders, and run one of them now.",
    "panels": "List the panels and their state; pause and resume them.",
    "api": "Call a panel's API by hand.",
    "gateway": "List the clients of the gateway and their calls; stop and start what clients may change.",
    "events": "List or follow the log of events.",
    "hooks": "List hooks and their deliveries; test, pause, enable, retry, drop and replay.",
    "alerts": "List what is wrong at the panels; acknowledge or silence alerts.",
    "report": "Print a report: services, refunds, spending and more.",
    "balance": "Show the balances as last seen, and how long they will last.",
    "top": "Watch a running tracker in the terminal: panels, orders, hooks, balances, events.",
    "config": "Check and show the configuration.",
    "db": "Show the state of the database, and migrate it.",
    "health": "Check that everything is all right; exits 1 when it is not.",
    "simulate": "Run a simulated panel to try things on, until Ctrl-C.",
}

EPILOG = """\b
Begin with:
  tracker demo               see it work; needs no key and no network
  tracker init               write config.toml here
  tracker run                start polling

Exit codes: 0 done, 1 a problem was found, 2 wrong usage, 75 try again later, 78 configuration or schema.
"""

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Tracker(click.Group):
    """The root command: lists the commands, loads the one that is used, and prints every error."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"tracker.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands. It comes from the table, so no command is loaded."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(  # type: ignore[override]  # of click's shapes this is the one that ends the process
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        os.umask(os.umask(0o077) | 0o077)  # files that we create are not for other users
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by the program that started us
                setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115  as long as we live
        for stream in (sys.stdout, sys.stderr):
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")  # a character that the terminal cannot show is no error
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
                return print_error(error, ctx.find_object(App))
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
    """Raises UsageError for an argument that is not UTF-8: it holds lone surrogates, which no database takes."""
    for argument in args:
        if any("\ud800" <= character <= "\udfff" for character in str(argument)):
            raise click.UsageError(f"{argument!a} is not UTF-8")


@contextmanager
def _closed_pipe_is_no_error() -> Iterator[None]:
    """End quietly when the reader of our output has closed the pipe, and leave nothing to flush."""
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
    help="The configuration file. Without it: $TRACKER_CONFIG, ./config.toml, ~/.config/tracker/, /etc/tracker/.",
)
@click.option("-v", "--verbose", count=True, help="Print on stderr what is done; twice: every call too.")
@click.version_option(__version__, prog_name="tracker")
@click.pass_context
def main(ctx: click.Context, config_path: Path | None, verbose: int) -> None:
    """Poll panels for the state of orders, keep every change, and send events to hooks."""
    ctx.obj = App(ctx, config_path, verbose)
