"""Notifies the service manager: sd_notify(3) in a few lines. Does nothing where there is no manager.

Notifying never raises: a daemon that works and cannot say so is better than one that stops.
"""

import os
import socket
import time
from collections.abc import Mapping

from tracker.core.text import safe_text

# A manager that is busy for longer than this misses one message; WATCHDOG=1 comes again anyway.
_SEND_TIMEOUT_S = 1.0


class Notifier:
    """Sends to the socket named by NOTIFY_SOCKET: a path, or "@name" for an abstract one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))

    def ready(self, status: str = "") -> None:
        """The start, or a reload, is complete. status: what `systemctl status` shows."""
        self._send("READY=1", *_status_lines(status))

    def reloading(self) -> None:
        """A reload has begun; `ready` ends it. The manager compares the time stamp (CLOCK_MONOTONIC)."""
        usec = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._send("RELOADING=1", f"MONOTONIC_USEC={usec}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def extend(self, seconds: float) -> None:
        """Ask for so many seconds more, from now on, to start or stop in, whatever the unit allows. Can be repeated."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def watchdog(self) -> None:
        """Feed the watchdog. To be called every `watchdog_interval_s`, by a loop that knows that all others turn."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._send(*_status_lines(text))

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.settimeout(_SEND_TIMEOUT_S)
                manager.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return  # the manager has gone, or does not listen: see the head of this file


def watchdog_interval_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two WATCHDOG=1: half of what the manager waits, as sd_watchdog_enabled(3) advises.

    None: the manager waits for none, or for another process than this one.
    """
    usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(usec) / 1_000_000 / 2


def _address(name: str) -> str:
    """NOTIFY_SOCKET as `sendto` wants it; "" where there is none, or one of a family we do not speak (vsock)."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else ""


def _status_lines(text: str) -> tuple[str, ...]:
    # A line feed would begin another assignment, such as MAINPID=.
    return (f"STATUS={safe_text(text)}",) if text else ()
