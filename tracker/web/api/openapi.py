"""The OpenAPI document, made from the tables of `operations` and `shapes`."""

import re
from collections.abc import Sequence
from typing import Any

from tracker import __version__
from tracker.web.api import operations, shapes
from tracker.web.api.operations import BASE, EVERYWHERE, OPERATIONS, Operation
from tracker.web.api.params import Param
from tracker.web.api.problems import CONTENT_TYPE, KINDS

_BEARER = {"type": "http", "scheme": "bearer"}


def document(panels: Sequence[str]) -> dict[str, Any]:
    """Returns the OpenAPI document.

    panels: the names of the configured ones.
    """
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        path = BASE + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", operation.rule)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tracker", "version": __version__, "description": "Orders at panels, and their fate."},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": shapes.named(panels),
            "responses": {str(code): _problem(code) for code in KINDS},
            "securitySchemes": {
                "read": _BEARER | {"description": "`[web] read_token`, where one is configured."},
                "write": _BEARER | {"description": "`[web] write_token`; it may read too."},
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    writes = operation.method == "POST"
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.about,
        "parameters": [_parameter(param) for param in operation.params],
        "responses": _answers(operation, writes=writes),
        "security": [{"write": []}] if writes else [{}, {"read": []}, {"write": []}],
    }
    return found | ({"requestBody": _body()} if writes else {})


def _parameter(param: Param) -> dict[str, Any]:
    schema = param.kind.schema | ({} if param.default is None else {"default": param.default})
    return {
        "name": param.name,
        "in": param.where,
        "required": param.where == "path",
        "description": param.about,
        "schema": schema,
        "example": param.example,
    }


def _body() -> dict[str, Any]:
    one = shapes.ref("NewOrder")
    anything = {"description": "What is no order is named in `bad`; the others are taken."}
    several = {"type": "array", "items": {"anyOf": [one, anything]}, "maxItems": shapes.ORDERS_MAX}
    examples = {
        "one": {"summary": "An order that was just placed", "value": operations.NEW_ORDER},
        "several": {"summary": "Orders from before", "value": [operations.NEW_ORDER | {"baseline": True}]},
    }
    return {
        "required": True,
        "content": {"application/json": {"schema": {"anyOf": [one, several]}, "examples": examples}},
    }


def _answers(operation: Operation, *, writes: bool) -> dict[str, Any]:
    schema = shapes.ref(operation.answers) if isinstance(operation.answers, str) else operation.answers
    content = {"application/json": {"schema": schema, "example": operation.example}}
    good = {"200": {"description": "None of them is new." if writes else "What was asked for.", "content": content}}
    if writes:
        good["201"] = {"description": "They are in the journal, on the disk, and tracked.", "content": content}
    codes = sorted({*EVERYWHERE, *operation.refusals})
    return good | {str(code): {"$ref": f"#/components/responses/{code}"} for code in codes}


def _problem(code: int) -> dict[str, Any]:
    kind = KINDS[code]
    example = {
        "type": f"urn:tracker:problem:{kind.name}", "title": kind.title, "status": code, "detail": kind.about,
        "errors": [],
    }  # fmt: skip
    return {
        "description": kind.about,
        "content": {CONTENT_TYPE: {"schema": shapes.ref("Problem"), "example": example}},
    }
