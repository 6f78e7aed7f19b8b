"""A program under way: fed, heard out, and killed with everything it started when its time is up."""

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from tracker import clock

# More output than this is read, so that the program never waits for us, and dropped.
_OUTPUT_MAX = 65_536
_PIECE = 65_536
# The most a pipe can hold unread (/proc/sys/fs/pipe-max-size) without special rights.
_PIPE_MAX = 1_048_576
# Even a killed process stays while the kernel is busy for it, with a dead disk say.
_REAP_S = 5.0


class Process:
    """A program under way, leader of a session of its own.

    It is reaped last of all: until then its number, and that of its group, cannot be given to others.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], body: bytes) -> None:
        """OSError when there is no such program, or no room for one more process."""
        self.output = bytearray()
        self.truncated = False
        self._unfed = memoryview(body)
        self._exited = False
        self._selector = selectors.PollSelector()
        self._popen, self._stdin, self._stdout = _start(argv, environment)
        self._pidfd = -1
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe.fileno(), False)
        try:
            # Readable once the process has ended, and unlike SIGCHLD it leaves other threads alone.
            self._pidfd = os.pidfd_open(self._popen.pid)
            self._watch()
        except BaseException:
            self.end()
            raise

    def run(self, deadline: float) -> bool:
        """Feed it and hear it out until it ends, its children or not. False: the deadline came first."""
        while not self._exited and (left := deadline - clock.monotonic()) > 0:
            for ready, _ in self._selector.select(left):
                ready.data()
        return self._exited

    def signal(self, number: signal.Signals) -> None:
        """Send it to the whole group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, number)

    def end(self) -> int | None:
        """Kill what is left of the group, take what it had said. The exit code, None if it will not die."""
        self.signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_REAP_S)
        self._take_rest()
        self._selector.close()
        for pipe in (self._stdin, self._stdout):
            pipe.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        return self._popen.returncode

    def _watch(self) -> None:
        self._selector.register(self._stdin, selectors.EVENT_WRITE, self._feed)
        self._selector.register(self._stdout, selectors.EVENT_READ, self._hear)
        self._selector.register(self._pidfd, selectors.EVENT_READ, self._note_exit)

    def _feed(self) -> None:
        try:
            self._unfed = self._unfed[os.write(self._stdin.fileno(), self._unfed[:_PIECE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unfed = self._unfed[:0]  # it wants no more, which is its own business
        if not self._unfed:
            self._forget(self._stdin)
            self._stdin.close()

    def _hear(self) -> int:
        """Read once; the number of bytes, 0 at the end of the output or when there is none just now."""
        try:
            piece = os.read(self._stdout.fileno(), _PIECE)
        except BlockingIOError:
            return 0
        if not piece:
            self._forget(self._stdout)
        room = _OUTPUT_MAX - len(self.output)
        self.output += piece[:room]
        self.truncated |= len(piece) > room
        return len(piece)

    def _note_exit(self) -> None:
        self._exited = True

    def _take_rest(self) -> None:
        """What is in the pipe by now, and no more: a stranger who left the group may still hold it."""
        taken = 0
        while taken < _PIPE_MAX and (heard := self._hear()):
            taken += heard

    def _forget(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(pipe)


def _start(argv: Sequence[str], environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]:
    """The process, its standard input and its output with its errors in it.

    The pipes are our own: Popen before Python 3.11.4 leaves the first open when there is no room for the
    second (gh-87474), and a daemon short of descriptors would lose two more with every attempt.
    """
    ours: list[int] = []
    theirs: list[int] = []
    try:
        stdin, feed = os.pipe()
        theirs.append(stdin)
        ours.append(feed)
        hear, stdout = os.pipe()
        theirs.append(stdout)
        ours.append(hear)
        started = subprocess.Popen(  # noqa: S603 - the user's own argv or ours, and no shell
            argv,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            start_new_session=True,
        )
    except BaseException:
        for descriptor in ours:
            os.close(descriptor)
        raise
    finally:
        for descriptor in theirs:
            os.close(descriptor)
    return started, os.fdopen(feed, "wb", 0), os.fdopen(hear, "rb", 0)


def ended(code: int | None) -> str:
    """What became of a process, in words."""
    if code is None:
        return "cannot be killed"
    if code >= 0:
        return f"exited with {code}"
    return f"was ended by signal {-code} ({signal.strsignal(-code)})"
