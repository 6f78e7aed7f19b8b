"""A folder with a configuration file and its secret files, and the loader on it."""

import stat
from pathlib import Path

import pytest

from tracker.config import Config, load
from tracker.errors import UserError

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

MINIMAL = """
[panels.main]
url = "https://panel.example/api/v2"
key_file = "main.key"
"""


class Folder:
    """What an operator has: files in a folder, and an environment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environ = {"HOME": str(path / "home")}
        self.secret("main.key", "panel-key-1\n")
        self.secret("ops.secret", WHSEC + "\n")

    def secret(self, name: str, content: str | bytes, mode: int = 0o600) -> Path:
        return self.file(name, content, mode)

    def file(self, name: str, content: str | bytes, mode: int = 0o600) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        return path

    def load(self, text: str | bytes, mode: int = 0o600) -> Config:
        return load(self.file("config.toml", text, mode), self.environ, cwd=self.path)

    def problems(self, text: str | bytes) -> list[str]:
        """What is wrong with `text`, one line each; the folder's own path is written as DIR."""
        with pytest.raises(UserError) as refused:
            self.load(text)
        assert refused.value.exit_code == 78
        return [problem.replace(str(self.path), "DIR") for problem in refused.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
