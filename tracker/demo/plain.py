"""Shows the demo as ASCII lines, one for each thing that happened: for pipes, logs and simple terminals."""

from collections.abc import Callable

from tracker.demo import words
from tracker.demo.snapshot import DemoSnapshot, HookSeen


class PlainView:
    """Prints what is new since the last snapshot. say: prints one line."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._hooks = 0
        self._sentence = ""

    def show(self, snapshot: DemoSnapshot) -> None:
        if (sentence := words.sentence(snapshot)) != self._sentence:
            self._sentence = sentence
            self._say(f"{snapshot.at_s:5.1f} s  --  {sentence}")
        for hook in snapshot.hooks[self._hooks :]:
            self._say(line(hook))
        self._hooks = len(snapshot.hooks)


def line(hook: HookSeen) -> str:
    """The line for one request at the receiver."""
    mark = "hook" if hook.accepted else "FAIL"
    return f"{hook.at_s:5.1f} s  {mark}  {hook.type:<20}  {hook.subject:<6}  {words.note(hook)}".rstrip()
