"""Takes link, reference and tags of orders that are forgotten out of the texts that hold them."""

import json
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct

PERSONAL = ("link", "ref", "tags")


class _JournalLine(Struct):
    """The order that a line of the journal is about."""

    panel: str = ""
    id: str | int = ""


_about = msgspec.json.Decoder(_JournalLine).decode


class ErasedTexts(Struct):
    """What was erased. words: links and references, which mean one customer. tags: labels, maybe common words."""

    words: set[str] = set()
    tags: set[str] = set()

    def add(self, link: str | None, ref: str | None, tags: Iterable[str]) -> bool:
        """Notes what an order has of these; False: it has nothing."""
        found = ({text for text in (link, ref) if text}, {str(tag) for tag in tags if tag})
        self.words |= found[0]
        self.tags |= found[1]
        return any(found)


def cleaned_body(body: str, erased: ErasedTexts) -> str:
    """Returns the body of an order's event without reference and tags, all other bytes as they were."""
    event: dict[str, Any] = msgspec.json.decode(body)
    order = event["data"]["order"]
    if not erased.add(None, order["ref"], order["tags"]):
        return body
    order |= {"ref": None, "tags": []}
    return msgspec.json.encode(event).decode()


class JournalEraser:
    """Changes the lines of the journal that are about some orders; it collects their `ids` and what was `erased`.

    keep: the lines stay, without link, reference and tags; else they are taken out. A torn line that names one of the
    orders is always taken out.
    """

    def __init__(self, panel: str, ids: Collection[str], *, keep: bool) -> None:
        self.ids: set[str] = set()
        self.erased = ErasedTexts()
        self._panel, self._wanted, self._keep = panel, frozenset(ids), keep
        self._names = {json.dumps(id_, ensure_ascii=False).encode(): id_ for id_ in ids}

    def __call__(self, line: bytes) -> bytes:
        try:
            about = _about(line)
        except msgspec.MsgspecError:
            return self._torn(line)
        if about.panel != self._panel or str(about.id) not in self._wanted:
            return line
        self.ids.add(str(about.id))
        row: dict[str, Any] = json.loads(line)
        self.erased.add(row.get("link"), row.get("ref"), row.get("tags") or ())
        kept = {name: value for name, value in row.items() if name not in PERSONAL}
        return (json.dumps(kept, ensure_ascii=False) + "\n").encode() if self._keep else b""

    def _torn(self, line: bytes) -> bytes:
        return b"" if any(name in line for name in self._names) else line


def spellings(value: str) -> set[str]:
    """Returns the ways to write a text: as it is, in the JSON of several writers, in JSON inside JSON."""
    once = _escaped(value)
    return once.union(*map(_escaped, once))


def _escaped(text: str) -> set[str]:
    found = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    return found | {one.replace("/", "\\/") for one in found}
