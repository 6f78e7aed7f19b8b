"""/_control: the truth, the audit and the switches of a simulator that lives in another process."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tracker.simulator.loopback import Exchange, LoopbackReply

if TYPE_CHECKING:
    from tracker.simulator.panel import SimulatedPanel
    from tracker.simulator.receiver import Receiver

PREFIX = "/_control/"

SWITCHES = ("rate", "hang_all", "auth_broken", "batch_unknown", "retry_after", "max_hang_s")


def _truth(panel: "SimulatedPanel", query: Mapping[str, str]) -> Any:
    return panel.truth(query["order"], _at(query))


def _served(panel: "SimulatedPanel", query: Mapping[str, str]) -> Any:
    return panel.audit.served(query.get("action", "status"))


def _calls(panel: "SimulatedPanel", _query: Mapping[str, str]) -> Any:
    return [
        {
            "number": call.number, "arrival": call.arrival, "sim_s": call.sim_s, "action": call.action,
            "connection": call.connection, "ids": call.ids, "wrong": call.wrong, "fault": call.fault,
            "http": call.http, "good": call.good, "answered_at": call.answered_at,
        }
        for call in panel.audit.calls
    ]  # fmt: skip


def _clock(panel: "SimulatedPanel", _query: Mapping[str, str]) -> Any:
    return {"sim_s": panel.sim_now(), "speed": panel.speed, "balance": str(panel.balance())}


def _set(panel: "SimulatedPanel", wish: dict[str, Any]) -> Any:
    """Any of the SWITCHES, and: queue [names], down {from_s, until_s, …}, balance, forward_s."""
    for name in SWITCHES:
        if name in wish:
            setattr(panel.faults, name, wish[name])
    panel.faults.queue(*wish.get("queue", []))
    if "down" in wish:
        panel.faults.down(**wish["down"])
    if "balance" in wish:
        panel.set_balance(wish["balance"])
    if "forward_s" in wish:
        panel.forward(wish["forward_s"])
    return _clock(panel, {})


def _at(query: Mapping[str, str]) -> float | None:
    return float(query["at_s"]) if "at_s" in query else None


_LOOK: Mapping[str, Callable[["SimulatedPanel", Mapping[str, str]], Any]] = {
    "truth": _truth,
    "truths": lambda panel, query: panel.truths(_at(query)),
    "audit": lambda panel, _: panel.audit.summary(),
    "served": _served,
    "calls": _calls,
    "clock": _clock,
}
_ACT: Mapping[str, Callable[["SimulatedPanel", dict[str, Any]], Any]] = {
    "switches": _set,
    "advance": lambda panel, wish: panel.advance(**wish),
    "clear": lambda panel, _: panel.faults.clear(),
}


def panel_reply(panel: "SimulatedPanel", exchange: Exchange) -> LoopbackReply:
    """GET looks, POST (a JSON object) acts. 404 for an unknown name, 400 with the reason for a bad wish."""
    name = exchange.path.removeprefix(PREFIX)
    try:
        if exchange.method == "GET" and name in _LOOK:
            return _json(_LOOK[name](panel, dict(parse_qsl(exchange.query))))
        if exchange.method == "POST" and name in _ACT:
            return _json(_ACT[name](panel, json.loads(exchange.body or b"{}")))
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        return _json({"error": repr(error)}, 400)
    return _json({"error": f"no such control: {exchange.method} {name}"}, 404)


def receiver_reply(receiver: "Receiver", exchange: Exchange) -> LoopbackReply:
    """GET received and counts; POST behaviour {"always": name} or {"next": [names]}."""
    name = exchange.path.removeprefix(PREFIX)
    try:
        if exchange.method == "GET" and name == "received":
            return _json([request.as_json() for request in receiver.received])
        if exchange.method == "GET" and name == "counts":
            return _json(receiver.counts())
        if exchange.method == "POST" and name == "behaviour":
            wish = json.loads(exchange.body)
            receiver.next(*wish.get("next", []))
            if "always" in wish:
                receiver.always(wish["always"])
            return _json({})
    except (ValueError, TypeError, KeyError) as error:
        return _json({"error": repr(error)}, 400)
    return _json({"error": f"no such control: {exchange.method} {name}"}, 404)


def _json(value: Any, status: int = 200) -> LoopbackReply:
    return LoopbackReply(json.dumps(value).encode(), status)
