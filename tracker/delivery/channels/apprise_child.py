"""`python -P -m tracker.delivery.channels.apprise_child`: sends one message from standard input to one service.

In:  one JSON object {url, template, events, private}; several events are a digest. The URL is a secret, so it
     is in no argument and no environment.
Out: one line of JSON {ok, code, retry_after_s, snippet, error}. We put nothing of the URL into it.

It is a process of its own because nothing else can hold apprise to a deadline: its plugins retry, wait and
read as long as they like, and a template may loop. The parent kills the process, which also frees its memory.
"""

import contextlib
import errno
import json
import math
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tracker import clock
from tracker.config import templates
from tracker.core import address_policy
from tracker.core.delivery import digests
from tracker.net.http import retry_after_s

AnswerFields = dict[str, Any]

BODY_MAX = 4_096  # bytes of UTF-8: the least that chats accept, and the most that people read
_MEMORY_MAX = 1_073_741_824  # bytes of address space: a template may ask for any amount
_HEARD_MAX = 65_536  # bytes of an answer
_A_DAY_S = 86_400.0  # the longest wait that a service can ask for
_ASK_TO_WAIT = frozenset({429, 503})

_ALERT = "{{ alert.name }} since {{ alert.since }}: {{ alert.reason }}"
# The text of a message without a template, by event family; the title is the event's `type` already.
TEXTS: Mapping[str, str] = {
    "order": "{{ panel }} order {{ order.id }}{% if order.status %} is {{ order.status }}{% endif %}"
    "{% if order.remains %} ({{ order.remains }} left){% endif %}{% if word %}: unknown word {{ word }}{% endif %}",
    "refill": "{{ panel }} refill {{ refill.id }} of order {{ refill.order }}"
    "{% if refill.status %} is {{ refill.status }}{% endif %}",
    "balance": "{{ panel }} has {{ balance.amount }} {{ balance.currency }} (threshold {{ balance.threshold }}). "
    + _ALERT,
    "orders": "{{ panel }}: {{ orders.count }} orders at once: {{ orders.ids | join(', ') }}"
    "{% if orders.count > orders.ids | length %} and more{% endif %}. Open orders now: {{ orders.open }}",
    "panel": "{{ panel }}: {% if children %}order {{ children.order }} lists more orders than children."
    "{{ children.limit }} allows ({{ children.at_most }}); {{ children.left_out }} are not tracked{% else %}"
    + _ALERT
    + "{% endif %}",
    "service": "{{ panel }} service {{ service.id }}{% if service.name %} ({{ service.name }}){% endif %}: "
    "{% if service.since %}nothing delivered since {{ service.since }}{% else %}nothing delivered yet{% endif %}; "
    "{{ service.stuck }} of {{ service.open }} open orders are stuck"
    "{% for sum in service.at_risk %}, {{ sum.amount }} {{ sum.currency }}{% endfor %}",
    "catalogue": "{{ panel }}: {{ catalogue.added }} services added, {{ catalogue.removed }} removed, "
    "{{ catalogue.changed }} changed",
    "hook": "hook {{ hook.name }}: {{ hook.reason }} ({{ hook.waiting }} waiting, {{ hook.dead }} dead)",
    "gateway": "{{ panel }}: {{ gateway.reason }} (client {{ gateway.client }}"
    "{% if gateway.call %}, call {{ gateway.call }}{% endif %})",
    "tracker": "since {{ tracker.since }}: {{ tracker.reason }}",
}


def main() -> None:
    out = _quiet()
    job = json.load(sys.stdin.buffer)
    with os.fdopen(out, "w") as answer:
        json.dump(_answer(job), answer)


def _quiet() -> int:
    """Discard what apprise or a plugin prints, and forbid core files, which would hold the URL.

    Returns the descriptor for our own answer.
    """
    out = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, _MEMORY_MAX)):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
            resource.setrlimit(what, (most, most))
    return out


def _answer(job: Mapping[str, Any]) -> AnswerFields:
    events = [json.loads(event) for event in job["events"]]
    try:
        title, text = message(job["template"], events)
    except Exception as error:  # noqa: BLE001 - a template can fail in any way, and its text may say anything
        return {"ok": False, "error": f"the template failed: {type(error).__name__}"}
    try:
        return _notify(job["url"], title, text, private=job["private"])
    except ImportError:
        return {"ok": False, "error": "apprise is not installed; pip install 'tracker[notify]'"}
    except Exception as error:  # noqa: BLE001 - a plugin's own error, whose text may hold the URL
        return {"ok": False, "error": f"apprise failed: {type(error).__name__}"}


def message(template: str, events: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Returns title and text. For many events the text has the totals, then a line per event while there is room."""
    if len(events) == 1:
        return events[0]["type"], body(template, events[0])
    lines = [" ".join(body(template, event).split()) for event in events]
    return digests.title(events), digests.fitted(digests.totals(events), lines, BODY_MAX)


def body(template: str, event: Mapping[str, Any]) -> str:
    """Returns the text for one event: at most BODY_MAX bytes, no control characters except line breaks and tabs."""
    names = {**event["data"], **{name: event[name] for name in ("type", "id", "timestamp")}}
    text = template or TEXTS.get(event["type"].partition(".")[0], "{{ type }}")
    rendered = "".join(_first(templates.environment().from_string(text).generate(names)))
    clean = "".join(char for char in rendered if char.isprintable() or char in "\n\t")
    return clean.encode(errors="replace")[:BODY_MAX].decode(errors="ignore")


def _first(pieces: Iterator[str]) -> Iterator[str]:
    """Yields the pieces that can fit into a message; the rest is not even rendered."""
    length = 0
    for piece in pieces:
        yield piece
        length += len(piece)
        if length > 4 * BODY_MAX:
            return


# Schemes that hand the message to this machine, past every socket of Python.
LOCAL = frozenset({"syslog", "dbus", "glib", "gnome", "kde", "qt", "macosx", "windows"})
ON_THIS_MACHINE = "the message would go to this machine; if you mean that, say allow_private = true"


def _notify(url: str, title: str, text: str, *, private: bool) -> AnswerFields:
    import apprise

    if url.partition(":")[0].lower() in LOCAL and not private:
        return {"ok": False, "error": ON_THIS_MACHINE}
    refused = _guard(private)
    heard = _listen()
    asset = apprise.AppriseAsset(async_mode=False, storage_mode="memory", secure_logging=True)
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        return {"ok": False, "error": "apprise cannot read the URL, or does not know its scheme"}
    ok = service.notify(body=text, title=title, body_format="text", interpret_escapes=False)
    # When the message failed, the exchange that failed tells why.
    telling = heard if ok else [answer for answer in heard if not 200 <= answer.get("code", 0) < 300] or heard
    why = {"error": refused[-1]} if refused and not ok else {}
    return {**(telling[-1] if telling else {}), **why, "ok": bool(ok)}


def _guard(private: bool) -> list[str]:
    """Check every address before it is dialled. Returns a list that grows by the reason of each refusal.

    Nearly every plugin, whatever protocol it speaks, finds its addresses through getaddrinfo and dials what that
    returned: there is no second lookup. Some hand the name to a socket, which would look it up by itself; so a name
    that reaches a socket is looked up here first. An address written as such in the URL is consent for it.
    """
    refused: list[str] = []
    lookup = socket.getaddrinfo
    cleared: set[str] = set()

    def vetted(host: Any, *args: Any, **options: Any) -> Any:
        found = lookup(host, *args, **options)
        name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
        consent = address_policy.Consent(address_policy.written(name.strip("[]")), private)
        for *_, place in found:
            if reason := address_policy.refusal(str(place[0]), consent):
                refused.append(reason)
                raise socket.gaierror(socket.EAI_FAIL, "not to be dialled")
        cleared.update(str(place[0]) for *_, place in found)
        return found

    def placed(sock: socket.socket, place: Any) -> Any:
        """Returns where a socket may go, instead of where it was told to."""
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            if private:
                return place
            refused.append(ON_THIS_MACHINE)
            raise OSError(errno.EACCES, "not to be dialled")
        if str(place[0]) in cleared:
            return place
        found = vetted(place[0], place[1], sock.family, sock.type)
        return (*found[0][4][:2], *place[2:])

    _vet_sockets(placed)
    socket.getaddrinfo = vetted
    return refused


def _vet_sockets(placed: Callable[[socket.socket, Any], Any]) -> None:
    """Makes every socket of this process ask before it connects or sends a datagram somewhere."""
    connect, connect_ex, sendto = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto

    def ask_connect(self: socket.socket, place: Any) -> None:
        connect(self, placed(self, place))

    def ask_connect_ex(self: socket.socket, place: Any) -> int:
        return connect_ex(self, placed(self, place))

    def ask_sendto(self: socket.socket, data: Any, *flags_and_place: Any) -> int:
        flags = flags_and_place[0] if len(flags_and_place) > 1 else 0
        return sendto(self, data, flags, placed(self, flags_and_place[-1]))

    socket.socket.connect = ask_connect  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = ask_connect_ex  # type: ignore[method-assign, assignment]
    socket.socket.sendto = ask_sendto  # type: ignore[method-assign, assignment]


def _listen() -> list[AnswerFields]:
    """Apply our rules to every HTTP exchange. Returns a list to which the result of each exchange is added.

    All plugins send through requests, and none tells its caller the status. This process is ours alone
    and ends with this message, so the one method that every request passes through is replaced:
    no redirect is followed (it would carry the token elsewhere), no proxy or ~/.netrc is read.
    """
    import requests

    heard: list[AnswerFields] = []
    request = requests.Session.request

    def held(self: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        self.trust_env = False
        try:
            response = request(self, method, url, **options | {"allow_redirects": False})
        except requests.RequestException as error:
            heard.append({"error": f"no answer: {type(error).__name__}"})
            raise
        heard.append(_noted(response))
        return response

    requests.Session.request = held  # type: ignore[assignment, method-assign]
    return heard


def _noted(response: Any) -> AnswerFields:
    noted: AnswerFields = {"code": response.status_code}
    if not 200 <= response.status_code < 300:
        # Far more than is stored, because it is masked before it is cut.
        noted["snippet"] = response.content[:_HEARD_MAX].decode(errors="replace")
    if response.status_code in _ASK_TO_WAIT:
        noted["retry_after_s"] = _asked(response)
    return noted


def _asked(response: Any) -> float | None:
    """Returns how many seconds to wait: from the JSON of a chat (its top or its `parameters`), or from the header."""
    with contextlib.suppress(ValueError, TypeError, AttributeError):
        answer = response.json()
        seconds = answer.get("retry_after", answer.get("parameters", {}).get("retry_after"))
        if isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0:
            return min(float(seconds), _A_DAY_S)
    return retry_after_s(response.headers, clock.now())


if __name__ == "__main__":
    main()
