"""Sends events to chats and phones with apprise, which runs in a child process only (apprise_child).

Rule 1: the child gets the URL on its standard input; nothing of it is in an argument, the environment,
        an error or a snippet.
Rule 2: one deadline covers everything, rendering included; nothing runs on after it.
Rule 3: 400 is permanent, because it is about this message. Every other failure can be repaired and concerns the
        hook as a whole: a refused token (401, 403, 404), a URL that apprise cannot read, a missing package.
"""

import json
import os
import sys
from pathlib import Path

import msgspec

import tracker
from tracker import clock
from tracker.child_process import Process, UnderWay, ended
from tracker.config.values import AppriseConfig
from tracker.core.masking import Masker
from tracker.core.rules import HookRules
from tracker.delivery.channels import Delivery, Result
from tracker.errors import ChannelError

_FOR_GOOD = 400
# -P keeps the working folder and this folder out of the import path: here `import apprise` would find this file.
_ARGV = (sys.executable, "-P", "-m", "tracker.delivery.channels.apprise_child")


class _ChildAnswer(msgspec.Struct, frozen=True):
    ok: bool
    code: int | None = None
    retry_after_s: float | None = None
    snippet: str = ""
    error: str = ""


class AppriseChannel:
    """Sends to one service. Every failed attempt is a ChannelError, whose code is the HTTP status if there was one."""

    def __init__(self, config: AppriseConfig, rules: HookRules) -> None:
        self._url = config.url.reveal()
        self._shown = config.shown_url
        self._template = config.template
        self._allow_private = config.allow_private
        self._timeout_s = rules.timeout_s
        self._masked = Masker([self._url, *_pieces(self._url)])
        self._under_way = UnderWay()

    def send(self, delivery: Delivery, now: float) -> Result:  # noqa: ARG002 - Channel's signature
        started = clock.monotonic()
        events = [body.decode() for body in (delivery.body, *delivery.more)]
        job = {"url": self._url, "template": self._template, "events": events, "private": self._allow_private}
        answer = self._run_child(json.dumps(job).encode(), started + self._timeout_s)
        took_s = clock.monotonic() - started
        snippet = self._masked(answer.snippet)
        if answer.ok:
            return Result(answer.code, took_s, snippet, self._shown)
        why = answer.error or (f"answered {answer.code}" if answer.code else "apprise could not deliver it")
        raise ChannelError(
            self._masked(f"{self._shown}: {why}"),
            permanent=answer.code == _FOR_GOOD,
            code=answer.code,
            snippet=snippet,
            retry_after_s=answer.retry_after_s,
            address=self._shown,
        )

    def close(self) -> None:
        """Kill the child processes that still run. Their attempts fail, and are made again later."""
        self._under_way.close()

    def _run_child(self, job: bytes, deadline: float) -> _ChildAnswer:
        """Returns the child's answer. Raises ChannelError when there is none, or not in time."""
        try:
            process = Process(_ARGV, environment(), job)
        except OSError as error:
            raise ChannelError(f"{self._shown}: no process can be started: {error.strerror}") from error
        try:
            with self._under_way.holding(process):
                in_time = process.run(deadline)
        finally:
            code = process.end()
        if not in_time:
            raise ChannelError(f"{self._shown}: took longer than {self._timeout_s:g} s", address=self._shown)
        try:
            return msgspec.json.decode(bytes(process.output), type=_ChildAnswer)
        except msgspec.MsgspecError as error:
            raise ChannelError(f"{self._shown}: the process that sends {ended(code)}", address=self._shown) from error


def environment() -> dict[str, str]:
    """Returns the whole environment of the child: where to find programs and this package."""
    return {
        "PATH": os.environ.get("PATH") or os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(tracker.__file__).parents[1]),
    }


def _pieces(url: str) -> list[str]:
    """Returns the parts of the URL that may be tokens; some services put a token in the place of the host."""
    for mark in "/:@?&=":
        url = url.replace(mark, " ")
    return [piece for piece in url.split() if len(piece) >= 8]
