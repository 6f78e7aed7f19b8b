"""The dashboard as a WSGI application: access checks, login, health, metrics and error pages."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Any

from flask import Flask, Response, make_response, redirect, request
from werkzeug.exceptions import HTTPException, NotFound

from tracker.config.listening import Listen
from tracker.db.errors import DatabaseTrouble
from tracker.log import get
from tracker.metrics import NUMBERS, exposition
from tracker.web import pages, render
from tracker.web.api import Api, problems
from tracker.web.api import add as add_api
from tracker.web.api.problems import Problem
from tracker.web.context import WebContext
from tracker.web.gauges import Gauges
from tracker.web.security import COOKIE, HEADERS, SESSION_S, AccessControl, Hosts, bearer

log = get(__name__)

# Endpoints that need no token: they reveal nothing, or are needed to log in.
_OUTSIDE = frozenset({"healthz", "readyz", "static", "login", "enter"})
_SECRET_WORDS = ("token", "key", "access_token", "api_key", "password")


def create(
    site: WebContext, listen: Listen, hosts: Iterable[str], token: str | None, api: Api | None = None
) -> "Dashboard":
    """Returns the dashboard.

    token: None when everyone who can reach the address may read.
    api: None for pages only.
    """
    app = Flask("tracker.web", static_folder=str(render.TEMPLATES.parent / "static"))
    app.config["MAX_CONTENT_LENGTH"] = 16_384
    app.url_map.merge_slashes = False  # the id of an order may have two in a row
    known, readers = Hosts(listen, hosts), AccessControl(token)
    writers = AccessControl(api.write_token if api else None)
    any_host = bool(listen.path) and not tuple(hosts)  # DNS rebinding cannot lead a browser to a Unix socket

    @app.before_request
    def guard() -> Response | None:
        if not any_host and not known.know(request.host):
            return _plain(421, "Not a host name of this dashboard; [web] hosts lists them.\n")
        # The API reports by itself which field is wrong.
        if not problems.wanted() and _has_nul():
            return _plain(400, "The request has a NUL character in it.\n")  # PostgreSQL refuses a query with one
        if any(word in request.args for word in _SECRET_WORDS):
            return _plain(400, "Do not put a token into an address: send it as Authorization: Bearer, or log in.\n")
        if request.method == "POST" and not known.same(request.headers.get("Origin", ""), request.host):
            return _plain(403, "This form came from another site.\n")
        return None if readers.open or request.endpoint in _OUTSIDE else _let_in(readers, writers)

    @app.after_request
    def harden(response: Response) -> Response:
        for name, value in HEADERS.items():
            if not (name == "Cache-Control" and request.endpoint == "static"):
                response.headers[name] = value
        if request.endpoint == "static":
            response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    _errors(app)
    _login_pages(app, readers)
    _health(app, site)
    made = pages.add(app, site, with_login=not readers.open)
    if api is not None:
        add_api(app, site, api, readers, writers)
    return Dashboard(app, site, made.warm)


def _has_nul() -> bool:
    return "\x00" in request.path or any("\x00" in text for _, text in request.args.items(multi=True))


def _let_in(readers: AccessControl, writers: AccessControl) -> Response | None:
    """Returns None when the request may read; otherwise the login page, or a plain 401 for programs."""
    address, given = request.remote_addr or "", bearer(request.headers.get("Authorization", ""))
    if given is not None:
        if (wait_s := readers.wait_s(address)) > 0:
            return _wait(wait_s)
        if readers.knows(given) or writers.knows(given):
            return None
        readers.note_wrong(address)
    elif readers.admits(request.cookies.get(COOKIE, "")):
        return None
    if "text/html" in request.headers.get("Accept", "") and request.method == "GET" and not problems.wanted():
        return redirect("/login", 303)  # type: ignore[return-value]
    response = _plain(401, "A token is needed: Authorization: Bearer …\n")
    response.headers["WWW-Authenticate"] = 'Bearer realm="tracker"'
    return response


def _login_pages(app: Flask, readers: AccessControl) -> None:
    @app.get("/login")
    def login() -> Any:
        return redirect("/", 303) if readers.open else pages.shown("login.html", wrong=False)

    @app.post("/login")
    def enter() -> Any:
        address = request.remote_addr or ""
        if (wait_s := readers.wait_s(address)) > 0:
            return _wait(wait_s)
        if not readers.knows(request.form.get("token", "").strip()):
            readers.note_wrong(address)
            log.warning("web.refused_token", address=address)
            return make_response(pages.shown("login.html", wrong=True), 401)
        response = redirect("/", 303)
        response.set_cookie(
            COOKIE, readers.cookie_for(), max_age=SESSION_S, httponly=True, samesite="Strict", secure=request.is_secure
        )
        return response

    @app.post("/logout")
    def logout() -> Any:
        response = redirect("/login", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
        return response


def _health(app: Flask, site: WebContext) -> None:
    gauges = Gauges(site)

    @app.get("/healthz")
    def healthz() -> Response:
        return _plain(200, "ok\n")

    @app.get("/readyz")
    def readyz() -> Response:
        return _plain(503, "not ready\n") if site.ready() else _plain(200, "ready\n")

    @app.get("/metrics")
    def metrics() -> Response:
        body, kind = exposition(NUMBERS, gauges.now(), request.headers.get("Accept", ""))
        return Response(body, content_type=kind)


def _errors(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Any:
        if problems.wanted():
            return problems.answer(error)
        # Only the text of our own refusals is shown: those of the library repeat the error's name.
        detail = error.description if error.code == 404 and error.description != NotFound.description else ""
        return make_response(
            pages.shown("error.html", code=error.code, name=error.name, detail=detail), error.code or 500
        )

    @app.errorhandler(DatabaseTrouble)
    def troubled(error: DatabaseTrouble) -> Any:
        log.warning("web.waited", database=str(error))
        return _failure(503, "The database does not answer right now")

    @app.errorhandler(Exception)
    def broken(_error: Exception) -> Any:
        log.exception("web.failed", path=request.path)
        return _failure(500, "Something went wrong; the log says what")


def _failure(code: int, name: str) -> Any:
    """Returns an error page, or a problem document for the API."""
    if problems.wanted():
        return problems.answer(Problem(code, name, retry_after_s=5 if code == 503 else None))
    return make_response(pages.shown("error.html", code=code, name=name, detail=""), code)


class Dashboard:
    """The WSGI application.

    warm: starts computing, in a thread, what the first visitor would otherwise wait for.
    """

    def __init__(self, app: Flask, site: WebContext, warm: Callable[[], None]) -> None:
        self._app = app
        self._site = site
        self.warm = warm

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        """Builds the whole page before it is sent, so that a slow reader holds no database session."""
        with ExitStack() as held:
            with suppress(DatabaseTrouble):  # a page that needs the database fails again, where the error is handled
                held.enter_context(self._site.database.lasting())
            answer = self._app.wsgi_app(environ, start_response)
            try:
                return list(answer)
            finally:
                if close := getattr(answer, "close", None):
                    close()


def _plain(code: int, text: str) -> Response:
    if problems.wanted():
        return problems.answer(Problem(code, text.strip()))
    return Response(text, code, content_type="text/plain; charset=utf-8")


def _wait(seconds: float) -> Response:
    response = _plain(429, "Too many wrong tokens; wait a minute.\n")
    response.headers["Retry-After"] = str(int(seconds) + 1)
    return response
