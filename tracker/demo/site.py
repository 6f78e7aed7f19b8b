"""Everything that the demo runs: panels and receiver in this process, the daemon as a child process, and a shop."""

import base64
import os
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tracker import clock, config
from tracker.config import Config
from tracker.daemon.build import build
from tracker.demo import story
from tracker.demo.daemon_process import DaemonProcess
from tracker.demo.story import OrdersPlaced, ReceiverFailures, StoryStep
from tracker.simulator import Faults, OrderLife, Receiver, SimulatedPanel
from tracker.store.values import NewRefill


class DemoSite:
    """A context manager inside which everything runs. Afterwards only the files in `folder` are left.

    seconds: how long the story takes.
    started_at: when the panels' clocks started, in monotonic seconds.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.seconds = seconds
        self.speed = story.MINUTES * 60 / seconds
        self.scenarios = story.scenarios()
        self.orders = sum(len(scenario.orders) for scenario in self.scenarios.values())
        self.panels = {name: self._panel(name) for name in self.scenarios}
        secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        self.receiver = Receiver(secret=secret)
        self._config_file = self._write(folder, secret)
        self._log = folder / "tracker.log"
        self.config: Config = config.load(self._config_file, {}, cwd=folder)
        self.parts = build(self.config)
        self._steps: deque[StoryStep] = deque(story.steps(self.scenarios))
        self.started_at = 0.0
        self.exit_code: int | None = None  # of the daemon, after stop_daemon()
        self._open = ExitStack()

    def __enter__(self) -> "DemoSite":
        with ExitStack() as stack:
            stack.callback(self.parts.close)
            stack.enter_context(self.parts.database.session())
            stack.enter_context(self.receiver)
            self._daemon = DaemonProcess(self._config_file, self._log)
            stack.callback(self._daemon.kill)
            self._daemon.wait_started()
            self.started_at = clock.monotonic()
            for panel in self.panels.values():
                # Its port has been open since it was made. From here on it answers and its clock runs.
                stack.enter_context(panel)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._open.close()

    @property
    def minute(self) -> float:
        return self.panels["main"].sim_now() / 60

    def do_due_steps(self) -> None:
        """Does the steps of the story that are due by now. Raises UserError when the daemon has ended."""
        self._daemon.check()
        minute = self.minute
        while self._steps and self._steps[0].minute <= minute:
            self._do(self._steps.popleft())

    def stop_daemon(self) -> None:
        """Stops the daemon as a service manager would. The panels and the receiver go on."""
        self.exit_code = self._daemon.stop()

    def _do(self, step: StoryStep) -> None:
        now = clock.now()
        match step:
            case OrdersPlaced(_, panel, orders, imported):
                rows = enumerate(map(_row, orders), 1)
                for _ in self.parts.intake.take(rows, now, panel=panel, imported=imported):
                    pass
            case ReceiverFailures(_, count):
                self.receiver.next(*["fail"] * count)
            case story.RefillRequested(_, panel, refill):
                self.parts.store.new_orders.add_refills(
                    [NewRefill(panel, refill.id, baseline=False, order_remote_id=refill.order)], now
                )

    def _panel(self, name: str) -> SimulatedPanel:
        faults = Faults(retry_after="1")
        if name == "main":
            start, end = (minute * 60 for minute in story.OUTAGE)
            faults.down(start, end, simulated=True)
        return SimulatedPanel(self.scenarios[name], self.speed, faults=faults, balance=story.BALANCES[name])

    def _write(self, folder: Path, secret: str) -> Path:
        urls = {name: panel.url for name, panel in self.panels.items()}
        path = folder / "config.toml"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w") as out:
            out.write(story.configuration(urls, self.panels["main"].key, self.receiver.url, secret))
        return path


def _row(order: OrderLife) -> dict[str, object]:
    """What a shop knows about an order that it has just placed."""
    return {"id": order.id, "service": order.service, "quantity": order.quantity}
