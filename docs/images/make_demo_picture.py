"""docs/images/demo.svg: the live view of `tracker demo`, photographed while it really runs.

    python docs/images/make_demo_picture.py

It takes about a minute. The picture names no font that would have to be fetched.
"""

import re
import tempfile
import time
from io import StringIO
from pathlib import Path

from rich.console import Console

from tracker import log
from tracker.demo import story
from tracker.demo.reader import SnapshotReader
from tracker.demo.site import DemoSite
from tracker.demo.snapshot import DemoSnapshot
from tracker.demo.view import screen

TARGET = Path(__file__).with_name("demo.svg")
WIDTH, HEIGHT = 124, 32
FONT_FACE = re.compile(r"\s*@font-face \{.*?\n    \}", re.DOTALL)


def moment() -> DemoSnapshot:
    """The moment when an order has ended partial and the receiver has heard of it."""
    with tempfile.TemporaryDirectory() as folder, DemoSite(Path(folder), story.SECONDS) as site:
        reader = SnapshotReader(site)
        seen = reader.read()
        while not any(hook.type == "order.partial" for hook in seen.hooks):
            time.sleep(0.1)
            site.do_due_steps()
            seen = reader.read()
        time.sleep(0.2)  # its refund is told in the same answer, and arrives right after
        seen = reader.read()
        site.stop_daemon()
    return seen


def picture(snapshot: DemoSnapshot) -> str:
    console = Console(record=True, file=StringIO(), width=WIDTH, height=HEIGHT, force_terminal=True, highlight=False)
    console.print(screen(snapshot, WIDTH, HEIGHT), end="")
    svg = FONT_FACE.sub("", console.export_svg(title="tracker demo", unique_id="demo"))
    svg = svg.replace("Fira Code, monospace", "monospace").replace("Fira Code", "monospace")
    return "\n".join(line.rstrip() for line in svg.splitlines() if "Generated with" not in line) + "\n"


def main() -> None:
    log.setup("error", "console", log.Masker([]))
    TARGET.write_text(picture(moment()))


if __name__ == "__main__":
    main()
