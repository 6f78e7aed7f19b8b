"""Notices that a panel refuses whatever it is asked, in words of no known kind.

No list of such words will ever be complete: "API is disabled for this user" comes in any language. The sign is that
the same words refuse everything. One order that is refused in odd words is only that order's matter.

  what was refused in the same words, with nothing answered in between    trouble of the panel
  ---------------------------------------------------------------------  --------------------
  one open order, or two, however often                                   no
  three open orders, in one call                                          no
  three open orders, in two calls                                         yes
  an open order, and `balance`                                            yes
  a batch as a whole, and the batch again                                 no: it may take no lists
  a batch as a whole, and then one of its orders alone                    yes
  finished orders; orders that only a client of the gateway asks about    they do not count
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from tracker.core.status import caseless

IDS, CALLS = 3, 2
_NUMBER = re.compile(r"\d+")  # "Order 23501 is blocked" is the same words for every order


class RefusedCall(Struct, frozen=True):
    """What a call was refused in.

    words: None: something in it was answered.
    ids: the open orders that were refused in these words.
    batch: they were refused as a whole.
    balance: the call asked for the balance.
    """

    words: str | None
    ids: tuple[str, ...] = ()
    batch: bool = False
    balance: bool = False


class Refused(Struct, frozen=True):
    """What the last calls were refused in, all in the same words; nothing was answered since.

    ids: of distinct open orders, as many as are needed to be sure.
    calls: how many there were, a batch that was refused as a whole counted once.
    """

    words: str
    ids: tuple[str, ...] = ()
    calls: int = 0
    batch: bool = False
    balance: bool = False

    @property
    def everything(self) -> bool:
        """Whether it is the panel that refuses."""
        if self.balance:
            return bool(self.ids)
        return self.calls >= CALLS and len(self.ids) >= IDS


def after(before: Refused | None, call: RefusedCall) -> Refused | None:
    """Returns what is remembered after a call; None: nothing."""
    if call.words is None:
        return None
    words = same(call.words)
    if not call.ids and not call.balance:
        return before
    if before is None or before.words != words:
        before = Refused(words)
    ids = tuple(dict.fromkeys((*before.ids, *call.ids)))[:IDS]
    again = call.batch and before.batch
    return Refused(
        words,
        ids,
        before.calls + (bool(call.ids) and not again),
        before.batch or call.batch,
        before.balance or call.balance,
    )


def same(words: str) -> str:
    """Returns the words as they are compared: without case, numbers and blanks at the ends."""
    return _NUMBER.sub("#", caseless(words)).strip()


def one_text(texts: Sequence[str]) -> str | None:
    """Returns the words of all these refusals; None if they are not the same."""
    return texts[0] if texts and len({same(text) for text in texts}) == 1 else None
