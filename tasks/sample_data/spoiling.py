"""The ways in which a column of a row can be spoilt, each a function of the rows.

Belongs here: generic spoiling of columns, without a notion of tables or rules. Does not belong
here: which column of which table is spoilt how (`dirt_kinds.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.sample_data.names import NULL_TOKENS

Spoil = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]


@dataclass(frozen=True)
class Kind:
    """One kind of dirt. `spoil` gives the rows back with it; each row gets it."""

    name: str
    spoil: Spoil


def drawn(column: str, pool: Sequence[object]) -> Spoil:
    """The column becomes values of `pool`."""

    def spoil(rows: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        values = pl.Series(column, pool, dtype=rows.schema[column], strict=True)
        return rows.with_columns(values.gather(random.integers(0, len(pool), rows.height)))

    return spoil


def computed(**columns: pl.Expr) -> Spoil:
    """The columns become these expressions of the row."""
    return lambda rows, _random: rows.with_columns(**columns)


def both(first: Spoil, second: Spoil) -> Spoil:
    """One after the other."""
    return lambda rows, random: second(first(rows, random), random)


def blank(column: str) -> Spoil:
    """Text that stands for NULL, or NULL."""
    return drawn(column, NULL_TOKENS)


def negated(column: str) -> Spoil:
    """Below zero, also where it was zero."""
    return computed(**{column: -(pl.col(column).abs() + 0.01).round(2)})


def moved(column: str, hours: int, suffix: str = "", source: str | None = None) -> pl.Expr:
    """The timestamp of `source` (or of the column itself), `hours` later, and `suffix`."""
    text = pl.col(source or column)
    moment = text.str.slice(0, 19).str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S")
    later = (moment + pl.duration(hours=hours)).dt.strftime("%Y-%m-%d %H:%M:%S")
    return pl.concat_str(later, text.str.slice(19), pl.lit(suffix)).alias(column)


def at(column: str, hours: int, suffix: str) -> Spoil:
    """The same moment, or another one, written with an offset."""
    return computed(**{column: moved(column, hours, suffix)})


def padded(column: str) -> Spoil:
    """White space around the text."""
    return computed(**{column: pl.concat_str(pl.lit(" \t"), pl.col(column), pl.lit("\r\n"))})


def float_noise(column: str) -> Spoil:
    """What binary arithmetic leaves behind: 19.99 becomes 19.990000000000002."""

    def spoil(rows: pl.DataFrame, _random: np.random.Generator) -> pl.DataFrame:
        values = rows[column].to_numpy()
        return rows.with_columns(pl.Series(column, np.nextafter(values, np.inf)))

    return spoil


def half_cents(column: str) -> Spoil:
    """Amounts such as 1.005, whose binary value lies below the half."""
    return computed(**{column: ((pl.col(column) * 100).floor() * 10 + 5) / 1000})
