"""Runs the daemon as a child process: the real `tracker run`, from the code that is running now."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import tracker
from tracker import clock
from tracker.errors import UserError

START_S = 30.0
STOP_S = 15.0  # the daemon takes 10 s at most
_CHECK_S = 0.02
# Variables that would change the demo's configuration, or notify the user's own service manager.
_NOT_PASSED_ON = ("TRACKER", "NOTIFY_SOCKET", "WATCHDOG_", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY")


class DaemonProcess:
    """`tracker --config CONFIG run`, with its log in a file. Starts at once."""

    def __init__(self, config: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-m", "tracker", "--config", str(config), "run"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(os.environ),
                start_new_session=True,  # Ctrl-C must not stop it: the demo does that, and then checks what it did
            )

    def wait_started(self) -> None:
        """Waits until the daemon is up. Raises UserError when it does not start."""
        deadline = clock.monotonic() + START_S
        while '"tracker.started"' not in self._log.read_text(errors="replace"):
            self.check()
            if clock.monotonic() > deadline:
                raise self._trouble(f"the daemon did not start within {START_S:.0f} s")
            time.sleep(_CHECK_S)

    def check(self) -> None:
        """Raises UserError when the daemon has ended."""
        if self._process.poll() is not None:
            raise self._trouble(f"the daemon ended by itself, with code {self._process.returncode}")

    def stop(self) -> int:
        """Asks the daemon to stop, kills it if it does not, and returns its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def kill(self) -> None:
        """Ends the daemon at once; does nothing if it has ended."""
        self._process.kill()
        self._process.wait()

    def _trouble(self, what: str) -> UserError:
        return UserError(f"{what}; the end of its log:", self._log.read_text(errors="replace").splitlines()[-10:])


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Returns the child's environment: it finds the same program, and nothing of the user's own tracker."""
    home = str(Path(tracker.__file__).parents[1])
    path = os.pathsep.join(part for part in (home, ours.get("PYTHONPATH", "")) if part)
    return {name: value for name, value in ours.items() if not name.startswith(_NOT_PASSED_ON)} | {"PYTHONPATH": path}
