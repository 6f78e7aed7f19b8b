"""`tracker simulate`: run a simulated panel."""

import signal
from pathlib import Path

import click

from tracker.errors import UserError
from tracker.signal_flag import SignalFlag
from tracker.simulator import SimulatedPanel, serve_forever

EPILOG = """\b
Examples:
  tracker simulate                                   50 invented orders, in real time
  tracker simulate --port 8900 --speed 60            an hour passes in a minute
  tracker simulate --scenario orders.toml --fault-rate 0.1

It speaks the panel API v2 with all seven actions, on 127.0.0.1 only. docs/simulator.md has the rest.
"""


@click.command(epilog=EPILOG)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Where to listen; any free port without it.")
@click.option("--speed", type=click.FloatRange(0), default=1.0, help="Simulated seconds per second (default: 1).")
@click.option(
    "--scenario",
    "scenario_path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of orders and what happens to them; without it they are invented.",
)
@click.option("--orders", type=click.IntRange(1), default=50, help="How many orders to invent (default: 50).")
@click.option("--seed", type=int, default=1, help="The same seed invents the same orders (default: 1).")
@click.option(
    "--fault-rate", type=click.FloatRange(0, 1), default=0.0, help="Share of calls that go wrong (default: 0)."
)
@click.option("--key", default="demo-key", help="The API key that it accepts (default: demo-key).")
def simulate(
    port: int, speed: float, scenario_path: Path | None, orders: int, seed: int, fault_rate: float, key: str
) -> None:
    """Run a simulated panel to try things on, until Ctrl-C."""
    stop = SignalFlag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve_forever(scenario_path, port, speed, seed, orders, fault_rate, key=key, say=_say, stop=stop)
    except OSError as error:
        raise UserError(f"cannot listen on port {port}: {error.strerror}", ["choose another --port"]) from error


def _say(panel: SimulatedPanel) -> None:
    """Print the section to paste into a configuration."""
    click.echo("A simulated panel is listening. For your configuration:\n", err=True)
    click.echo(f'[panels.simulated]\nurl = "{panel.url}"\nkey = "{panel.key}"')
    click.echo("\nCtrl-C ends it.", err=True)
