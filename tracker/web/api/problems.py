"""Errors as problem documents for programs (RFC 9457, application/problem+json)."""

from collections.abc import Mapping, Sequence

import msgspec
from flask import Response, request
from msgspec import Struct
from werkzeug.exceptions import HTTPException, MethodNotAllowed

CONTENT_TYPE = "application/problem+json"


class ProblemType(Struct, frozen=True):
    """A type of problem.

    name: the last part of `type`; it never changes.
    title: for people.
    about: when it happens, for the OpenAPI document.
    """

    name: str
    title: str
    about: str


KINDS: Mapping[int, ProblemType] = {
    400: ProblemType("unreadable", "Bad request", "It is not HTTP or JSON, or a token stands in the address."),
    401: ProblemType("no-token", "A token is needed", "There is no token, or it is not the right one."),
    403: ProblemType("forbidden", "Not allowed", "The token may only read, or the tracker takes no writes."),
    404: ProblemType("not-found", "Not found", "There is no such order, or no such address."),
    405: ProblemType("no-such-method", "No such method", "The address does not take this method."),
    409: ProblemType(
        "another-log", "The log is not the one you read", "`after` lies beyond its end: a backup was restored."
    ),
    413: ProblemType("too-large", "Too large", "The body has more than 8 MB."),
    415: ProblemType("not-json", "Not JSON", "The body has to be sent as application/json."),
    421: ProblemType("another-host", "Another host", "It is asked under a name that it does not know: `[web] hosts`."),
    422: ProblemType("invalid", "Invalid", "A parameter or an order is not as it should be; `errors` says which."),
    429: ProblemType("too-many-guesses", "Too many wrong tokens", "Ten wrong tokens in a minute: wait."),
    500: ProblemType("broken", "Something went wrong", "A bug; the tracker's log has it."),
    503: ProblemType("try-again", "Not now", "The database or the journal takes nothing at the moment."),
}


class Error(Struct, frozen=True):
    """One thing that is wrong with a request.

    field: a parameter, a field of an order, or "" for the whole request.
    """

    field: str
    reason: str


class Problem(HTTPException):
    """A request cannot be answered.

    code: one of KINDS.
    """

    def __init__(
        self, code: int, detail: str, errors: Sequence[Error] = (), retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.errors = errors
        self.retry_after_s = retry_after_s


def wanted() -> bool:
    """Whether the current request is to the API, so that its errors must be problem documents."""
    return is_api(request.path)


def is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def answer(error: HTTPException) -> Response:
    """Returns the problem document for an error."""
    code = error.code or 500
    code = code if code in KINDS else 400 if code < 500 else 500
    errors = error.errors if isinstance(error, Problem) else ()
    response = Response(body(code, error.description or "", errors), code, content_type=CONTENT_TYPE)
    if isinstance(error, Problem) and error.retry_after_s is not None:
        response.headers["Retry-After"] = str(int(error.retry_after_s) + 1)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
    if code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="tracker"'
    return response


def body(code: int, detail: str, errors: Sequence[Error] = ()) -> bytes:
    kind = KINDS[code]
    return msgspec.json.encode(
        {
            "type": f"urn:tracker:problem:{kind.name}",
            "title": kind.title,
            "status": code,
            "detail": detail,
            "errors": errors,
        }
    )
