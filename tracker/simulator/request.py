"""Reads a call from a form, a JSON body or the query, and lists what is wrong with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

BATCH_MAX = 100  # the API's own limit; longer lists are cut silently, as real panels do

ACTIONS = frozenset({"services", "add", "status", "refill", "refill_status", "cancel", "balance"})

# action -> (parameter for one id, parameter for many)
ID_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "status": ("order", "orders"),
    "refill": ("order", "orders"),
    "refill_status": ("refill", "refills"),
    "cancel": ("", "orders"),
}


@dataclass(frozen=True, slots=True)
class PanelRequest:
    """One call as it was sent.

    ids: all of them, also beyond the 100 that are answered.
    batch: whether the parameter for many ids was used.
    wrong: what a well-behaved client would have done otherwise.
    """

    action: str
    key: str
    params: Mapping[str, str]
    ids: tuple[str, ...]
    batch: bool
    style: str  # form | json | get
    wrong: tuple[str, ...]

    @property
    def answered_ids(self) -> tuple[str, ...]:
        """The ids that are answered: at most 100, each once."""
        return tuple(dict.fromkeys(self.ids[:BATCH_MAX]))


def read_request(method: str, query: str, content_type: str, body: bytes, wanted: str = "any") -> PanelRequest:
    """Reads a call. wanted: the request style that this panel accepts (any | form | json | get)."""
    style = "get" if method == "GET" else "json" if content_type.startswith("application/json") else "form"
    params = _params(style, query, body)
    action = params.get("action", "")
    ids, batch = _ids(action, params)
    wrong = [*_wrong_style(style, wanted, query), *_wrong_ids(action, ids)]
    if action not in ACTIONS:
        wrong.append("unknown action")
    return PanelRequest(action, params.get("key", ""), params, ids, batch, style, tuple(wrong))


def _params(style: str, query: str, body: bytes) -> dict[str, str]:
    if style != "json":
        text = query if style == "get" else body.decode(errors="replace")
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return {str(name): _text(value) for name, value in document.items()} if isinstance(document, dict) else {}


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _ids(action: str, params: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    one, many = ID_PARAMETERS.get(action, ("", ""))
    if many and many in params:
        return tuple(part.strip() for part in params[many].split(",")), True
    if one and one in params:
        return (params[one].strip(),), False
    return (), False


def _wrong_style(style: str, wanted: str, query: str) -> list[str]:
    wrong = []
    if wanted not in ("any", style):
        wrong.append(f"{style} where {wanted} was expected")
    if style != "get" and "key=" in query:
        wrong.append("key in the URL")
    return wrong


def _wrong_ids(action: str, ids: tuple[str, ...]) -> list[str]:
    wrong = []
    if action in ID_PARAMETERS and not any(ids):
        wrong.append("no ids")
    elif "" in ids:
        wrong.append("empty id")
    if len(ids) > BATCH_MAX:
        wrong.append("more than 100 ids")
    if len(set(ids)) < len(ids):
        wrong.append("duplicate ids")
    return wrong
