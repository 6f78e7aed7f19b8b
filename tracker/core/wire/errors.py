"""Tells what a panel's error texts mean. All kinds come in the same shape; only the words tell them apart.

Rule 1: below HTTP 500 the body counts before the status code. At 500 and above nothing in the body is applied.
Rule 2: only the text of an order-level error says anything about an order.
Rule 3: a panel's own words (`status_map`, `error_map`) go before the tables.
Rule 4: a text of no known kind refuses exactly what was asked for, and proves nothing else.
"""

import re
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from functools import lru_cache

from msgspec import Struct

from tracker.core.status import OrderStatus, caseless, fold
from tracker.core.wire.strict_json import Digits, Unreadable, decode, folded, parse
from tracker.core.wire.values import TEXT_MAX, is_blank, short
from tracker.errors import PanelError, Trouble


class Meaning(Enum):
    """What an error text is about."""

    ACCOUNT = "account"  # key or account
    RATE = "rate"  # temporary: too many calls
    SERVER = "server"  # temporary: the panel itself has trouble
    REQUEST = "request"  # the action or its parameters
    NOT_FOUND = "not_found"  # this order or refill does not exist
    UNCLEAR = "unclear"  # a text of no known kind


class OwnWords(Struct, frozen=True):
    """What one panel's own words mean; they go before the tables. All of them are folded.

    errors: parts of error texts.
    """

    statuses: Mapping[str, OrderStatus] = {}
    errors: Mapping[str, Meaning] = {}

    def meaning_of(self, text: str) -> Meaning:
        """Returns what an error text is about, judged by its first TEXT_MAX characters."""
        text = text[:TEXT_MAX]
        if self.errors:
            folded_text = fold(text)
            own = next((meaning for words, meaning in self.errors.items() if words in folded_text), None)
            if own is not None:
                return own
        return _meaning_of(caseless(text).replace("_", " "))

    def has(self, word: str) -> bool:
        """Whether this panel has a meaning of its own for a status word."""
        folded_word = fold(word)
        return folded_word in self.statuses or any(words in folded_word for words in self.errors)


NO_OWN_WORDS = OwnWords()


class PanelAnswer(Struct, frozen=True):
    """The answer to one call.

    body: decoded (no gzip).
    retry_after_s: from the header Retry-After.
    words: of the panel that answered.
    """

    http: int
    body: bytes
    retry_after_s: float | None = None
    words: OwnWords = NO_OWN_WORDS


# Searched in this order in the lower-cased text, "_" read as a space: "API key not found" is not about an order,
# "Rate limit exceeded. Try again later." is not about a broken server.
PATTERNS: tuple[tuple[Meaning, str], ...] = (
    (
        Meaning.ACCOUNT,
        r"\b(?:invalid|incorrect|wrong|bad|unknown|missing|expired|revoked|inactive|disabled|no)"
        r" (?:api[ -]?)?(?:key|token)\b"
        r"|\b(?:key|token)\b.{0,20}\b(?:invalid|incorrect|wrong|expired|revoked|missing|required|disabled"
        r"|inactive|not (?:found|valid|exist|active))"
        r"|\baccount\b.{0,30}\b(?:inactive|suspended|banned|blocked|disabled|deactivated|locked|not activ)"
        r"|\b(?:unauthori[sz]ed|unauthenticated|forbidden|not authori[sz]ed|access denied|permission denied)\b"
        r"|\bauthentication (?:failed|required)"
        r"|\bapi (?:access )?(?:is |was |has been )?(?:disabled?|blocked|revoked|suspended|not enabled)"
        r"|\bvalid (?:api[ -]?)?(?:key|token)\b"
        r"|\buser (?:is |was |has been )?(?:disabled?|blocked|banned|suspended|inactive|deactivated)\b"
        r"|\bip\b.{0,30}\b(?:blocked|banned|not (?:allowed|whitelisted|authori[sz]ed))"
        r"|\bip\b.{0,30}\bnot (?:in|on) (?:the |our |your )?(?:white|allow)[ -]?list",
    ),
    (
        Meaning.RATE,
        r"too many (?:requests|attempts|calls)|rate.?limit|throttl|slow down|\bflood"
        r"|(?:requests?|calls?) (?:per\b|limit)",
    ),
    (
        Meaning.NOT_FOUND,
        r"\b(?:incorrect|invalid|wrong|unknown|bad|no such) (?:order|refill)"
        r"(?:[ -]?(?:id|number)s?\b|s?\W*\Z)"
        r"|\b(?:order|refill)s?\b.{0,30}\b(?:not found|not exists?|doesn.?t exist|not be found)\b"
        r"|\bno (?:order|refill)s? (?:was |were )?found\b",
    ),
    (
        Meaning.SERVER,
        r"\btemporar(?:y|ily) (?:\w+ )?(?:unavailable|down|closed|offline|disabled|error|problem|failure)"
        r"|\btry (?:it )?again\b|\bmaintenance\b|\bdatabase\b|\bsql(?:state)?\b|\bdeadlock\b|\boverload"
        r"|\b(?:internal|server) (?:server )?error\b|\bservice (?:is )?(?:currently )?unavailable\b"
        r"|\btimed? ?-?out\b|\bbad gateway\b|\btoo many connections\b"
        r"|\bconnection (?:failed|refused|reset|lost|error)|\b(?:server|system|api) (?:is )?(?:busy|down|offline)\b",
    ),
    (
        Meaning.REQUEST,
        r"\b(?:incorrect|invalid|bad|malformed|unknown|unsupported|wrong|missing|undefined)"
        r" (?:request|action|method|param|command|endpoint)"
        r"|\b(?:action|method|param\w*)\b.{0,20}\b(?:not (?:found|supported|allowed|exist)|unknown|invalid)"
        r"|\b(?:is|are) (?:required|missing)\b",
    ),
)
_COMPILED = tuple((meaning, re.compile(pattern)) for meaning, pattern in PATTERNS)

TROUBLES = {
    Meaning.ACCOUNT: Trouble.AUTH,
    Meaning.RATE: Trouble.RATE_LIMITED,
    Meaning.SERVER: Trouble.UNAVAILABLE,
}
PASSING_OR_ACCOUNT = frozenset(TROUBLES)

# These status codes count where the body says nothing.
BY_CODE = {401: Trouble.AUTH, 429: Trouble.RATE_LIMITED}

_ERROR_WORDS = frozenset({"error", "fail"})
_MESSAGES = ("message", "msg", "detail")

# After these troubles the panel may have done what it was asked to do.
_MAY_HAVE_ACTED = frozenset({Trouble.UNREADABLE, Trouble.UNAVAILABLE})


@contextmanager
def judging(answer: PanelAnswer, *, acting: bool = False) -> Iterator[None]:
    """Turns Unreadable inside the `with` block into a PanelError, which a code of 500 or above is in any case.

    acting: the call changes something, so after an unreadable answer it is uncertain whether the panel acted.
    """
    try:
        if answer.http >= 500:
            raise _server_error(answer)
        try:
            yield
        except (Unreadable, RecursionError) as problem:
            raise _unreadable(answer, str(problem)) from problem
    except PanelError as error:
        error.uncertain |= acting and error.kind in _MAY_HAVE_ACTED
        raise


@contextmanager
def reading(answer: PanelAnswer, *, acting: bool = False) -> Iterator[str]:
    """Yields the text of an answer; otherwise as `judging`."""
    with judging(answer, acting=acting):
        yield decode(answer.body)


@lru_cache(maxsize=256)
def _meaning_of(text: str) -> Meaning:
    return next((meaning for meaning, pattern in _COMPILED if pattern.search(text)), Meaning.UNCLEAR)


def error_text(value: dict[str, object], fields: Container[str], words: OwnWords = NO_OWN_WORDS) -> str | None:
    """Returns the error text of an object with lower-case names; None when it is not an error.

    fields: names whose values are data; with data beside it, "Error" is a status.
    words: of the panel; its status words are no errors.
    """
    for name in ("error", "errors"):
        if not is_nothing(value.get(name)):
            return _text(value[name]) or _text(value.get("message")) or "error"
    alone = not has_data(value, fields)
    if alone and (instead := _said_instead(value, words)):
        return instead
    status = value.get("status")
    if isinstance(status, dict):
        return error_text(folded(status) | {"status": None}, fields, words)
    if not isinstance(status, str) or isinstance(status, Digits):
        return None
    if alone and fold(status[:TEXT_MAX]) in _ERROR_WORDS and not is_blank(value.get("message")):
        return _text(value["message"]) or "error"
    meaning = words.meaning_of(status)
    is_error = meaning is Meaning.NOT_FOUND or (alone and meaning is not Meaning.UNCLEAR)
    return status if is_error and fold(status) not in words.statuses else None


def _said_instead(value: dict[str, object], words: OwnWords) -> str:
    """Returns the error that frameworks put under `message`, `msg` or `detail`; "" when there is none.

    It is one beside `"success": false` or `"status": false`. Without any of the two it is one only in words of a known
    kind, because a message may as well be good news.
    """
    text = next((said for name in _MESSAGES if name in value and (said := _text(value[name]))), "")
    if not text:
        return ""
    if is_no(value.get("success")) or value.get("status") is False:
        return text
    silent = "status" not in value and "success" not in value
    return text if silent and words.meaning_of(text) is not Meaning.UNCLEAR else ""


def is_no(value: object) -> bool:
    """Whether a switch is there and off: false, 0, or one of the words "false" and "no"."""
    return value is False or (isinstance(value, str) and value.strip().lower() in ("false", "no", "0"))


def is_nothing(error: object) -> bool:
    """Whether the value of `error` means that there is none: null, false, zero or empty."""
    return not error or (isinstance(error, str) and error.strip() in ("", "0"))


def has_data(value: dict[str, object], fields: Container[str]) -> bool:
    """Whether any of `fields` is present and not blank."""
    return any(name in fields and not is_blank(member) for name, member in value.items())


def call_error(answer: PanelAnswer, text: str, *, request: Trouble, otherwise: Trouble | None) -> PanelError | None:
    """Returns the trouble of the whole call when its only answer is the error `text`; None when there is no trouble.

    request: the trouble that a request-level text means.
    otherwise: the trouble that a text about the order or refill, or of no known kind, means; None for no trouble.
    """
    meaning = answer.words.meaning_of(text)
    kind = request if meaning is Meaning.REQUEST else TROUBLES.get(meaning)
    if meaning is Meaning.UNCLEAR:
        kind = BY_CODE.get(answer.http)
    kind = kind or otherwise
    unclear = meaning is Meaning.UNCLEAR
    return PanelError(kind, short(text), answer.retry_after_s, unclear=unclear) if kind else None


def _unreadable(answer: PanelAnswer, why: str) -> PanelError:
    """Returns the error for an answer that cannot be read; with 401 and 429 the code decides its kind."""
    words = short(answer.body.decode(errors="replace"))
    kind = BY_CODE.get(answer.http, Trouble.UNREADABLE)
    return PanelError(kind, f"HTTP {answer.http}, {why}: {words}", answer.retry_after_s)


def _server_error(answer: PanelAnswer) -> PanelError:
    """Returns the error for an answer with a code of 500 or above: only the kind of trouble is read from its body."""
    text = ""
    try:
        value = parse(decode(answer.body))
        text = (error_text(folded(value), (), answer.words) or "") if isinstance(value, dict) else ""
    except Unreadable:
        pass
    kind = TROUBLES.get(answer.words.meaning_of(text), Trouble.UNAVAILABLE)
    words = short(text or answer.body.decode(errors="replace"))
    return PanelError(kind, f"HTTP {answer.http}: {words}", answer.retry_after_s)


def _text(value: object, depth: int = 3) -> str:
    """Returns the texts in an error of any shape: a text, a list of texts, an object with a text in it."""
    if isinstance(value, str) and not isinstance(value, Digits):
        return value.strip()
    if isinstance(value, dict):
        value = [value["message"]] if "message" in value else list(value.values())
    if isinstance(value, list) and depth:
        return "; ".join(filter(None, (_text(part, depth - 1) for part in value[:10])))
    return ""
