"""The seven actions of the panel API v2, in the reference's exact shapes.

Each action is a function of the panel's book, the request and the simulated minute, and returns an ApiAnswer.
It knows nothing of HTTP.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tracker.simulator.book import Book
from tracker.simulator.lifecycle import OrderLife, SimulatedService, state_at
from tracker.simulator.request import PanelRequest

NO_ORDER = {"error": "Incorrect order ID"}
NO_REFILL = {"error": "Refill not found"}
BAD_KEY = {"error": "Invalid API key"}
BAD_REQUEST = {"error": "Incorrect request"}

PrintedStatus = tuple[str, str | None]  # the status word, and the charge as printed


@dataclass(slots=True)
class ApiAnswer:
    """A JSON document before it is printed.

    statuses: id -> the status that a careful reader takes from the document.
    entries: id -> the part of `value` that describes this known order, so that a fault can change it in place.
    """

    value: Any
    statuses: dict[str, PrintedStatus] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def replace_entry(self, order_id: str, entry: Any) -> None:
        """Puts `entry`, from which a reader learns no status, in the place of what the answer said about this order."""
        if self.value is self.entries.get(order_id):
            self.value = entry
        else:
            self.value[order_id] = entry
        self.forget(order_id)

    def forget(self, order_id: str) -> None:
        """Notes that a reader no longer learns anything about this order."""
        self.entries.pop(order_id, None)
        self.statuses.pop(order_id, None)


def answer(book: Book, request: PanelRequest, minute: float) -> ApiAnswer:
    """Returns the panel's answer; `Incorrect request` for an unknown action."""
    action = _ACTIONS.get(request.action)
    return ApiAnswer(BAD_REQUEST) if action is None else action(book, request, minute)


def _services(book: Book, _request: PanelRequest, _minute: float) -> ApiAnswer:
    return ApiAnswer([_catalogue_row(service) for service in book.services.values()])


def _catalogue_row(service: SimulatedService) -> dict[str, Any]:
    return {
        "service": _number(service.service),
        "name": service.name,
        "type": service.type,
        "category": service.category,
        "rate": service.rate,
        "min": str(service.min),
        "max": str(service.max),
        "refill": service.refill,
        "cancel": service.cancel,
    }


def _balance(book: Book, _request: PanelRequest, minute: float) -> ApiAnswer:
    return ApiAnswer({"balance": str(book.balance(minute)), "currency": book.currency})


def _status(book: Book, request: PanelRequest, minute: float) -> ApiAnswer:
    if not request.batch:
        if not request.ids:
            return ApiAnswer(BAD_REQUEST)
        single = ApiAnswer(None)
        single.value = _entry(book, request.ids[0], minute, single)
        return single
    result = ApiAnswer({})
    for order_id in request.answered_ids:
        result.value[order_id] = _entry(book, order_id, minute, result)
    return result


def _entry(book: Book, order_id: str, minute: float, result: ApiAnswer) -> dict[str, Any]:
    life = book.orders.get(order_id)
    state = None if life is None else state_at(life, minute)
    if life is None or state is None:
        return NO_ORDER
    result.statuses[life.id] = (state.status, state.charge)
    if life.kind != "default":
        entry = _family_entry(life, state.status, minute)
    else:
        entry = {
            "charge": state.charge,
            "start_count": str(life.start_count),
            "status": state.status,
            "remains": str(state.remains),
            "currency": book.currency,
        }
    result.entries[life.id] = entry
    return entry


def _family_entry(life: OrderLife, status: str, minute: float) -> dict[str, Any]:
    """The entry of a drip-feed or a subscription: no charge and no remains, but the children placed so far."""
    children = [child for placed_at, child in life.children if placed_at <= minute]
    if life.kind == "drip_feed":
        return {"status": status, "runs": str(len(children)), "orders": children}
    return {"status": status, "expiry": life.expiry, "posts": str(len(life.children)), "orders": children}


def _add(book: Book, request: PanelRequest, minute: float) -> ApiAnswer:
    service = book.services.get(request.params.get("service", ""))
    if service is None:
        return ApiAnswer({"error": "Incorrect service ID"})
    problem, quantity, runs, every_min = _form(service, request.params)
    if problem:
        return ApiAnswer({"error": problem})
    order_id = book.buy(service, quantity, minute, runs, every_min)
    if order_id is None:
        return ApiAnswer({"error": "neworder.error.not_enough_funds"})
    return ApiAnswer({"order": _number(order_id)})


def _form(service: SimulatedService, params: Mapping[str, str]) -> tuple[str, int, int, float]:
    """Reads an `add` for this service: (what is wrong with it or "", quantity, runs, minutes between runs)."""
    comments = [line for line in params.get("comments", "").splitlines() if line.strip()]
    by_comments = service.type == "Custom Comments"
    quantity = len(comments) if by_comments else _whole(params.get("quantity", ""))
    runs, every_min = _whole(params.get("runs") or "1"), _whole(params.get("interval") or "0")
    checks = (
        (not params.get("link"), "neworder.error.link"),
        (by_comments and not comments, "neworder.error.comments"),
        (service.type == "Comment Likes" and not params.get("username"), "neworder.error.username"),
        (quantity < service.min, f"Quantity less than minimal {service.min}"),
        (quantity > service.max, f"Quantity more than maximum {service.max}"),
        (runs < 1 or every_min < 0, "neworder.error.runs"),
    )
    problem = next((words for failed, words in checks if failed), "")
    return problem, quantity, runs, float(every_min)


def _refill(book: Book, request: PanelRequest, minute: float) -> ApiAnswer:
    if not request.ids:
        return ApiAnswer(BAD_REQUEST)
    if not request.batch:
        made = _one_refill(book, request.ids[0], minute)
        return ApiAnswer(made if isinstance(made, dict) else {"refill": made})
    rows = []
    for order_id in request.answered_ids:
        made = _one_refill(book, order_id, minute)
        refill = made if isinstance(made, dict) else _number(made)
        rows.append({"order": _number(order_id), "refill": refill})
    return ApiAnswer(rows)


def _one_refill(book: Book, order_id: str, minute: float) -> str | dict[str, str]:
    if not _is_known(book, order_id, minute):
        return NO_ORDER
    return book.refill(order_id, minute) or {"error": "Refill is not available for this order"}


def _refill_status(book: Book, request: PanelRequest, minute: float) -> ApiAnswer:
    if not request.ids:
        return ApiAnswer(BAD_REQUEST)
    words = {refill_id: book.refill_word(refill_id, minute) for refill_id in request.answered_ids}
    statuses: dict[str, PrintedStatus] = {
        refill_id: (word, None) for refill_id, word in words.items() if word is not None
    }
    if not request.batch:
        word = words[request.ids[0]]
        return ApiAnswer(NO_REFILL if word is None else {"status": word}, statuses)
    rows = [{"refill": _number(i), "status": NO_REFILL if w is None else w} for i, w in words.items()]
    return ApiAnswer(rows, statuses)


def _cancel(book: Book, request: PanelRequest, minute: float) -> ApiAnswer:
    if not request.batch:
        return ApiAnswer(BAD_REQUEST)
    return ApiAnswer([_one_cancel(book, order_id, minute) for order_id in request.answered_ids])


def _one_cancel(book: Book, order_id: str, minute: float) -> dict[str, Any]:
    if not _is_known(book, order_id, minute):
        return {"order": _number(order_id), "cancel": NO_ORDER}
    accepted = book.cancel(order_id, minute)
    refusal = {"error": "Cancel is not available for this order"}
    return {"order": _number(order_id), "cancel": 1 if accepted else refusal}


def _is_known(book: Book, order_id: str, minute: float) -> bool:
    life = book.orders.get(order_id)
    return life is not None and life.placed_at <= minute


def _number(text: str) -> int | str:
    """Prints an id as a number where that loses nothing, as the reference does."""
    return int(text) if len(text) < 19 and text.isdecimal() and str(int(text)) == text else text


def _whole(text: str) -> int:
    """Reads a whole number from a form; -1, which fails every check, when the text is not one."""
    return int(text) if text.isdecimal() and len(text) < 12 else -1


_ACTIONS: Mapping[str, Callable[[Book, PanelRequest, float], ApiAnswer]] = {
    "services": _services,
    "add": _add,
    "status": _status,
    "refill": _refill,
    "refill_status": _refill_status,
    "cancel": _cancel,
    "balance": _balance,
}
