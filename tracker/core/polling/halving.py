"""Finds the ids that break every call that names them, by asking about halves of the call.

A batch that failed by its answer is asked for once more, after another call got through. If it fails again, it is cut
in two, and each half that fails is cut again, until single ids are left: those are set aside, the others are free.

Parts are numbered like a heap: the whole batch is 1, the halves of n are 2n and 2n + 1. So the half beside n is n ^ 1,
and what has become of it shows in the parts that are left.

              1: fails twice
             /              \\
      2: answered, free   3: fails
                         /        \\
                    6: fails   7: answered, free     and so on

  half n failed, the other one       then
  ---------------------------------  ------------------------------------------------------------------------
  has not been asked about yet       it is asked about first
  was answered                       n is cut in two; a single id is set aside
  failed too                         one id of the same kind that was answered lately is asked about alone (the
                                     canary): if that is answered, both halves are cut; else it is the kind

Where there is no such id, both halves failing two levels running means that it is the kind and not an id.
"""

from collections.abc import Sequence

from msgspec import Struct

RETRY_S = 5.0  # after the first failure, before the same batch is asked for again
SILENT_MAX = 4  # halves that got no answer in time; then the ids that are left are tried one by one
SHARE = 5  # a fifth of the budget
WHOLE = 1


class Part(Struct, frozen=True):
    """Ids of one failed batch that are asked about together.

    failed: it was asked about since it was cut, and failed; for the whole batch, it failed twice.
    """

    number: int
    size: int
    failed: bool


class Next(Struct, frozen=True):
    """What to do about a batch that is being halved; at most one of these.

    ask: the part to ask about. canary: ask about one id that was answered lately. cut: the parts to cut in two.
    blame_kind: it is the kind of call.
    """

    ask: int | None = None
    canary: bool = False
    cut: tuple[int, ...] = ()
    blame_kind: bool = False


def step(parts: Sequence[Part], *, got_through: bool, canary: bool | None) -> Next:
    """Returns what to do next about a batch.

    got_through: a call was answered since the batch first failed.
    canary: whether the canary was answered after the last failure; None: it was not asked yet.
    """
    left = {part.number: part for part in parts}
    whole = left.get(WHOLE)
    if whole is not None and not whole.failed:
        return Next(ask=WHOLE) if got_through else Next(canary=True)
    waiting = sorted(number for number, part in left.items() if not part.failed)
    if waiting:
        return Next(ask=waiting[0])
    failed = sorted(left)
    pairs = [number for number in failed if number ^ 1 in left and number != WHOLE]
    if not pairs:
        return Next(cut=tuple(failed))
    if canary:
        return Next(cut=tuple(failed))
    if canary is None:
        return Next(canary=True)
    return Next(blame_kind=True)


def two_levels(numbers: Sequence[int]) -> bool:
    """Whether both halves failed at two levels running: n and its neighbour, and both halves of a cut neighbour."""
    left = set(numbers)
    return any(n ^ 1 in left and any(m >> 1 == (n >> 1) ^ 1 for m in left) for n in left if n > 3)
