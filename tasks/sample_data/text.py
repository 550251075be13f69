"""Numbers turned into the text of an export: ids, timestamps, spellings, emails, addresses.

Belongs here: vectorised formatting. Does not belong here: which rows exist, or what is wrong with
them on purpose (a spelling variant is still a valid value).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import polars as pl

from tasks.sample_data import names
from tasks.sample_data.plan import Bools, Ints, SamplePlan, Stream, pick

_VARIANT_SHARE = 5.0  # spellings vary five times as often as values are wrong
_ADDRESS_COUNT = 4_096
_MIX = 2_654_435_761  # Knuth's multiplicative hash: neighbours get unrelated names


def numbered(prefix: str, numbers: Ints, width: int) -> pl.Series:
    """Ids such as `ORD-00000042`."""
    digits = pl.Series(numbers).cast(pl.String).str.zfill(width)
    return pl.select(pl.concat_str(pl.lit(prefix), digits)).to_series()


def stamped(micros: Ints, form: str) -> pl.Series:
    """Timestamps (microseconds since 1970, UTC) as text in a strftime form."""
    return pl.Series(micros).cast(pl.Datetime("us")).dt.strftime(form)


def money(cents: Ints) -> pl.Series:
    """Cents as the float nearest to the decimal amount."""
    return pl.Series(cents / 100.0)


def variants(values: Sequence[str], *, keep_case: bool = False) -> list[str]:
    """Each value followed by the five other spellings of it that clean to the same value."""
    return [
        spelling
        for value in values
        for spelling in (
            value,
            f" {value}",
            f"{value}  ",
            f"\t{value}\r\n",
            f"  {value} " if keep_case else value.lower(),
            f"{value}\n" if keep_case else value.upper(),
        )
    ]


def spelled(
    random: np.random.Generator,
    values: Sequence[str],
    codes: Ints,
    dirt: float,
    *,
    keep_case: bool = False,
) -> pl.Series:
    """`values[codes]`, a share of them padded or in another case; all canonical without dirt."""
    if dirt == 0:
        return pl.Series(list(values), dtype=pl.String).gather(codes)
    pool = variants(values, keep_case=keep_case)
    forms = len(pool) // len(values)
    share = min(0.5, _VARIANT_SHARE * dirt)
    varied = random.random(len(codes)) < share
    form = np.where(varied, random.integers(1, forms, len(codes)), 0)
    return pl.Series(pool, dtype=pl.String).gather(codes * forms + form)


def customer_ids(numbers: Ints, guests: Bools) -> pl.Series:
    """`GUEST-000123` where `guests`, else `CUST-000123`."""
    prefix = pl.Series(["CUST-", "GUEST-"]).gather(guests.astype(np.int64))
    digits = pl.Series(numbers).cast(pl.String).str.zfill(6)
    return pl.select(pl.concat_str(prefix, digits)).to_series()


def person_names(numbers: Ints) -> tuple[pl.Series, pl.Series]:
    """First and last names; the same number always has the same name."""
    mixed = (numbers * _MIX) >> 7
    first = pl.Series(list(names.FIRST_NAMES)).gather(mixed % len(names.FIRST_NAMES))
    last = pl.Series(list(names.LAST_NAMES)).gather((mixed >> 11) % len(names.LAST_NAMES))
    return first, last


def emails(numbers: Ints, guests: Bools) -> pl.Series:
    """Email addresses; unique, because the number is part of each."""
    local = pl.Series(["customer", "guest"]).gather(guests.astype(np.int64))
    _, last = person_names(numbers)
    last = last.str.to_lowercase().str.replace_all("[^a-z]", "")
    domain = pl.Series(list(names.MAIL_DOMAINS)).gather((numbers * 7) % len(names.MAIL_DOMAINS))
    digits = pl.Series(numbers).cast(pl.String)
    text = pl.concat_str(last, pl.lit("."), local, digits, pl.lit("@"), domain)
    return pl.select(text).to_series()


@lru_cache(maxsize=4)
def _address_pool(plan: SamplePlan) -> pl.Series:
    random = plan.random(Stream.ADDRESSES)
    count = _ADDRESS_COUNT
    kind = pick(random, count, (0.93, 0.02, 0.02, 0.015, 0.015))
    house = random.integers(1, 9_900, count)
    street, city, state, place, zip_code = (
        random.integers(0, high, count)
        for high in (
            len(names.STREETS),
            len(names.CITIES),
            len(names.STATES),
            len(names.FOREIGN_PLACES),
            99_000,
        )
    )
    pool = []
    for i in range(count):
        region, code = names.STATES[state[i]], f"{zip_code[i] + 501:05d}"
        usual = f"{house[i]} {names.STREETS[street[i]]}, {names.CITIES[city[i]]}, {region} {code}"
        pool.append(
            (
                usual,
                f"{usual}-{house[i]:04d}",
                f"Unit {house[i]} Box {i}, {('APO', 'FPO', 'DPO')[i % 3]} AE 09{i % 1000:03d}",
                f"{house[i]} {names.STREETS[street[i]]}, {names.CITIES[city[i]]} "
                f"{region.lower()}, {code}",
                names.FOREIGN_PLACES[place[i]],
            )[kind[i]]
        )
    return pl.Series(pool, dtype=pl.String)


def addresses(plan: SamplePlan, numbers: Ints, missing: Bools) -> pl.Series:
    """One postal address a number, the same each time; NULL where `missing`."""
    place = ((numbers * _MIX) >> 9) % _ADDRESS_COUNT
    return _address_pool(plan).gather(pl.Series(place).set(pl.Series(missing), None))
