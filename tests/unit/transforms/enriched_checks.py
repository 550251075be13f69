"""What the tests ask of every enriched table, whatever it computes.

Belongs here: collecting a result, and the demands that all tables share (columns, schema, grain,
one answer from both of Polars' engines, independence of row order). Does not belong here: the
expectations of one table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from pandera.errors import SchemaErrors
from polars.testing import assert_frame_equal

MONEY = pl.Decimal(18, 2)

Row = dict[str, Any]


def computed(frame: pl.LazyFrame, schema: pa.DataFrameSchema, grain: Sequence[str]) -> pl.DataFrame:
    """The rows in the order of the grain, after every check that holds for any enriched table."""
    result = frame.collect(engine="streaming").sort(grain)
    in_memory = frame.collect(engine="in-memory").sort(grain)
    assert_frame_equal(result, in_memory, check_exact=True)
    assert frame.collect_schema() == result.schema
    assert not result.select(grain).is_duplicated().any()
    schema.validate(result, lazy=True)
    return result


def breaks(schema: pa.DataFrameSchema, frame: pl.DataFrame, column: str, check: str) -> None:
    """Assert that the schema's report names ``column`` and ``check`` for ``frame``."""
    with pytest.raises(SchemaErrors) as raised:
        schema.validate(frame, lazy=True)
    reported = raised.value.failure_cases.select("column", "check").rows()
    assert (column, check) in reported, reported


def same_in_any_order(
    compute: Callable[..., pl.LazyFrame],
    tables: dict[str, pl.LazyFrame],
    random: Random,
    grain: Sequence[str],
) -> None:
    """Assert that shuffling the rows of every table leaves the result exactly as it was."""
    shuffled = {
        name: table.collect().sample(fraction=1, shuffle=True, seed=random.randrange(2**32)).lazy()
        for name, table in tables.items()
    }
    assert_frame_equal(
        compute(**tables).collect().sort(grain),
        compute(**shuffled).collect().sort(grain),
        check_exact=True,
    )
