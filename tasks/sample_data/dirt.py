"""How many rows of a clean frame become dirty, are delivered again, or arrive late.

Belongs here: shares, the planting of every kind, copies and lateness. Does not belong here: what a
kind of dirt does to a row (`dirt_kinds.py`), and the text of the audit columns (`ecommerce.py`).

A frame carries these hidden columns: `_group` (the number of the order, cart, return, customer or
product that a row belongs to), `_arrive` (the day whose partition holds it), `_asof` (the day of
the export that its audit columns tell of) and `_event` (its event number, unique in its table).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.sample_data.dirt_kinds import CHANGE, HARMLESS, WRONG
from tasks.sample_data.plan import (
    SIGNUP_HISTORY_DAYS,
    Floats,
    Ints,
    SamplePlan,
    Stream,
    chance,
)
from tasks.sample_data.spoiling import Kind

# All shares are of the rows, in units of the plan's `dirt`. A wrong row makes orphans of all its
# children, so the parents are mostly spoiled in copies, which leave an older valid version.
_SPOILED = {"customers": 0.03, "product_catalog": 0.1, "orders": 0.03, "shopping_carts": 0.05}
_SPOILED |= {"returns": 0.03, "order_items": 0.5, "cart_items": 0.5, "return_items": 0.4}
_HARMLESS = 1.0
_BROKEN_COPIES = 0.25
_AGAIN = 0.2
_CHANGED = 0.2
_EXACT = 0.15
_TIED = 0.1
_TWINS = 0.05
_LATE = 0.05
_CHILDREN_LATE_TOO = 0.5
_REPAIRED = 0.3  # of the spoiled rows
MAX_DELAY_DAYS = 4  # three days late, and delivered again the day after
_MAX_LATE_DAYS = 3

FACTS = ("orders", "order_items", "shopping_carts", "cart_items", "returns", "return_items")
# Items of a late return come with it: a shop has so few that orphans would soon be 1 %.
_CHILDREN = ("order_items", "cart_items")
_CHAINED = ("orders", "shopping_carts")
_FEW_ROWS = 2
_EVENTS_A_UNIT = 50_000_000


@dataclass
class _Copies:
    """Rows of a unit to be repeated, by what happens to the copy (places in the clean frame)."""

    broken: Ints
    again: Ints
    changed: Ints
    exact: Ints
    tied: Ints
    twins: Ints


def soil(plan: SamplePlan, table: str, unit: int, clean: pl.DataFrame) -> pl.DataFrame:
    """The rows of one unit (a day, or a whole dimension) with the plan's dirt and `_event`.

    `clean` has the bronze columns without audit and the hidden ones without `_event`. Without dirt
    nothing but `_event` changes.
    """
    first_event = (unit + 400) * _EVENTS_A_UNIT
    next_event = first_event + clean.height
    if table in FACTS:
        clean = _delay(plan, table, unit, clean)
    clean = clean.with_columns(
        pl.Series("_event", np.arange(first_event, next_event, dtype=np.int64))
    )
    if plan.dirt == 0 or clean.height == 0:
        return clean

    random = plan.random(Stream.DIRT + list(WRONG).index(table), unit)
    planted = _Planting(plan, table, unit)
    spoiled, odd = _touched(plan, table, unit, clean, random)
    free = np.flatnonzero(~np.isin(np.arange(clean.height), spoiled))
    if len(free) == 0:
        free = np.arange(clean.height)
    copies = _copies(plan, planted, random, free, np.setdiff1d(free, odd))
    chained = spoiled[: int(_is_chained(plan, table, unit))]
    repairable = spoiled[len(chained) :]
    repaired = repairable[chance(random, len(repairable), _REPAIRED)]

    # Every kind once: on this unit the kinds that are planted on it.
    wrong_kinds, odd_kinds = planted.kinds(WRONG[table]), planted.kinds(HARMLESS[table])
    wrong_rows = random.choice(free, len(wrong_kinds))
    odd_rows = random.choice(free, len(odd_kinds))

    dated = table in FACTS

    def fresh(rows: pl.DataFrame) -> pl.DataFrame:
        nonlocal next_event
        first, next_event = next_event, next_event + rows.height
        return rows.with_columns(pl.Series("_event", np.arange(first, next_event, dtype=np.int64)))

    def later(places: Ints) -> pl.DataFrame:
        return fresh(clean[places]).with_columns(
            pl.col("_arrive") + int(dated), pl.col("_asof") + 1
        )

    wrong = pl.concat([clean[spoiled], later(copies.broken), fresh(clean[wrong_rows])])
    wrong_codes = np.concatenate(
        [random.integers(0, len(WRONG[table]), wrong.height - len(wrong_kinds)), wrong_kinds]
    )
    wrong_codes[: len(chained)] = 0  # its key is missing, which no later day mends
    harmless = pl.concat([clean[odd], fresh(clean[odd_rows])])
    odd_codes = np.concatenate([random.integers(0, len(HARMLESS[table]), len(odd)), odd_kinds])
    untouched = np.ones(clean.height, dtype=np.bool_)
    untouched[spoiled] = False
    untouched[odd] = False
    return pl.concat(
        [
            clean.filter(pl.Series(untouched)),
            *_apply(WRONG[table], wrong, wrong_codes, random),
            *_apply(HARMLESS[table], harmless, odd_codes, random),
            later(copies.again),
            CHANGE[table](later(copies.changed), random),
            CHANGE[table](fresh(clean[copies.tied]), random),
            CHANGE[table](clean[copies.twins], random),  # only the values tell them apart
            clean[copies.exact].with_columns(pl.col("_arrive") + int(dated)),
            later(repaired),
        ]
    )


class _Planting:
    """Which kinds a unit has to show at least once, however few rows the sample has."""

    def __init__(self, plan: SamplePlan, table: str, unit: int) -> None:
        if table in FACTS:
            self.slots, self.slot = len(plan.plant_days), -1
            if unit in plan.plant_days:
                self.slot = plan.plant_days.index(unit)
        else:
            # A dimension's first unit is all of it, or all of its first year.
            self.slots, self.slot = 1, 0 if unit == first_unit(table) else -1

    def kinds(self, all_kinds: tuple[Kind, ...]) -> Ints:
        """The codes of the kinds that are planted here."""
        codes = np.arange(len(all_kinds), dtype=np.int64)
        here: Ints = codes[codes % max(self.slots, 1) == self.slot]
        return here

    def one_more(self, position: int) -> int:
        """1 if the `position`-th way of copying is planted here, else 0."""
        return int(self.slot >= 0 and position % max(self.slots, 1) == self.slot)


def first_unit(table: str) -> int:
    """The unit that holds a dimension's first delivery."""
    return -SIGNUP_HISTORY_DAYS if table == "customers" else 0


def _touched(
    plan: SamplePlan, table: str, unit: int, clean: pl.DataFrame, random: np.random.Generator
) -> tuple[Ints, Ints]:
    """Places of the rows that are spoiled, and, apart from them, of those that become odd."""
    count = clean.height
    eligible = np.arange(count)
    if table == "customers":
        # The longest-known customers order most: without them too many orders would be orphans.
        eligible = np.flatnonzero(clean["_group"].to_numpy() >= plan.initial_customers // 10)
    elif table == "product_catalog":
        eligible = np.flatnonzero(clean["_group"].to_numpy() >= plan.products * 4 // 5)
    wanted = int(random.binomial(len(eligible), min(1.0, _SPOILED[table] * plan.dirt)))
    if _is_chained(plan, table, unit) and count > _FEW_ROWS:
        wanted = max(wanted, 1)
    spoiled = random.choice(eligible, wanted, replace=False) if wanted else eligible[:0]
    odd = random.choice(
        count, int(random.binomial(count, min(1.0, _HARMLESS * plan.dirt))), replace=False
    )
    return spoiled, np.setdiff1d(odd, spoiled)


def _is_chained(plan: SamplePlan, table: str, unit: int) -> bool:
    """Whether a row of this unit is to be quarantined for good, and its items to be orphans."""
    return table in _CHAINED and plan.plant_days[:1] == (unit,)


def _copies(
    plan: SamplePlan,
    planted: _Planting,
    random: np.random.Generator,
    free: Ints,
    unchanged: Ints,
) -> _Copies:
    """Copies of rows that are `free` of errors; the exact ones are of rows left as they were."""
    ways = (
        (_BROKEN_COPIES, free),
        (_AGAIN, free),
        (_CHANGED, free),
        (_EXACT, unchanged),
        (_TIED, free),
        (_TWINS, free),
    )
    return _Copies(
        *(
            random.choice(
                places,
                int(random.binomial(len(places), min(1.0, share * plan.dirt)))
                + planted.one_more(position),
            )
            if len(places)
            else places
            for position, (share, places) in enumerate(ways)
        )
    )


def _apply(
    kinds: tuple[Kind, ...], rows: pl.DataFrame, codes: Ints, random: np.random.Generator
) -> list[pl.DataFrame]:
    """The rows, each spoilt in the way of its code."""
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(kinds) + 1))
    sorted_rows = rows[order]
    return [
        kind.spoil(sorted_rows[int(low) : int(high)], random)
        for kind, low, high in zip(kinds, bounds[:-1], bounds[1:], strict=True)
        if high > low
    ]


def _delay(plan: SamplePlan, table: str, unit: int, clean: pl.DataFrame) -> pl.DataFrame:
    """Let some groups arrive one to three days late.

    Lateness is a function of the group's number, so that parent and child agree about it; half of
    the items of late orders and carts come on time all the same, and are orphans until then.
    """
    if plan.dirt == 0 or clean.height == 0:
        return clean
    group = clean["_group"].to_numpy()
    late = _unrelated(plan, group, 1) < _LATE * plan.dirt
    if table in _CHILDREN:
        late &= _unrelated(plan, group, 2) < _CHILDREN_LATE_TOO
    if plan.days > 1 and plan.plant_days[:1] == (unit,):
        late |= group == group.min()
    if not late.any():
        return clean
    days = 1 + (_unrelated(plan, group, 3) * _MAX_LATE_DAYS).astype(np.int64)
    days[group == group.min()] = 1  # within even the shortest sample
    delay = pl.Series(days * late)
    return clean.with_columns(pl.col("_arrive") + delay, pl.col("_asof") + delay)


def _unrelated(plan: SamplePlan, group: Ints, salt: int) -> Floats:
    """A number in [0, 1) for each group, the same wherever the group occurs (splitmix64)."""
    mixed = group.astype(np.uint64) + np.uint64((plan.seed * 1_000_003 + salt * 7_919) % 2**62)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed ^ (mixed >> np.uint64(31))).astype(np.float64) / 2.0**64
