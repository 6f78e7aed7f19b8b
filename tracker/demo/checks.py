"""The checks at the end: each compares what the tracker recorded with what panels and receiver saw themselves."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tracker.demo import story
from tracker.demo.evidence import Evidence


@dataclass(frozen=True)
class Check:
    """One check. figures: what was found, in one line. problems: what is wrong; empty when nothing is."""

    name: str
    figures: str
    problems: tuple[str, ...] = ()


def checks(evidence: Evidence) -> list[Check]:
    """Runs all checks; for a story that was ended early, only those that hold at any time."""
    return [check(evidence) for check in (AT_THE_END if evidence.complete else EARLY)]


def verdict(evidence: Evidence) -> str:
    """The result of the demo in one line."""
    changes, good = sum(len(order.recorded) for order in evidence.orders), not _signatures(evidence).problems
    known = sum(order.believed is not None for order in evidence.orders)
    return (
        f"{known} orders, {changes} status changes seen, {len(_accepted(evidence))} hooks delivered, "
        f"{len(_lost(evidence))} lost, signatures {'good' if good else 'bad'}"
    )


def _orders(evidence: Evidence) -> Check:
    problems = [
        f"{order.panel} {order.id}: recorded as {order.believed}, but really {order.truth}"
        for order in evidence.orders
        if order.believed != order.truth
    ]
    counts = Counter(order.believed[0] for order in evidence.orders if order.believed)
    kinds = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    right = len(evidence.orders) - len(problems)
    return Check("orders", f"{right} of {len(evidence.orders)} right: {kinds}", tuple(problems))


def _changes(evidence: Evidence) -> Check:
    problems = [
        f"{order.panel} {order.id}: answered {' > '.join(order.answered)}, recorded {' > '.join(order.recorded)}"
        for order in evidence.orders
        if order.answered != order.recorded
    ]
    answered = sum(len(order.answered) for order in evidence.orders)
    recorded = sum(len(order.recorded) for order in evidence.orders)
    figures = f"{answered} answered by the panels, {recorded} recorded"
    return Check("changes", figures + ("" if problems else ", in the same order"), tuple(problems))


def _hooks(evidence: Evidence) -> Check:
    problems = [f"lost: {id_}" for id_ in sorted(_lost(evidence))]
    problems += [
        f"{request.id} arrived with other bytes than were stored"
        for request in evidence.received
        if evidence.events.get(request.id) != request.body
    ]
    if evidence.complete and evidence.waiting:
        problems.append(f"{evidence.waiting} still waiting")
    again = sum(count > 1 for count in Counter(request.id for request in evidence.received).values())
    waiting = f", {evidence.waiting} on their way" if evidence.waiting else ""
    figures = (
        f"{len(_accepted(evidence))} delivered, {again} of them sent again after an error, {len(_lost(evidence))} lost"
    )
    return Check("hooks", figures + waiting, tuple(problems))


def _signatures(evidence: Evidence) -> Check:
    bad = tuple(f"{request.id}: {request.problem}" for request in evidence.received if request.problem != "")
    return Check("signatures", f"{len(evidence.received)} requests, {len(evidence.received) - len(bad)} good", bad)


def _calls(evidence: Evidence) -> Check:
    problems = [f"{calls.panel}: {calls.wrong} calls that break the rules" for calls in evidence.calls if calls.wrong]
    problems += [f"{calls.panel}: {calls.most} calls in 60 s" for calls in evidence.calls if calls.most > story.LIMIT]
    total, most = sum(calls.count for calls in evidence.calls), max(calls.most for calls in evidence.calls)
    return Check("calls", f"{total}, at most {most} in any 60 s at one panel, {story.LIMIT} allowed", tuple(problems))


def _daemon(evidence: Evidence) -> Check:
    if evidence.exit_code == 0:
        return Check("daemon", "stopped cleanly when asked to")
    return Check("daemon", "", (f"it ended with code {evidence.exit_code}",))


def _promised(evidence: Evidence) -> Check:
    types = evidence.types()
    missing = tuple(f"no {type_}" for type_ in story.PROMISED if type_ not in types)
    promised = "" if missing else ", every promised one among them"
    return Check("events", f"{len(evidence.events)} of {len(types)} types{promised}", missing)


def _outage(evidence: Evidence) -> Check:
    down, back = evidence.bodies("panel.down"), evidence.bodies("panel.recovered")
    failed = sum(calls.failed for calls in evidence.calls)
    if len(down) != 1 or len(back) != 1:
        return Check("outage", "", (f"reported {len(down)} times, its end {len(back)} times",))
    began, ended = (datetime.fromisoformat(events[0]["timestamp"]) for events in (down, back))
    took_s = (ended - began).total_seconds()
    return Check(
        "outage",
        f"main down for {took_s:.0f} s, {failed} call{'s' * (failed > 1)} failed; reported once, its end once",
    )


def _refund(evidence: Evidence) -> Check:
    partial = evidence.bodies("order.partial")
    if len(partial) != 1:
        return Check("refund", "", (f"{len(partial)} partial orders",))
    order, refund = partial[0]["data"]["order"], partial[0]["data"]["refund"]
    figures = (
        f"order {order['id']} partial, {order['delivered']} of {order['quantity']}: "
        f"{refund['expected']} {order['currency']} due, {refund['observed']} came back"
    )
    problems = () if refund["expected"] == refund["observed"] else ("the two differ",)
    return Check("refund", figures, problems)


def _balance(evidence: Evidence) -> Check:
    low, recovered = evidence.bodies("balance.low"), evidence.bodies("balance.recovered")
    if len(low) != 1 or len(recovered) != 1:
        return Check("balance", "", (f"reported {len(low)} times as low, {len(recovered)} times as recovered",))
    fell, rose = low[0]["data"]["balance"], recovered[0]["data"]["balance"]
    currency = fell["currency"]
    return Check("balance", f"low at {fell['amount']} {currency}, recovered at {rose['amount']}")


EARLY: tuple[Callable[[Evidence], Check], ...] = (_changes, _hooks, _signatures, _calls, _daemon)
AT_THE_END = (_orders, _changes, _hooks, _signatures, _promised, _outage, _refund, _balance, _calls, _daemon)


def _accepted(evidence: Evidence) -> set[str]:
    return {request.id for request in evidence.received if request.behaviour == "ok"}


def _lost(evidence: Evidence) -> set[str]:
    """Events that were stored, no longer wait, and never arrived."""
    missing = evidence.events.keys() - _accepted(evidence)
    return missing if len(missing) > evidence.waiting else set()
