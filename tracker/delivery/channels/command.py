"""Sends events to a program of the user: JSON on its standard input, facts in its environment.

Rule 1: argv only, never a shell; nothing of an event becomes part of the command line.
Rule 2: the program has a deadline, and its whole process group is killed then. Work that goes on after the hook
        has to leave the group (setsid, systemd-run).
Rule 3: exit 0 is success, 75 (EX_TEMPFAIL) asks for a retry, 78 (EX_CONFIG) is permanent; anything
        else is retried as well.
"""

import signal

import msgspec

from tracker import clock
from tracker.child_process import Process, UnderWay, ended, surroundings
from tracker.config.values import CommandConfig
from tracker.core.rules import HookRules
from tracker.delivery.channels import Delivery, Result
from tracker.errors import ChannelError, Exit


class CommandChannel:
    """Runs one program. Every failed attempt is a ChannelError, whose code is the exit code, -N for signal N.

    grace_s: seconds between TERM at the deadline and KILL.
    """

    def __init__(self, config: CommandConfig, rules: HookRules, grace_s: float = 5.0) -> None:
        self._argv = config.argv
        self._timeout_s = rules.timeout_s
        self._grace_s = grace_s
        self._under_way = UnderWay()

    def send(self, delivery: Delivery, now: float) -> Result:  # noqa: ARG002 - Channel's signature
        program, started = self._argv[0], clock.monotonic()
        try:
            process = Process(self._argv, environment(delivery), delivery.body)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ChannelError(f"{program} cannot be started: {why}", address=program) from error
        try:
            with self._under_way.holding(process):
                in_time = process.run(started + self._timeout_s)
                if not in_time:
                    process.signal(signal.SIGTERM)
                    process.run(clock.monotonic() + self._grace_s)
        finally:
            code = process.end()
        snippet = process.output.decode(errors="replace")
        if in_time and code == Exit.DONE:
            return Result(code, clock.monotonic() - started, snippet, program, process.truncated)
        raise ChannelError(
            f"{program} {ended(code)}" if in_time else f"{program} took longer than {self._timeout_s:g} s",
            permanent=in_time and code == Exit.CONFIG,
            code=code if in_time else None,
            snippet=snippet,
            address=program,
        )

    def close(self) -> None:
        """Kill the programs that still run. Their attempts fail, and are made again later."""
        self._under_way.close()


def environment(delivery: Delivery) -> dict[str, str]:
    """Returns the whole environment of the program."""
    facts = {
        "TRACKER_EVENT_ID": delivery.event_id,
        "TRACKER_EVENT_TYPE": delivery.event_type,
        "TRACKER_PANEL": delivery.panel,
        "TRACKER_HOOK": delivery.hook,
        "TRACKER_ATTEMPT": str(delivery.attempt),
    }
    if delivery.replay:
        facts["TRACKER_REPLAY"] = "1"
    if order_id := _order_id(delivery.body):
        facts["TRACKER_ORDER_ID"] = order_id
    return surroundings() | facts


class _EventOrder(msgspec.Struct):
    id: str = ""


class _EventData(msgspec.Struct):
    order: _EventOrder | None = None


class _EventBody(msgspec.Struct):
    data: _EventData | None = None


def _order_id(body: bytes) -> str:
    """Returns `data.order.id`, "" for an event that is not about an order."""
    try:
        event = msgspec.json.decode(body, type=_EventBody)
    except msgspec.MsgspecError:
        return ""
    return event.data.order.id if event.data and event.data.order else ""
