"""Which ids of a batch that fails are asked about next, until those to blame are left."""

import random

import pytest

from tracker.core.polling import halving
from tracker.core.polling.halving import Next, Part

# parts (number, size, failed); did a call get through; the canary -> what comes next
STEPS = [
    ([(1, 100, False)], False, None, Next(canary=True)),
    ([(1, 100, False)], True, None, Next(ask=1)),
    ([(1, 100, True)], True, None, Next(cut=(1,))),
    ([(2, 50, False), (3, 50, False)], True, None, Next(ask=2)),
    ([(2, 50, True), (3, 50, False)], True, None, Next(ask=3)),
    ([(3, 50, False)], True, None, Next(ask=3)),
    ([(3, 50, True)], True, None, Next(cut=(3,))),
    ([(2, 50, True), (3, 50, True)], True, None, Next(canary=True)),
    ([(2, 50, True), (3, 50, True)], True, True, Next(cut=(2, 3))),
    ([(2, 50, True), (3, 50, True)], True, False, Next(blame_kind=True)),
    ([(4, 25, True), (6, 25, True), (7, 25, False)], True, None, Next(ask=7)),
    ([(4, 25, True), (6, 25, True)], True, None, Next(cut=(4, 6))),
]


@pytest.mark.parametrize(("parts", "got_through", "canary", "expected"), STEPS)
def test_each_step_follows_from_the_parts_that_are_left(parts, got_through, canary, expected):
    assert halving.step([Part(*part) for part in parts], got_through=got_through, canary=canary) == expected


# the numbers of the parts that are left -> did both halves fail at two levels running?
LEVELS = [
    ((1,), False),
    ((2, 3), False),
    ((4, 5), False),
    ((4, 6), False),
    ((4, 5, 6, 7), True),
    ((4, 5, 7), True),
    ((4, 5, 14), False),
    ((8, 9, 10), True),
]


@pytest.mark.parametrize(("numbers", "expected"), LEVELS)
def test_two_levels_of_failing_halves_are_seen_in_the_numbers(numbers, expected):
    assert halving.two_levels(numbers) is expected


def halved(ids, broken):
    """Halves until nothing is left to do; returns the ids to blame and the calls it took."""
    parts, blamed, calls = {1: (ids, True)}, [], 0
    while parts:
        listed = [Part(number, len(some), failed) for number, (some, failed) in parts.items()]
        todo = halving.step(listed, got_through=True, canary=True)
        assert not todo.canary
        assert not todo.blame_kind
        if todo.ask is not None:
            calls += 1
            some = parts.pop(todo.ask)[0]
            if broken & set(some):
                parts[todo.ask] = (some, True)
        for number in todo.cut:
            some = parts.pop(number)[0]
            if len(some) == 1:
                blamed += some
            else:
                half = (len(some) + 1) // 2
                parts |= {2 * number: (some[:half], False), 2 * number + 1: (some[half:], False)}
    return set(blamed), calls


@pytest.mark.parametrize("seed", range(40))
def test_exactly_the_broken_ids_are_blamed_in_few_calls(seed):
    rng = random.Random(seed)
    ids = list(range(rng.randint(1, 100)))
    broken = set(rng.sample(ids, min(len(ids), rng.randint(1, 4))))
    blamed, calls = halved(ids, broken)
    assert blamed == broken
    assert calls <= 2 * 7 * len(broken)
