"""Did it come true? Each check compares what the tracker says with what panels and receiver saw themselves."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tracker.demo import story
from tracker.demo.evidence import Evidence


@dataclass(frozen=True)
class Check:
    """figures: what was found, in a line. problems: what should have been otherwise; none: it is true."""

    name: str
    figures: str
    problems: tuple[str, ...] = ()


def checks(evidence: Evidence) -> list[Check]:
    """All of them; of a story that was cut short, those that can be told already."""
    return [check(evidence) for check in (AT_THE_END if evidence.whole else EARLY)]


def verdict(evidence: Evidence) -> str:
    """The whole check in one line."""
    moves, good = sum(len(order.recorded) for order in evidence.orders), not _signatures(evidence).problems
    known = sum(order.believed is not None for order in evidence.orders)
    return (
        f"{known} orders, {moves} status changes seen, {len(_accepted(evidence))} hooks delivered, "
        f"{len(_lost(evidence))} lost, signatures {'good' if good else 'bad'}"
    )


def _orders(evidence: Evidence) -> Check:
    problems = [
        f"{order.panel} {order.id}: recorded as {order.believed}, and really {order.truth}"
        for order in evidence.orders
        if order.believed != order.truth
    ]
    counts = Counter(order.believed[0] for order in evidence.orders if order.believed)
    kinds = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    right = len(evidence.orders) - len(problems)
    return Check("orders", f"{right} of {len(evidence.orders)} right: {kinds}", tuple(problems))


def _moves(evidence: Evidence) -> Check:
    problems = [
        f"{order.panel} {order.id}: said {' > '.join(order.told)}, recorded {' > '.join(order.recorded)}"
        for order in evidence.orders
        if order.told != order.recorded
    ]
    told = sum(len(order.told) for order in evidence.orders)
    recorded = sum(len(order.recorded) for order in evidence.orders)
    return Check("changes", f"{told} told by the panels, {recorded} recorded, in the same order", tuple(problems))


def _hooks(evidence: Evidence) -> Check:
    problems = [f"lost: {id_}" for id_ in sorted(_lost(evidence))]
    problems += [
        f"{request.id} arrived with other bytes than were written down"
        for request in evidence.received
        if evidence.events.get(request.id) != request.body
    ]
    if evidence.whole and evidence.waiting:
        problems.append(f"{evidence.waiting} still wait")
    again = sum(count > 1 for count in Counter(request.id for request in evidence.received).values())
    waiting = f", {evidence.waiting} on their way" if evidence.waiting else ""
    figures = (
        f"{len(_accepted(evidence))} delivered, {again} of them again after a refusal, {len(_lost(evidence))} lost"
    )
    return Check("hooks", figures + waiting, tuple(problems))


def _signatures(evidence: Evidence) -> Check:
    bad = tuple(f"{request.id}: {request.problem}" for request in evidence.received if request.problem != "")
    return Check("signatures", f"{len(evidence.received)} requests, {len(evidence.received) - len(bad)} good", bad)


def _calls(evidence: Evidence) -> Check:
    problems = [f"{calls.panel}: {calls.wrong} calls against the rules" for calls in evidence.calls if calls.wrong]
    problems += [f"{calls.panel}: {calls.most} calls in 60 s" for calls in evidence.calls if calls.most > story.LIMIT]
    total, most = sum(calls.count for calls in evidence.calls), max(calls.most for calls in evidence.calls)
    return Check("calls", f"{total}, at most {most} in any 60 s at one panel, {story.LIMIT} allowed", tuple(problems))


def _daemon(evidence: Evidence) -> Check:
    problems = () if evidence.exit_code == 0 else (f"it ended with code {evidence.exit_code}",)
    return Check("daemon", "ended in order when it was told to", problems)


def _promised(evidence: Evidence) -> Check:
    kinds = evidence.kinds()
    missing = tuple(f"no {type_}" for type_ in story.PROMISED if type_ not in kinds)
    all_of_them = "" if missing else ", every one that was promised"
    return Check("events", f"{len(evidence.events)} of {len(kinds)} kinds{all_of_them}", missing)


def _outage(evidence: Evidence) -> Check:
    down, back = evidence.bodies("panel.down"), evidence.bodies("panel.recovered")
    failed = sum(calls.failed for calls in evidence.calls)
    if len(down) != 1 or len(back) != 1:
        return Check("outage", "", (f"told {len(down)} times, its end {len(back)} times",))
    began, ended = (datetime.fromisoformat(told[0]["timestamp"]) for told in (down, back))
    took_s = (ended - began).total_seconds()
    return Check(
        "outage",
        f"main down for {took_s:.0f} s, {failed} call{'s' * (failed > 1)} failed; told once, its end once",
    )


def _refund(evidence: Evidence) -> Check:
    partial = evidence.bodies("order.partial")
    if len(partial) != 1:
        return Check("refund", "", (f"{len(partial)} partial orders",))
    order, refund = partial[0]["data"]["order"], partial[0]["data"]["refund"]
    figures = (
        f"order {order['id']} partial, {order['delivered']} of {order['quantity']}: "
        f"{refund['expected']} {order['currency']} due, {refund['observed']} came"
    )
    short = () if refund["expected"] == refund["observed"] else ("the two differ",)
    return Check("refund", figures, short)


def _balance(evidence: Evidence) -> Check:
    low, well = evidence.bodies("balance.low"), evidence.bodies("balance.recovered")
    if len(low) != 1 or len(well) != 1:
        return Check("balance", "", (f"told {len(low)} times as low, {len(well)} times as well again",))
    fell, rose = low[0]["data"]["balance"], well[0]["data"]["balance"]
    currency = fell["currency"]
    return Check("balance", f"low at {fell['amount']} {currency}, well again at {rose['amount']}")


EARLY: tuple[Callable[[Evidence], Check], ...] = (_moves, _hooks, _signatures, _calls, _daemon)
AT_THE_END = (_orders, _moves, _hooks, _signatures, _promised, _outage, _refund, _balance, _calls, _daemon)


def _accepted(evidence: Evidence) -> set[str]:
    return {request.id for request in evidence.received if request.behaviour == "ok"}


def _lost(evidence: Evidence) -> set[str]:
    """Events that were written down, do not wait any more, and never arrived."""
    missing = evidence.events.keys() - _accepted(evidence)
    return missing if len(missing) > evidence.waiting else set()
