"""Which lines of a day are spoilt, how, and when they arrive.

Belongs here: the choice of lines and kinds, and a day's lines with their dirt. Does not belong
here: the kinds (`clickstream_kinds.py`), and files (`clickstream_files.py`).

Pieces of dirt are numbered over the whole sample, and the kinds take turns in a shuffled cycle: all
of them occur in any sample with a few times as many pieces as there are kinds, late ones if it has
several days.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tasks.sample_data.clickstream_kinds import Kind, Place, line_kinds
from tasks.sample_data.clickstream_plan import ClickstreamPlan, Stream
from tasks.sample_data.plan import Ints

MAX_DELAY_DAYS = 3

Chunk = tuple[memoryview, Ints]
CountKind = Callable[[Kind], None]


@dataclass(frozen=True)
class Delayed:
    """A line that arrives in the file of a later day."""

    arrives: int
    kind: Kind
    line: bytes


@dataclass(frozen=True)
class PlacedDirt:
    """The dirt of one day: the places of the lines, ascending, the kind and turn of each."""

    places: list[int]
    kinds: list[Kind]
    turns: list[int]


def dirt_of(plan: ClickstreamPlan, day: int) -> PlacedDirt:
    """What is wrong on one day, and with which of its lines."""
    first, end = plan.dirty_before(day), plan.dirty_before(day + 1)
    count = min(end - first, plan.events_on(day))
    places = plan.random(Stream.DIRT, day).choice(plan.events_on(day), count, replace=False)
    order = np.argsort(places)
    cycle, turns_before, weights = _cycle(plan)
    kinds: list[Kind] = []
    turns: list[int] = []
    for number in (first + order).tolist():
        rounds, place = divmod(number, len(cycle))
        kinds.append(cycle[place])
        turns.append(rounds * weights[place] + turns_before[place])
    return PlacedDirt(places[order].tolist(), kinds, turns)


@lru_cache(maxsize=4)
def _cycle(plan: ClickstreamPlan) -> tuple[list[Kind], list[int], list[int]]:
    """Every kind as often as it weighs; how often it came before in the cycle; its weight."""
    all_kinds = line_kinds(plan.last_day + dt.timedelta(days=1))
    weighted = [(kind, turn) for kind in all_kinds for turn in range(kind.weight)]
    shuffled = [weighted[place] for place in plan.random(Stream.CYCLE).permutation(len(weighted))]
    return (
        [kind for kind, _ in shuffled],
        [turn for _, turn in shuffled],
        [kind.weight for kind, _ in shuffled],
    )


def soiled(
    day: int, chunks: Iterable[Chunk], dirt: PlacedDirt, delayed: list[Delayed], count: CountKind
) -> Iterator[bytes | memoryview]:
    """A day's lines with its dirt, in pieces; what arrives later is added to `delayed`.

    `count` is called for each piece of dirt that stands in this day's file.
    """
    done = 0  # pieces of dirt
    before = 0  # events of the chunks before
    for data, offsets in chunks:
        events = len(offsets) - 1
        clean_from = 0
        while done < len(dirt.places) and dirt.places[done] < before + events:
            place = dirt.places[done] - before
            kind, turn = dirt.kinds[done], dirt.turns[done]
            begin, end = int(offsets[place]), int(offsets[place + 1])
            line = kind.spoil(bytes(data[begin : end - 1]).decode().split(","), turn) + b"\n"
            stays = kind.place in {Place.BESIDE, Place.AGAIN}
            yield data[clean_from : end if stays else begin]
            clean_from = end
            if kind.place in {Place.LATE, Place.AGAIN}:
                delayed.append(Delayed(day + 1 + turn % MAX_DELAY_DAYS, kind, line))
            else:
                count(kind)
                yield line
            done += 1
        yield data[clean_from : int(offsets[-1])]
        before += events
