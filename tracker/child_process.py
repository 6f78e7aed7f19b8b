"""Runs a child process with input, an output cap and a deadline; kills its whole process group when time is up."""

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO

from tracker import clock

# Output beyond this is read, so that the program never waits for us, and dropped.
_OUTPUT_MAX = 65_536
_PIECE = 65_536
# Bytes of standard error that are kept, where it is read apart: the last ones, in which programs say why they died.
_COMPLAINT_MAX = 4_096
_LOOK_S = 0.2  # how soon `piece` notices that the deadline has come nearer
# The most a pipe can hold unread (/proc/sys/fs/pipe-max-size) without special rights.
_PIPE_MAX = 1_048_576
# Even a killed process stays while the kernel is busy for it: with a dead disk, say.
_REAP_S = 5.0


class Process:
    """A running program, leader of a session of its own. Its output is read as a whole (`run`) or in pieces (`piece`).

    It is reaped last of all: until then its process id, and that of its group, cannot be given to others.

    output: what it wrote so far, up to the cap. truncated: it wrote more. exited: it has ended.
    complaint: the end of its standard error, where that is read apart.
    """

    def __init__(
        self, argv: Sequence[str], environment: Mapping[str, str], body: bytes = b"", *, apart: bool = False
    ) -> None:
        """Start the program.

        body: for its standard input.
        apart: read its standard error into `complaint`; otherwise it is part of the output.
        OSError when there is no such program, or no room for one more process.
        """
        self.output = bytearray()
        self.complaint = b""
        self.truncated = False
        self.exited = False
        self._unfed = memoryview(body)
        self._selector = selectors.PollSelector()
        self._popen, self._stdin, self._stdout, self._stderr = _start(argv, environment, apart=apart)
        self._pipes = [pipe for pipe in (self._stdin, self._stdout, self._stderr) if pipe is not None]
        self._pidfd = -1
        for pipe in self._pipes:
            os.set_blocking(pipe.fileno(), False)
        try:
            # Readable once the process has ended, and unlike SIGCHLD it leaves other threads alone.
            self._pidfd = os.pidfd_open(self._popen.pid)
            self._watch()
        except BaseException:
            self.end()
            raise

    def run(self, deadline: float) -> bool:
        """Feed it and read its output until it ends, even if its children do not. False: the deadline came first."""
        while not self.exited and (left := deadline - clock.monotonic()) > 0:
            self._wait(left)
        return self.exited

    def piece(self, deadline: Callable[[], float]) -> bytes:
        """The next piece of its output; b"" when it has ended and that was all, or the deadline has come.

        Between two calls the program waits for us: its output may be of any length, and none of it is kept.

        deadline: called again and again, since it may come nearer meanwhile.
        """
        while not self.output and not self.exited and (left := deadline() - clock.monotonic()) > 0:
            self._wait(min(left, _LOOK_S))
        if not self.output:
            # It may have ended in time, and written its last, while we were busy with the piece before.
            self._wait(0)
            if not self.exited:
                self.output.clear()
            elif not self.output:
                self._hear()
        said = bytes(self.output)
        self.output.clear()
        return said

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its whole process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, number)

    def end(self) -> int | None:
        """Kill what is left of the group and read what it has written; the exit code, None if it will not die."""
        self.signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_REAP_S)
        self._take_rest()
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        return self._popen.returncode

    def _watch(self) -> None:
        self._selector.register(self._stdin, selectors.EVENT_WRITE, self._feed)
        self._selector.register(self._stdout, selectors.EVENT_READ, self._hear)
        if self._stderr is not None:
            self._selector.register(self._stderr, selectors.EVENT_READ, self._hear_complaint)
        self._selector.register(self._pidfd, selectors.EVENT_READ, self._note_exit)

    def _wait(self, limit_s: float) -> None:
        for ready, _ in self._selector.select(limit_s):
            ready.data()

    def _feed(self) -> None:
        try:
            self._unfed = self._unfed[os.write(self._stdin.fileno(), self._unfed[:_PIECE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unfed = self._unfed[:0]  # it reads no more input, as it may
        if not self._unfed:
            self._forget(self._stdin)
            self._stdin.close()

    def _hear(self) -> int:
        """Read once; the number of bytes, 0 at the end of the output or when there is none at the moment."""
        piece = self._read(self._stdout)
        room = _OUTPUT_MAX - len(self.output)
        self.output += piece[:room]
        self.truncated |= len(piece) > room
        return len(piece)

    def _hear_complaint(self) -> int:
        piece = b"" if self._stderr is None else self._read(self._stderr)
        self.complaint = (self.complaint + piece)[-_COMPLAINT_MAX:]
        return len(piece)

    def _read(self, pipe: IO[bytes]) -> bytes:
        try:
            piece = os.read(pipe.fileno(), _PIECE)
        except BlockingIOError:
            return b""
        if not piece:
            self._forget(pipe)
        return piece

    def _note_exit(self) -> None:
        self.exited = True

    def _take_rest(self) -> None:
        """Read what is in the pipes by now, and no more: a process that left the group may hold them open."""
        for hear in (self._hear, self._hear_complaint):
            taken = 0
            while taken < _PIPE_MAX and (heard := hear()):
                taken += heard

    def _forget(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(pipe)


class UnderWay:
    """The processes of a channel that are under way, so that it can end them when it closes."""

    def __init__(self) -> None:
        self._processes: set[Process] = set()
        self._closed = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def holding(self, process: Process) -> Iterator[None]:
        """Keeps a process among them for so long. One that was started while they were closed is killed at once."""
        with self._lock:
            self._processes.add(process)
            closed = self._closed
        try:
            if closed:
                process.signal(signal.SIGKILL)
            yield
        finally:
            with self._lock:
                self._processes.discard(process)

    def close(self) -> None:
        """Kill them all, and those that are still to come."""
        with self._lock:
            self._closed = True
            for process in self._processes:
                process.signal(signal.SIGKILL)


Pipe = IO[bytes]


def _start(
    argv: Sequence[str], environment: Mapping[str, str], *, apart: bool
) -> tuple[subprocess.Popen[bytes], Pipe, Pipe, Pipe | None]:
    """The process, with pipes to its standard input, from its output, and from its standard error if that is apart.

    The pipes are our own: Popen before Python 3.11.4 leaves the first open when there is no room for the
    second (gh-87474), and a daemon short of descriptors would lose two more with every attempt.
    """
    ours: list[int] = []
    theirs: list[int] = []
    try:
        stdin, feed = os.pipe()
        theirs.append(stdin)
        ours.append(feed)
        for _ in range(1 + apart):
            hear, output = os.pipe()
            theirs.append(output)
            ours.append(hear)
        started = subprocess.Popen(  # noqa: S603 - the user's own argv or ours, and no shell
            argv,
            stdin=stdin,
            stdout=theirs[1],
            stderr=theirs[2] if apart else subprocess.STDOUT,
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
    feed_to, heard, *errors = (os.fdopen(fd, "rb" if n else "wb", 0) for n, fd in enumerate(ours))
    return started, feed_to, heard, errors[0] if errors else None


def surroundings() -> dict[str, str]:
    """What every program of the user's finds in its environment. Ours is not handed on: it may hold secrets."""
    kept = {"PATH": os.environ.get("PATH") or os.defpath, "LANG": "C.UTF-8"}
    return kept | ({"TZ": os.environ["TZ"]} if "TZ" in os.environ else {})


def ended(code: int | None) -> str:
    """How a process ended, in words. code: as `Process.end` returns it."""
    if code is None:
        return "cannot be killed"
    if code >= 0:
        return f"exited with {code}"
    return f"was ended by signal {-code} ({signal.strsignal(-code)})"
