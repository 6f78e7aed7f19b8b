"""Configurations for components that run inside the bench: the defaults, with what a bench changes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from bench.site import NOWHERE
from tracker.config import Config, load
from tracker.core.rules import PollRules

PANEL = """
[daemon]
data_dir = "."
[panels.main]
url = "{url}"
key = "bench-key"
"""


def config(folder: Path, more: str = "", *, url: str = NOWHERE) -> Config:
    """A configuration with one panel, main at `url`, and everything that it writes in `folder`.

    more: TOML that goes on inside the section of the panel.
    """
    folder.mkdir(exist_ok=True)
    file = folder / "config.toml"
    file.write_text(PANEL.format(url=url) + more)
    file.chmod(0o600)
    return load(file, {}, cwd=folder)


def rules() -> PollRules:
    """The rules of a panel with nothing but defaults."""
    with TemporaryDirectory() as folder:
        return config(Path(folder)).panels["main"].rules
