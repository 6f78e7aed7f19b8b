"""`/_control`: how another process looks at a simulator and steers it, on the simulator's own port."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tracker.simulator.loopback import Exchange, LoopbackReply

PREFIX = "/_control/"


@dataclass(frozen=True)
class Control:
    """The names below `/_control/` that one simulator answers to; what their functions return is sent as JSON.

    look: the names for GET; each function gets the query.
    act: the names for POST; each function gets the JSON object of the body.
    """

    look: Mapping[str, Callable[[Mapping[str, str]], Any]]
    act: Mapping[str, Callable[[dict[str, Any]], Any]]

    def reply(self, exchange: Exchange) -> LoopbackReply:
        """Answers one call: 404 for an unknown name, 400 with the reason when the function refuses its input."""
        name = exchange.path.removeprefix(PREFIX)
        try:
            if exchange.method == "GET" and name in self.look:
                return _json(self.look[name](dict(parse_qsl(exchange.query))))
            if exchange.method == "POST" and name in self.act:
                return _json(self.act[name](json.loads(exchange.body or b"{}")))
        except (ValueError, TypeError, KeyError, ArithmeticError) as error:
            return _json({"error": repr(error)}, 400)
        return _json({"error": f"no such control: {exchange.method} {name}"}, 404)


def _json(value: Any, status: int = 200) -> LoopbackReply:
    return LoopbackReply(json.dumps(value).encode(), status)
