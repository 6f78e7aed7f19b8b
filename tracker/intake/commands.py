"""Intake commands: runs a command that prints new orders, tracks them, and only then keeps the cursor it printed.

Rule 1: the cursor is kept after all rows of the run are recorded and the command has exited 0. If a run ends before
        that, the next one gets the same cursor again; rows that are known already change nothing.
Rule 2: a bad row is reported and skipped, and the cursor moves on. The row would be as bad the next time, and behind a
        cursor that stands still no order would come in any more.
Rule 3: argv only, never a shell. The command has a deadline, and nothing of its process group outlives its run.
Rule 4: its output is read as it comes and never held: the pipe makes it wait while rows are recorded.
"""

import io
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tracker.child_process import Process, ended, surroundings
from tracker.clock import Clock
from tracker.config import IntakeConfig
from tracker.core.orders.new_orders import JUST_PLACED_MAX, BadRow
from tracker.core.polling import schedule
from tracker.core.wire.values import is_storable
from tracker.db.errors import DatabaseTrouble
from tracker.errors import UserError
from tracker.intake.intake import Intake, Taken
from tracker.intake.lines import LineReader
from tracker.intake.row_files import read_ndjson
from tracker.log import get
from tracker.store import IntakeRun, RunEnd, Store

log = get(__name__)

OUTPUT_MAX_MIB = 256  # about a million rows; a command that prints more in one run ignores its cursor
CURSOR_MAX = 4_000  # characters: it goes into the environment
GRACE_S = 5.0  # between TERM and KILL
STOP_S = 2.0  # what a run has left when the tracker stops; with the grace well within the tracker's ten seconds
LEASE_MARGIN_S = 20.0  # a lease beyond the deadline of a run: for the grace, the reaping, and the last rows
TOLD_MAX = 10  # bad rows of a run that have a line of their own in the log
REASON_MAX = 200  # characters of why a row is bad, and of what the command said when it failed
ERROR_MAX = 1_000

CommandRow = Mapping[str, Any] | BadRow


class RunSummary(Struct):
    """How a run went.

    cursor: what the command printed; None: nothing.
    error: why the run failed; "" when it succeeded.
    remedies: what to do about the error.
    stopped: the tracker cut it off, so that it neither succeeded nor failed.
    complaint: the end of what the command wrote to its standard error.
    """

    taken: Taken
    cursor: str | None = None
    error: str = ""
    remedies: tuple[str, ...] = ()
    stopped: bool = False
    complaint: str = ""


class IntakeCommand:
    """The command of one [intake.NAME].

    mask: hides every known secret in what the command says.
    """

    def __init__(
        self, config: IntakeConfig, store: Store, intake: Intake, mask: Callable[[str], str], clock: Clock
    ) -> None:
        self.name = config.name
        self._config = config
        self._store = store
        self._persist = store.database.persist
        self._intake = intake
        self._mask = mask
        self._clock = clock
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._until = 0.0  # the deadline of the run under way, monotonic
        self._stopping = False

    @property
    def longest_s(self) -> float:
        """How long a run can take, in seconds."""
        return self._config.timeout_s + GRACE_S

    def run_once(self) -> bool:
        """Run the command if it is due. Always False, as a worker pool's work: there is nothing more to do now."""
        run = self.begin(only_if_due=True)
        if run is not None:
            found = self.collect(run, self._log_rows)
            self._log(run, found)
        return False

    def begin(self, *, only_if_due: bool) -> IntakeRun | None:
        """Claim the next run; None when it is not due, or a run is under way."""
        lease_s = self._config.timeout_s + LEASE_MARGIN_S
        return self._store.intake_runs.begin(self.name, lease_s, self._clock.now(), only_if_due=only_if_due)

    def collect(
        self, run: IntakeRun, tell: Callable[[Taken], None], *, baseline: bool | None = None, dry_run: bool = False
    ) -> RunSummary:
        """Make the claimed run and record how it went.

        tell: called with the running total after each batch, with the bad rows in it.
        baseline: overrules what the rows say; None: each row decides.
        dry_run: record nothing.
        """
        try:
            found = self._run(run, tell, baseline=baseline, dry_run=dry_run)
        except Exception as bug:
            broken = RunSummary(Taken(), error=f"{type(bug).__name__}, a bug: see the log")
            self._persist(lambda: self._end(run, broken))
            raise
        except BaseException:
            self._store.intake_runs.drop(run)
            raise
        if found.stopped or dry_run:
            self._persist(lambda: self._store.intake_runs.drop(run))
        else:
            self._persist(lambda: self._end(run, found))
        return found

    def open(self) -> None:
        """Allow runs again after a `stop`."""
        with self._lock:
            self._stopping = False

    def stop(self) -> None:
        """End a run under way, and any that begins after this, within STOP_S and the grace; such a run does not count.

        `open` takes it back.
        """
        with self._lock:
            self._stopping = True
            self._until = min(self._until, self._clock.monotonic() + STOP_S)

    def close(self) -> None:
        """Kill the run under way."""
        with self._lock:
            if self._process is not None:
                self._process.signal(signal.SIGKILL)

    # --- a run

    def _run(
        self, run: IntakeRun, tell: Callable[[Taken], None], *, baseline: bool | None, dry_run: bool
    ) -> RunSummary:
        found = RunSummary(Taken())
        try:
            process = self._started(run)
        except (OSError, ValueError) as error:
            found.error = f"{self._config.argv[0]} cannot be started: {getattr(error, 'strerror', None) or error}"
            return found
        output = _CommandOutput(process, lambda: self._until)
        reader = _OutputReader(output)
        try:
            for taken in self._intake.take(reader.rows(), self._clock.now(), baseline=baseline, dry_run=dry_run):
                found.taken = taken
                tell(taken)
        except UserError as refused:  # too many rows that do not say whether they are new
            found.error, found.remedies = refused.title, self._remedies()
        except (DatabaseTrouble, OSError) as trouble:  # no room for a row in the journal or the database
            found.error = f"what it printed could not be written down: {trouble}"
        finally:
            in_time, code = self._ended(process)
        found.complaint = self._mask(process.complaint.decode(errors="replace"))
        found.cursor, wrong = reader.cursor()
        found.error = found.error or output.trouble or wrong
        found.stopped = self._stopping and not in_time and not found.error
        found.error = found.error or self._verdict(code, in_time=in_time, complaint=found.complaint)
        return found

    def _started(self, run: IntakeRun) -> Process:
        facts = {"TRACKER_INTAKE": self.name, "TRACKER_CURSOR": run.cursor or ""}
        with self._lock:
            left_s = STOP_S if self._stopping else self._config.timeout_s
            self._until = self._clock.monotonic() + left_s
            self._process = Process(self._config.argv, surroundings() | facts, apart=True)
            return self._process

    def _ended(self, process: Process) -> tuple[bool, int | None]:
        """Whether the process ended by itself, and its exit code. Otherwise it gets TERM, and KILL after GRACE_S."""
        in_time = process.exited
        if not in_time:
            process.signal(signal.SIGTERM)
            patience = self._clock.monotonic() + GRACE_S
            while process.piece(lambda: patience):
                pass
        with self._lock:
            self._process = None
            return in_time, process.end()

    def _verdict(self, code: int | None, *, in_time: bool, complaint: str) -> str:
        """Why a run whose rows are all recorded failed; "" when it succeeded."""
        program = self._config.argv[0]
        if in_time and code == 0:
            return ""
        why = f"{program} {ended(code)}" if in_time else f"{program} took longer than {self._config.timeout_s:g} s"
        said = " ".join(complaint.split())[-REASON_MAX:]
        return f"{why}: {said}" if said else why

    def _remedies(self) -> tuple[str, ...]:
        return (
            'let the command print "placed_at" in each row (more than a day ago: an old order, whose first answer fires'
            ' nothing), or "status", or "baseline": true or false',
            f"or take these over once by hand: tracker intake run {self.name} --baseline (or --just-placed)",
            f"up to {JUST_PLACED_MAX} in a run need nothing of it",
        )

    # --- what came of it

    def _end(self, run: IntakeRun, found: RunSummary) -> None:
        now = self._clock.now()
        failures = run.failures + 1 if found.error else 0
        next_run_at = schedule.next_run_at(run.started_at, self._config.every_s, failures, now)
        taken, error = found.taken, self._mask("; ".join((found.error, *found.remedies)))[:ERROR_MAX]
        end = RunEnd(taken.added, taken.known, taken.refused, found.cursor, error)
        if not self._store.intake_runs.end(run, end, next_run_at, now):
            log.warning("intake.overtaken", intake=self.name, so="its cursor is not kept")

    def _log(self, run: IntakeRun, found: RunSummary) -> None:
        taken = found.taken
        if taken.refused > TOLD_MAX:
            log.warning("intake.rows_refused", intake=self.name, count=taken.refused)
        if found.stopped:
            return
        if found.error:
            todo = "; ".join(found.remedies)
            log.warning("intake.failed", intake=self.name, error=found.error, failures=run.failures + 1, todo=todo)
        elif run.failures:
            log.info("intake.recovered", intake=self.name, failures=run.failures)
        log.debug("intake.collected", intake=self.name, new=taken.added, known=taken.known, bad=taken.refused)

    def _log_rows(self, taken: Taken) -> None:
        before = taken.refused - len(bad := taken.take_bad())
        for line, reason in bad[: max(TOLD_MAX - before, 0)]:
            why = self._mask(reason)[:REASON_MAX]
            log.warning("intake.row_refused", intake=self.name, line=line, why=why)


class _CommandOutput(io.RawIOBase):
    """The output of a process as a stream, which ends at the deadline at the latest.

    trouble: why the stream ended before the output did; "" if it did not.
    """

    def __init__(self, process: Process, deadline: Callable[[], float]) -> None:
        self.trouble = ""
        self._process = process
        self._deadline = deadline
        self._unread = b""
        self._left = OUTPUT_MAX_MIB * 2**20

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        said = self._unread or self._process.piece(self._deadline)
        if self.trouble or len(said) > self._left:
            self.trouble = f"it printed more than {OUTPUT_MAX_MIB} MiB; print less, and go on from $TRACKER_CURSOR"
            return 0
        count = min(len(said), len(buffer))
        buffer[:count] = said[:count]
        self._unread, self._left = said[count:], self._left - count
        return count


class _OutputReader:
    """Reads the rows of an output, and the cursor among them: the last one counts."""

    def __init__(self, output: _CommandOutput) -> None:
        stream = io.BufferedReader(output, 65_536)
        self._lines = LineReader(io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline=""))
        self._cursor: Any = None

    def rows(self) -> Iterator[tuple[int, CommandRow]]:
        for number, row in read_ndjson(self._lines):
            if not isinstance(row, BadRow) and set(row) == {"cursor"}:
                self._cursor = row["cursor"]
            else:
                yield number, row

    def cursor(self) -> tuple[str | None, str]:
        """(the cursor, what is wrong with it).

        The cursor is None when none was printed, or null: then the next run begins where this one did.
        """
        if self._cursor is None:
            return None, ""
        if isinstance(self._cursor, bool) or not isinstance(self._cursor, str | int | Decimal):
            return None, "its cursor is neither text nor a number"
        text = str(self._cursor)
        if len(text) > CURSOR_MAX or not is_storable(text):
            return None, f"its cursor is longer than {CURSOR_MAX:,} characters, or holds a NUL or half a character"
        return text, ""
