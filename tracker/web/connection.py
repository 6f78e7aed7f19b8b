"""Client connections: refuses what the application never sees (a body or header too large, not HTTP), and tells
whether the client is still connected.
"""

import select
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from tracker.web.api import problems


class _Writable:
    """A refusal by the server itself, written as a problem document."""

    def __init__(self, error: Any) -> None:
        self._error = error

    def to_response(self, _ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        code = self._error.code if self._error.code in problems.KINDS else 400
        body = problems.body(code, f"{self._error.reason}: {self._error.body}")
        return f"{code} {problems.KINDS[code].title}", [("Content-Type", problems.CONTENT_TYPE)], body


class _RefusedRequest(ErrorTask):  # type: ignore[misc]  # waitress carries no annotations
    def execute(self) -> None:
        # A request that could not be read has no path.
        if problems.is_api(getattr(self.request, "path", "")):
            self.request.error = _Writable(self.request.error)
        super().execute()


class WebConnection(HTTPChannel):  # type: ignore[misc]
    error_task_class = _RefusedRequest

    def check_client_disconnected(self) -> bool:
        """Whether the client has hung up. Called by the thread that makes the client wait.

        The server itself does not check while a request is under way. A client that closes only its sending side
        looks the same on TCP, but a client that waits for an answer does not do that.
        """
        try:
            ends = select.poll()
            ends.register(self.socket, select.POLLRDHUP)  # POLLHUP and POLLERR are reported without registering them
            return bool(ends.poll(0))
        except (OSError, ValueError):  # closed already
            return True
