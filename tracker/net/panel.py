"""The client for one panel: all seven actions of the panel API v2, each one bounded call.

Rule 1: a call is retried only if it changes nothing at the panel, only once, and only after a broken connection.
Rule 2: the key is in the request and nowhere else: not in an error, and masked where an answer echoes it.
Rule 3: a redirect is an error; following it would hand the key to the host it names.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from tracker.clock import SYSTEM, Clock
from tracker.config.values import PanelConfig
from tracker.core import wire
from tracker.core.ids import valid_id
from tracker.core.masking import Masker
from tracker.core.model import Balance, Service
from tracker.core.polling.call_timeouts import timeout_s
from tracker.core.rules import BATCH_MAX
from tracker.errors import Cause, Exit, PanelError, Trouble, UserError
from tracker.net.http import ExchangeError, Exchanger, Failure, HttpReply, retry_after_s

T = TypeVar("T")
MayRetry = Callable[[], bool]


class _Action(Struct, frozen=True):
    """How an action may be called.

    repeatable: calling it again changes nothing at the panel.
    """

    name: str
    repeatable: bool = True
    max_bytes: int = 5_000_000


STATUS = _Action("status")
REFILL_STATUS = _Action("refill_status")
BALANCE = _Action("balance")
SERVICES = _Action("services", max_bytes=32_000_000)  # catalogues run to tens of thousands of services
ADD = _Action("add", repeatable=False)
REFILL = _Action("refill", repeatable=False)
CANCEL = _Action("cancel", repeatable=False)
# What a panel says to a missing action, and to one that no panel knows.
MISSING, UNKNOWN = _Action(""), _Action("unknown")
_ACTIONS = {
    action.name: action for action in (STATUS, REFILL_STATUS, BALANCE, SERVICES, ADD, REFILL, CANCEL, MISSING, UNKNOWN)
}

# Signs of a broken connection: each of these is worth one immediate retry.
_BROKEN = frozenset({Failure.RESET, Failure.GARBAGE})

_TROUBLES: Mapping[Failure, tuple[Trouble, str, Cause]] = {
    Failure.DNS: (Trouble.UNAVAILABLE, "DNS: ", Cause.CONNECTION),
    Failure.CONNECT: (Trouble.UNAVAILABLE, "no connection: ", Cause.CONNECTION),
    Failure.TLS: (Trouble.UNAVAILABLE, "TLS: ", Cause.CONNECTION),
    Failure.DEADLINE: (Trouble.UNAVAILABLE, "", Cause.SILENCE),
    Failure.RESET: (Trouble.UNAVAILABLE, "", Cause.ANSWER),
    Failure.GARBAGE: (Trouble.UNAVAILABLE, "", Cause.ANSWER),
    Failure.TOO_BIG: (Trouble.UNREADABLE, "", Cause.ANSWER),
    Failure.PROTOCOL: (Trouble.UNREADABLE, "", Cause.ANSWER),
}

# A key that is shorter, or only digits, is not a real one and would be found inside ids and amounts.
_KEY_IN_BODY_MIN = 8


def never() -> bool:
    return False


def exchanger_of(config: PanelConfig) -> Exchanger:
    """Returns what carries the calls to a panel. Raises UserError for a proxy or a ca_file that cannot be used."""
    pool = max(4, config.rules.max_concurrency)
    return Exchanger(config.user_agent, config.proxy, config.ca_file, pool)


class PanelClient:
    """The API of one panel. Threads may share it. Every failed call is a PanelError, whatever went wrong.

    The calls that only read take `may_retry`: whether the request budget has room for a second try.
    It is called right before that try.

    exchanger: makes the exchanges; None: the one that the section describes.
    """

    def __init__(self, config: PanelConfig, clock: Clock = SYSTEM, exchanger: Exchanger | None = None) -> None:
        self.name = config.name
        self._clock = clock
        self._url = config.url
        self._request = config.request
        self._key = config.key.reveal()
        self._words = wire.OwnWords(config.rules.status_map, config.rules.error_map)
        self._rules = config.rules
        # Also in lower case, as in a host name, and as UTF-8 that was read as Latin-1.
        self._masked = Masker([self._key, self._key.lower(), self._key.encode().decode("latin-1")])
        self._masks_body = len(self._key) >= _KEY_IN_BODY_MIN and not self._key.isdigit()
        self._exchanger = exchanger or exchanger_of(config)

    def status(
        self, ids: Sequence[str], known: Mapping[str, str] = MappingProxyType({}), may_retry: MayRetry = never
    ) -> wire.StatusReading:
        """Returns what the panel says about 1 to 100 orders.

        known: as for wire.read_status.
        """
        fields = _ids("order", ids, "orders")
        return self._call(STATUS, fields, lambda a: wire.read_status(a, ids, known), may_retry)

    def refill_status(self, ids: Sequence[str], may_retry: MayRetry = never) -> wire.RefillReading:
        """Returns what the panel says about 1 to 100 refills."""
        fields = _ids("refill", ids, "refills")
        return self._call(REFILL_STATUS, fields, lambda a: wire.read_refill_status(a, ids), may_retry)

    def balance(self, may_retry: MayRetry = never) -> Balance:
        return self._call(BALANCE, {}, wire.read_balance, may_retry)

    def services(self, may_retry: MayRetry = never) -> list[Service]:
        return self._call(SERVICES, {}, wire.read_services, may_retry)

    def add(self, params: Mapping[str, str]) -> str:
        """Place an order and return its id. Spends money: see `uncertain` of the PanelError.

        params: from one of the functions below, or a gateway client's own. It has order types that are not documented.
        """
        _refuse_reserved(params)
        return self._call(ADD, params, wire.read_add)

    def refill(self, ids: Sequence[str]) -> wire.Receipt:
        return self._call(REFILL, _ids("order", ids, "orders"), lambda a: wire.read_refill(a, ids))

    def cancel(self, ids: Sequence[str]) -> wire.Receipt:
        return self._call(CANCEL, _ids("", ids, "orders"), lambda a: wire.read_cancel(a, ids))

    def forward(
        self,
        action: str,
        fields: Mapping[str, str],
        read: Callable[[wire.PanelAnswer], T],
        longest_s: float,
        may_retry: MayRetry = never,
    ) -> tuple[T, wire.PanelAnswer]:
        """Pass a gateway client's call on unchanged; returns what the answer means, and the answer as it came.

        fields: without key and action.
        longest_s: the deadline of this call; the panel's own timeout does not apply.
        """
        _refuse_reserved(fields)
        answer = self._answer(_ACTIONS[action], fields, longest_s, may_retry)
        return self._read(answer, read), answer

    def close(self) -> None:
        self._exchanger.close()

    def _call(
        self,
        action: _Action,
        fields: Mapping[str, str],
        read: Callable[[wire.PanelAnswer], T],
        may_retry: MayRetry = never,
    ) -> T:
        return self._read(self._answer(action, fields, timeout_s(action.name, self._rules), may_retry), read)

    def _read(self, answer: wire.PanelAnswer, read: Callable[[wire.PanelAnswer], T]) -> T:
        try:
            return read(answer)
        except PanelError as error:
            failure = PanelError(
                error.kind,
                self._masked(error.message),
                error.retry_after_s,
                uncertain=error.uncertain,
                unclear=error.unclear,
            )
            failure.said = answer.http, answer.body
        raise failure  # outside the `except` block, so that the unmasked error is not chained to it

    def _answer(
        self, action: _Action, fields: Mapping[str, str], longest_s: float, may_retry: MayRetry
    ) -> wire.PanelAnswer:
        try:
            reply = self._exchange(action, fields, longest_s, may_retry)
        except ExchangeError as error:
            kind, prefix, cause = _TROUBLES[error.kind]
            kind = Trouble.UNREADABLE if error.body_broken else kind
            # A request that was never sent says nothing about what was asked.
            cause = cause if error.sent else Cause.CONNECTION
            uncertain = error.sent and not action.repeatable
            raise PanelError(kind, self._masked(prefix + error.message), uncertain=uncertain, cause=cause) from error
        if reply.redirect_host is not None:
            message = f"redirects to {reply.redirect_host or 'its own host'}, not followed"
            raise PanelError(Trouble.UNREADABLE, self._masked(message), uncertain=not action.repeatable)
        again_s = retry_after_s(reply.headers, self._clock.now())
        return wire.PanelAnswer(reply.http, self._body(reply), again_s, self._words)

    def _exchange(self, action: _Action, fields: Mapping[str, str], longest_s: float, may_retry: MayRetry) -> HttpReply:
        until = self._clock.monotonic() + longest_s
        try:
            # A call that must not be sent twice does not use a kept connection, which may be dead.
            return self._send(action, fields, until, fresh=not action.repeatable)
        except ExchangeError as error:
            if not action.repeatable or error.kind not in _BROKEN or not may_retry():
                raise
        return self._send(action, fields, until, fresh=True)

    def _send(self, action: _Action, fields: Mapping[str, str], until: float, *, fresh: bool) -> HttpReply:
        params = {"key": self._key, **({"action": action.name} if action.name else {}), **fields}
        # urllib3 refuses a timeout of zero; the exchange notices by itself that there is no time left.
        left_s = max(0.001, until - self._clock.monotonic())
        method, how = _REQUESTS[self._request](params)
        return self._exchanger.exchange(
            method, self._url, **how, timeout_s=left_s, max_bytes=action.max_bytes, fresh=fresh
        )

    def _body(self, reply: HttpReply) -> bytes:
        """Returns the body of the answer, with the key masked where the panel echoed it."""
        if not self._masks_body:
            return reply.body
        text = reply.body.decode("latin-1")  # any bytes, there and back
        masked = self._masked(text)
        return reply.body if masked is text else masked.encode("latin-1")


def _form(params: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    # The same bytes that requests would send, at half the cost: this is the hot path.
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return "POST", {"data": urlencode(params).encode("ascii"), "headers": headers}


# By the configuration's `request`: the method, and the arguments for Exchanger.exchange.
_REQUESTS: Mapping[str, Callable[[Mapping[str, str]], tuple[str, dict[str, Any]]]] = {
    "form": _form,
    "json": lambda params: ("POST", {"json": params}),
    "get": lambda params: ("GET", {"params": params}),
}


def _refuse_reserved(fields: Mapping[str, str]) -> None:
    if reserved := fields.keys() & {"key", "action"}:
        raise ValueError(f"not for the caller to say: {', '.join(sorted(reserved))}")


def _ids(one: str, ids: Sequence[str], many: str) -> dict[str, str]:
    """Returns `order=1` or `orders=1,2` as fields. Raises ValueError when the caller broke the API's limits."""
    if not 1 <= len(ids) <= BATCH_MAX:
        raise ValueError(f"{len(ids)} ids in one call, 1 to {BATCH_MAX} are possible")
    if len(set(ids)) != len(ids):
        raise ValueError("an id twice in one call")
    if odd := [remote_id for remote_id in ids if not valid_id(remote_id)]:
        raise ValueError(f"not an id that can be asked for: {odd[0]!r}")
    return {one: ids[0]} if one and len(ids) == 1 else {many: ",".join(ids)}


def default_order(
    service: str, link: str, quantity: int, runs: int | None = None, interval: int | None = None
) -> dict[str, str]:
    """Returns the parameters of a Default order.

    runs, interval (minutes): for a drip-feed; both or neither.
    """
    given = {"quantity": quantity, "runs": runs, "interval": interval}
    problems = [f"{name}: must be 1 or more" for name, number in given.items() if number is not None and number < 1]
    if (runs is None) != (interval is None):
        problems.append("runs and interval: a drip-feed needs both")
    numbers = {name: str(number) for name, number in given.items() if number is not None}
    return _order(service, link, numbers, problems)


def custom_comments(service: str, link: str, comments: Sequence[str]) -> dict[str, str]:
    """Returns the parameters of a Custom Comments order, with one comment on each line."""
    problems = [] if comments else ["comments: at least one is needed"]
    if any(not comment.strip() or len(comment.splitlines()) > 1 for comment in comments):
        problems.append("comments: each must be one line, and not empty")
    return _order(service, link, {"comments": "\n".join(comments)}, problems)


def comment_likes(service: str, link: str, quantity: int, username: str) -> dict[str, str]:
    """Returns the parameters of a Comment Likes order.

    username: the owner of the comment.
    """
    problems = [] if quantity >= 1 else ["quantity: must be 1 or more"]
    if not username.strip():
        problems.append("username: must not be empty")
    return _order(service, link, {"quantity": str(quantity), "username": username}, problems)


def _order(service: str, link: str, rest: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    fields = {"service": service, "link": link}
    problems = [*(f"{name}: must not be empty" for name, text in fields.items() if not text.strip()), *problems]
    if problems:
        raise UserError("this order cannot be placed", problems, Exit.USAGE)
    return {**fields, **rest}
