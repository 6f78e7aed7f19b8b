"""Logging: one line per event, masked, on standard error. Lines of the libraries go the same way.

Rule 1: everything passes the masker, in whichever field or traceback it came.
Rule 2: tracebacks never show local variables: that is where the keys are.
Rule 3: logging never raises. A full disk or a closed pipe costs lines, not the daemon.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import PurePath
from types import MappingProxyType, TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from tracker.core.masking import Masker
from tracker.core.text import safe_text

__all__ = ["Masker", "get", "log_uncaught", "setup"]

LEVELS: Mapping[str, int] = MappingProxyType(
    {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
)

# The level at which a library's message becomes a line in our log.
_LIBRARIES: Mapping[str, int] = MappingProxyType(
    {
        "": logging.WARNING,
        "apscheduler": logging.WARNING,
        # It warns when a job is due while its last run is still at work, which is usual for maintenance of ours.
        "apscheduler.scheduler": logging.ERROR,
        "waitress.queue": logging.ERROR,
    }
)

_COLOURS: Mapping[str, str] = MappingProxyType(
    {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[1;31m"}
)
_PLAIN = "\x1b[0m"


def get(name: str) -> FilteringBoundLogger:
    """The logger of a module. May be called before `setup`, and follows every later one."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def setup(level: str, format: str, masker: Masker, stream: TextIO | None = None) -> None:
    """Send every event of at least `level` to `stream`, masked. The last call counts: a reload calls it again.

    level: one of LEVELS.
    format: console | json | auto (console on a terminal).
    stream: None for standard error.
    """
    stream = sys.stderr if stream is None else stream
    terminal = _is_terminal(stream)
    colours = terminal and not os.environ.get("NO_COLOR")
    console = format == "console" or (format == "auto" and terminal)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _masked(_console(colours=colours) if console else _json, masker),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda name="", *_: _Writer(name, stream),
        cache_logger_on_first_use=False,  # a reload may bring new secrets and another level
    )
    _adopt_libraries()


def log_uncaught() -> None:
    """Log uncaught exceptions of any thread, instead of having Python print them unmasked."""
    log = get("tracker")

    def in_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("process.failed", exc_info=(kind, error, trace))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or issubclass(args.exc_type, SystemExit):
            return
        info = (args.exc_type, args.exc_value, args.exc_traceback)
        log.critical("thread.failed", thread=getattr(args.thread, "name", None), exc_info=info)

    sys.excepthook = in_main
    threading.excepthook = in_thread


class _Writer:
    """The end of the pipeline: writes one whole line, or nothing."""

    # Shared, because every event gets a fresh writer; reentrant, because a signal handler may log.
    _lock = threading.RLock()

    def __init__(self, name: str, stream: TextIO | None) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        if self._stream is None:  # the process was started without a standard error
            return
        try:
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()
        except (OSError, ValueError, RuntimeError):
            return  # EPIPE, ENOSPC; closed, or not encodable; a signal handler inside a write

    debug = info = warning = warn = error = critical = exception = fatal = log = msg


class _Bridge(logging.Handler):
    """Turns a record of the standard library's logging into an event."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a library's wrong format string must not end us
            message = f"{record.msg!r} ({type(error).__name__} while formatting)"
        level = min(record.levelno, logging.CRITICAL) // 10 * 10
        get(record.name).log(level, "library.logged", message=message, exc_info=record.exc_info)


def _adopt_libraries() -> None:
    logging.getLogger().handlers[:] = [_Bridge()]
    logging.raiseExceptions = False
    for name, level in _LIBRARIES.items():
        logging.getLogger(name).setLevel(level)


def _masked(render: Callable[[EventDict], str], masker: Masker) -> Processor:
    """The last step: renders the line and masks its secrets."""
    return lambda _logger, _method, fields: masker(render(fields))


def _json(fields: EventDict) -> str:
    """The event as one JSON object in ASCII: control and bidi characters can only appear as escapes."""
    try:
        return json.dumps(fields, default=_text, allow_nan=False)
    except (TypeError, ValueError, RecursionError):  # an odd key, NaN, a cycle: better as text than lost
        return json.dumps({_text(key): _text(value) for key, value in fields.items()})


def _console(*, colours: bool) -> Callable[[EventDict], str]:
    """Renders for a terminal: time, level, event, facts. A traceback is indented, so that it cannot forge a line."""

    def render(fields: EventDict) -> str:
        at, level, event = (safe_text(_text(fields.pop(k, ""))) for k in ("timestamp", "level", "event"))
        trace = fields.pop("exception", "").split("\n")
        facts = [f"{safe_text(_text(key))}={_fact(value)}" for key, value in fields.items()]
        colour = _COLOURS.get(level, "") if colours else ""
        shown = f"{colour}{level:<8}{_PLAIN}" if colour else f"{level:<8}"
        return "\n".join([" ".join([at, shown, event, *facts]), *(f"  {safe_text(t)}" for t in trace if t)])

    return render


def _fact(value: object) -> str:
    """`value` as a console shows it: quoted where its end could be mistaken."""
    text = _text(value)
    if not text or any(char in text for char in ' "=\\\t\r\n'):
        text = json.dumps(text, ensure_ascii=False)
    return safe_text(text)


def _text(value: Any) -> str:
    """`value` as text; for an object whose repr fails, a note of that."""
    try:
        return str(value) if isinstance(value, str | Decimal | PurePath) else repr(value)
    except Exception:  # noqa: BLE001 - any __repr__ may fail in any way, and a log line must not
        return f"<{type(value).__name__} without a repr>"


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
