"""The daemon as a child process: the real `tracker run`, by the code that is running now."""

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
_LOOK_S = 0.02
# What would make another configuration out of ours, or speak to somebody else's service manager.
_NOT_OURS = ("TRACKER", "NOTIFY_SOCKET", "WATCHDOG_", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY")


class Child:
    """`tracker --config CONFIG run`, its log in a file."""

    def __init__(self, config: Path, log: Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-P", "-m", "tracker", "--config", str(config), "run"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment(os.environ),
                start_new_session=True,  # Ctrl-C is ours alone: it is stopped when the books are closed
            )

    def wait_started(self) -> None:
        """Raises UserError when it did not start."""
        deadline = clock.monotonic() + START_S
        while '"tracker.started"' not in self._log.read_text(errors="replace"):
            self.check()
            if clock.monotonic() > deadline:
                raise self._trouble(f"the daemon did not start within {START_S:.0f} s")
            time.sleep(_LOOK_S)

    def check(self) -> None:
        """Raises UserError when it runs no more."""
        if self._process.poll() is not None:
            raise self._trouble(f"the daemon ended by itself, with code {self._process.returncode}")

    def stop(self) -> int:
        """Ask it to end, and see that it does; its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.returncode

    def kill(self) -> None:
        """End it, now; nothing if it has ended."""
        self._process.kill()
        self._process.wait()

    def _trouble(self, what: str) -> UserError:
        return UserError(f"{what}; the end of its log:", self._log.read_text(errors="replace").splitlines()[-10:])


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The child's: the same program, and nothing of the user's own tracker."""
    home = str(Path(tracker.__file__).parents[1])
    path = os.pathsep.join(part for part in (home, ours.get("PYTHONPATH", "")) if part)
    return {name: value for name, value in ours.items() if not name.startswith(_NOT_OURS)} | {"PYTHONPATH": path}
