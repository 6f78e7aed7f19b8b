"""The HTTP endpoint of the gateway: /gateway/PANEL for clients that speak the panel API v2.

It is served beside the dashboard and shares no login with it. Clients send a form, JSON or a query, with or without
a path after the panel's name, and always their key. The configuration says what each key may do.
"""

import hmac
import io
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from tracker.core.gateway.requests import FIELDS_MAX, BadRequest, read_request
from tracker.core.rules import ClientRules
from tracker.db.errors import DatabaseTrouble
from tracker.gateway.replies import GatewayReply, refused
from tracker.gateway.service import Gateway
from tracker.log import get
from tracker.web.security import Guesses, Hosts

log = get(__name__)

PREFIX = "/gateway/"
BODY_MAX = 1_048_576  # a thousand long comments
Wsgi = Callable[[Mapping[str, Any], Callable[..., Any]], Iterable[bytes]]


class GatewayApp:
    """The WSGI application of the gateway.

    clients: (key, what it may do).
    hosts: the accepted names in the Host header; None for any.
    """

    def __init__(self, gateway: Gateway, clients: Iterable[tuple[str, ClientRules]], hosts: Hosts | None) -> None:
        self._gateway = gateway
        self._clients = [(key.encode(), rules) for key, rules in clients]
        self._hosts = hosts
        self._guesses = Guesses()

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        reply = self._reply(environ)
        headers = [
            ("Content-Type", _kind(reply.body)),
            ("Content-Length", str(len(reply.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if reply.again_s is not None:
            headers.append(("Retry-After", str(reply.again_s)))
        start_response(f"{reply.code} {_phrase(reply.code)}", headers)
        return [reply.body]

    def _reply(self, environ: Mapping[str, Any]) -> GatewayReply:
        if self._hosts is not None and not self._hosts.know(environ.get("HTTP_HOST", "")):
            return refused(421, "Not a host name of this gateway; [web] hosts lists them.")
        if environ["REQUEST_METHOD"] not in ("GET", "POST"):
            return refused(405, "GET or POST")
        size = int(environ.get("CONTENT_LENGTH") or 0)
        if size > BODY_MAX:
            return refused(413, "Too much in one request")
        body = environ["wsgi.input"].read(size) if size else b""
        try:
            request = read_request(environ.get("QUERY_STRING", ""), *_in_one(environ.get("CONTENT_TYPE", ""), body))
        except BadRequest as reason:
            return refused(400, f"Incorrect request: {reason}")
        client = self._client(request.key)
        if client is None:
            return self._stranger(environ.get("REMOTE_ADDR", ""))
        panel = environ["PATH_INFO"].removeprefix(PREFIX).partition("/")[0]
        try:
            return self._gateway.answer(client, panel, request)
        except DatabaseTrouble as trouble:
            log.warning("gateway.waited", database=str(trouble))
            return refused(503, "The database does not answer right now")
        except Exception:
            log.exception("gateway.failed", client=client.name, action=request.action)
            return refused(500, "Something went wrong; the log says what")

    def _client(self, key: str) -> ClientRules | None:
        """Returns the client with this key. Every key is compared, so that the time taken reveals none of them."""
        given, found = key.encode(errors="replace"), None
        for known, rules in self._clients:
            if hmac.compare_digest(given, known):
                found = rules
        return found

    def _stranger(self, address: str) -> GatewayReply:
        """Returns the refusal for an unknown key. A known key is still accepted from the same address, so that one
        wrongly configured bot does not lock out the others."""
        wait_s = self._guesses.wait_s(address)
        if wait_s > 0:
            return refused(429, "Too many wrong keys", int(wait_s) + 1)
        self._guesses.note_wrong(address)
        log.warning("gateway.refused_key", address=address)
        return refused(200, "Invalid API key")  # as panels do: clients read the text, few read the status code


def beside(dashboard: Wsgi, gateway: GatewayApp) -> Wsgi:
    """Returns one WSGI application that serves the gateway under its prefix and the dashboard elsewhere."""

    def wsgi(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        at_gateway = environ["PATH_INFO"].startswith(PREFIX)
        return (gateway if at_gateway else dashboard)(environ, start_response)

    return wsgi


def _in_one(kind: str, body: bytes) -> tuple[str, bytes]:
    """Returns content type and body of a request. A multipart form, which curl sends for PHP programs, is rewritten as
    a plain one. Raises BadRequest."""
    mimetype, options = parse_options_header(kind)
    if mimetype != "multipart/form-data" or not body:
        return kind, body
    try:
        body.decode()  # the parser would silently replace bytes that are not UTF-8
        reader = FormDataParser(max_form_memory_size=None, max_form_parts=FIELDS_MAX, silent=False)
        _, form, files = reader.parse(io.BytesIO(body), mimetype, len(body), options)
    except UnicodeDecodeError:
        raise BadRequest("not UTF-8") from None
    except RequestEntityTooLarge:
        raise BadRequest(f"more than {FIELDS_MAX:,} fields") from None
    except ValueError:
        raise BadRequest("not a form in parts") from None
    pairs = list(form.items(multi=True))
    if files or not all(name for name, _ in pairs):
        raise BadRequest("a file, or a part without a name")
    return "", urlencode(pairs).encode()


def _phrase(code: int) -> str:
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"


def _kind(body: bytes) -> str:
    """Returns the content type. A panel's error page is sent as plain text, so that no browser runs what it holds."""
    return "application/json" if body[:1] in (b"{", b"[", b'"') else "text/plain; charset=utf-8"
