"""The thread that serves the dashboard with waitress.

Rule 1: nothing that happens here stops the polling. A port that is in use is reported as trouble and tried again.
Rule 2: the server ends when it is stopped, even with open connections.
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

THREADS = 4 + WAITING_MAX  # each client that waits for events occupies one
AGAIN_S = 5.0  # before an address that was in use is tried again
WARM_AFTER_S = 2.0  # start-up work and the first polls go first
_LIMITS: dict[str, Any] = {
    "connection_limit": 300,
    "channel_timeout": 30,
    "max_request_header_size": 32_768,
    "max_request_body_size": BODY_MAX + 65_536,  # the application enforces BODY_MAX, with an error text of its own
    "ident": None,
    "clear_untrusted_proxy_headers": True,
}


class WebServer:
    """Serves a WSGI application in a thread of its own.

    app: the WSGI application.
    ending: called when the server stops.
    warm: called after the start; computes what the first visitor would otherwise wait for.
    waiting: how many further requests may wait for something at the same time; each gets a thread.
    trouble (attribute): why nothing is served, "" while it is.
    """

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
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns about every short queue

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Accept no more requests; those under way have a moment to end."""
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
        workers.set_thread_count(self._threads)  # only now: a failed try must not leave threads behind
        for one in self._sockets.values():  # a name may have several addresses
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
            log.exception("web.failed")  # _serve opens the server again
        finally:
            server.task_dispatcher.shutdown(timeout=2)
            wasyncore.close_all(sockets, ignore_all=True)
            if self._listen.path:
                with contextlib.suppress(OSError):
                    os.unlink(self._listen.path)  # noqa: PTH108


def _remove_stale(path: str) -> None:
    """Remove a Unix socket that a killed tracker left behind. One in use stays, and opening it fails later."""
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.settimeout(1.0)
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)  # noqa: PTH108
