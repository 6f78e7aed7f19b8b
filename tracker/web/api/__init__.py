"""The HTTP API: JSON under /api/v1, for programs.

Rule 1: the tables of `operations` and `shapes` state every request and answer. The routes, the reading of parameters
        and the OpenAPI document are made from them.
Rule 2: errors are reported as RFC 9457 problems, all at once, each with the field it is about.
Rule 3: it reads through `reports`. New orders go to `actions`, which write them to the disk before the answer.
Rule 4: only a program with the write token writes: no cookie, no form, no page from another site.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Flask, Response, request
from msgspec import Struct

from tracker.actions.orders import OrderActions
from tracker.web.api import params
from tracker.web.api.event_wait import EventWait
from tracker.web.api.operations import BASE, OPERATIONS, Operation
from tracker.web.api.orders_in import WriteOperations
from tracker.web.api.reading import ReadOperations
from tracker.web.context import WebContext
from tracker.web.security import AccessControl


class Api(Struct, frozen=True):
    """What the API needs besides the WebContext.

    write_token: None when the API accepts no orders.
    """

    orders: OrderActions
    news: EventWait
    write_token: str | None = None


def add(app: Flask, site: WebContext, api: Api, readers: AccessControl, writers: AccessControl) -> None:
    """Add the route of every operation to `app`."""
    reading, writing = ReadOperations(site, api.news), WriteOperations(api.orders, readers, writers)
    for operation in OPERATIONS:
        act = getattr(writing if operation.method == "POST" else reading, operation.name)
        app.add_url_rule(
            BASE + operation.rule,
            endpoint=f"api.{operation.name}",
            view_func=_view(operation, act),
            methods=[operation.method],
            merge_slashes=False,  # an id may have two in a row
        )


def _view(operation: Operation, act: Callable[..., Any]) -> Callable[..., Response]:
    """Returns a view that reads the parameters, calls `act` with them and answers with its result."""

    def view(**path: str) -> Response:
        found = act(**params.read(operation.params, path, request.args))
        body, code = found if isinstance(found, tuple) else (found, 200)
        return Response(msgspec.json.encode(body), code, content_type="application/json")

    return view
