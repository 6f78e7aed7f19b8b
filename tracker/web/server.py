"""The dashboard's thread: waitress, on an address that may be taken at the moment.

Rule 1: nothing that happens here stops the polling. A port that is taken is trouble to be told, and tried again.
Rule 2: it ends when it is told to, whatever connections are open.
"""

import contextlib
import logging
import math
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from tracker import clock
from tracker.config.listening import Listen
from tracker.log import get
from tracker.web.api.event_wait import WAITING_MAX
from tracker.web.api.orders_in import BODY_MAX
from tracker.web.connection import WebConnection

log = get(__name__)

THREADS = 4 + WAITING_MAX  # whoever waits for events has one of these
AGAIN_S = 5.0  # until an address that was taken is tried again
WARM_AFTER_S = 2.0  # what a start has to do, and the first polls, go first
_LIMITS: dict[str, Any] = {
    "connection_limit": 300,
    "channel_timeout": 30,
    "max_request_header_size": 32_768,
    "max_request_body_size": BODY_MAX + 65_536,  # the application itself draws the line, and says so in its own words
    "ident": None,
    "clear_untrusted_proxy_headers": True,
}


class WebServer:
    """app: WSGI. ending: called when it is to end. warm: makes it quick for the first one who looks. waiting: how many
    may wait for something at the same time. trouble: why nobody is served, "" while somebody may be."""

    def __init__(
        self,
        app: Callable[..., Any],
        listen: Listen,
        ending: Callable[[], None] = lambda: None,
        *,
        warm: Callable[[], None] = lambda: None,
        warm_after_s: float = WARM_AFTER_S,
        waiting: int = 0,
        **limits: Any,
    ) -> None:
        self._app = app
        self._listen = listen
        self._ending = ending
        self._threads = THREADS + waiting
        self._warm, self._warm_after_s = warm, warm_after_s
        self._limits = _LIMITS | limits
        self._stopping = threading.Event()
        self._server: Any = None
        self._warm_at = math.inf
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)
        self.trouble = ""
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Take no more; requests under way have a moment to end."""
        self._stopping.set()
        self._ending()
        if self._server is not None:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                self._server.pull_trigger()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self._open()
            except OSError as error:
                if not self.trouble:
                    log.error("web.refused", listen=str(self._listen), error=error.strerror or str(error))
                self.trouble = f"the dashboard cannot listen on {self._listen}: {error.strerror or error}"
                self._stopping.wait(AGAIN_S)
                continue
            self.trouble = ""
            log.info("web.started", listen=str(self._listen))
            self._warm_at = clock.monotonic() + self._warm_after_s
            self._loop()

    def _open(self) -> None:
        if self._listen.path:
            _remove_stale(self._listen.path)
            place: dict[str, Any] = {"unix_socket": self._listen.path, "unix_socket_perms": "660"}
        else:
            place = {"host": self._listen.host, "port": self._listen.port}
        self._sockets: dict[int, Any] = {}
        workers = ThreadedTaskDispatcher()
        self._server = create_server(self._app, map=self._sockets, _dispatcher=workers, **place, **self._limits)
        workers.set_thread_count(self._threads)  # only now: an address that is taken must not cost threads at each try
        for one in self._sockets.values():  # a name may lead to several addresses
            if isinstance(one, BaseWSGIServer):
                one.channel_class = WebConnection

    def _loop(self) -> None:
        server, sockets = self._server, self._sockets
        try:
            while not self._stopping.is_set():
                wasyncore.loop(timeout=1.0, use_poll=True, map=sockets, count=1)
                if clock.monotonic() > self._warm_at:
                    self._warm_at = math.inf
                    self._warm()
        except Exception:
            log.exception("web.failed")  # opened anew by _serve
        finally:
            server.task_dispatcher.shutdown(timeout=2)
            wasyncore.close_all(sockets, ignore_all=True)
            if self._listen.path:
                with contextlib.suppress(OSError):
                    os.unlink(self._listen.path)  # noqa: PTH108


def _remove_stale(path: str) -> None:
    """A socket that a killed tracker left behind; one that somebody listens on stays, and is found to be taken."""
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.settimeout(1.0)
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)  # noqa: PTH108
