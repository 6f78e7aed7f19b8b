"""The other end of a connection: what the server refuses before the application sees it (a body or a header too large,
what is no HTTP), and whether anybody is still there.
"""

import select
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from tracker.web.api import problems


class _Writable:
    """A refusal of the server's, as a problem."""

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
        """Called by a thread that makes a client wait. The server itself does not look while a request is under way.

        Who closes only the sending side looks the same on TCP. Nobody who waits for an answer does so.
        """
        try:
            ends = select.poll()
            ends.register(self.socket, select.POLLRDHUP)  # a hang-up and an error are told unasked
            return bool(ends.poll(0))
        except (OSError, ValueError):  # closed by now
            return True
