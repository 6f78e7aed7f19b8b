"""A scene as lines, for pipes, logs and dumb terminals: ASCII, one line for each thing that happened."""

from collections.abc import Callable

from tracker.demo import words
from tracker.demo.scene import HookSeen, Scene


class PlainView:
    """Says what is new since the last scene."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._hooks = 0
        self._sentence = ""

    def show(self, scene: Scene) -> None:
        if (sentence := words.sentence(scene)) != self._sentence:
            self._sentence = sentence
            self._say(f"{scene.at_s:5.1f} s  --  {sentence}")
        for hook in scene.hooks[self._hooks :]:
            self._say(line(hook))
        self._hooks = len(scene.hooks)


def line(hook: HookSeen) -> str:
    told = "hook" if hook.accepted else "FAIL"
    return f"{hook.at_s:5.1f} s  {told}  {hook.type:<20}  {hook.subject:<6}  {words.note(hook)}".rstrip()
