"""Where the dashboard listens: `HOST:PORT`, `[::1]:PORT`, `unix:PATH`, or nowhere."""

from dataclasses import dataclass

from tracker.config.reading import Invalid
from tracker.config.urls import is_loopback


@dataclass(frozen=True)
class Listen:
    """An address to listen on: host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def private(self) -> bool:
        """Whether only this machine can reach it."""
        return bool(self.path) or is_loopback(self.host)

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"{shown}:{self.port}"


def parse(text: str) -> Listen | None:
    """Returns the address, or None for "". Raises Invalid for any other text."""
    if not text:
        return None
    if text.startswith("unix:"):
        if len(text.encode()) > 107 + len("unix:") or text == "unix:":
            raise Invalid("unix:PATH needs a path of at most 107 bytes")
        return Listen(path=text.removeprefix("unix:"))
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise Invalid('must be like "127.0.0.1:8787", "[::1]:8787", "unix:/run/tracker/web.sock", or ""')
    return Listen(host, int(port))
