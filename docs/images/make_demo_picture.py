"""docs/images/demo.svg: the live view of `tracker demo`, photographed while it really runs.

    python docs/images/make_demo_picture.py [MINUTE]

MINUTE is simulated, of the demo's three hundred. The picture names no font that would have to be fetched.
"""

import re
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich.console import Console

from tracker import log
from tracker.demo import story
from tracker.demo.reader import Reader
from tracker.demo.scene import Scene
from tracker.demo.stage import Stage
from tracker.demo.view import screen

TARGET = Path(__file__).with_name("demo.svg")
WIDTH, HEIGHT = 118, 32
MINUTE = 214.0  # an order has just ended partial, and its money came back
FONT_FACE = re.compile(r"\s*@font-face \{.*?\n    \}", re.DOTALL)


def scene_at(minute: float) -> Scene:
    """What is to be seen at this minute of a performance of the usual length."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), story.SECONDS) as stage:
        reader = Reader(stage)
        while stage.minute < minute:
            stage.go_on()
            reader.look()
            time.sleep(0.1)
        scene = reader.look()
        stage.stop_daemon()
    return scene


def picture(scene: Scene) -> str:
    console = Console(record=True, file=StringIO(), width=WIDTH, height=HEIGHT, force_terminal=True, highlight=False)
    console.print(screen(scene, WIDTH, HEIGHT), end="")
    svg = FONT_FACE.sub("", console.export_svg(title="tracker demo", unique_id="demo"))
    svg = svg.replace("Fira Code, monospace", "monospace").replace("Fira Code", "monospace")
    return "\n".join(line.rstrip() for line in svg.splitlines() if "Generated with" not in line) + "\n"


def main() -> None:
    log.setup("error", "console", log.Masker([]))
    TARGET.write_text(picture(scene_at(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTE)))


if __name__ == "__main__":
    main()
