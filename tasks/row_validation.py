"""Validating the rows of Parquet files against a pandera schema, in bounded memory.

Belongs here: slicing and the wording of breaches. Does not belong here: the schemas (`contracts/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

ROWS_A_CHECK = 500_000


def schema_breaches(urls: Sequence[str], schema: Any) -> list[str]:
    """Validate every row against a pandera schema, a slice at a time; name column and check."""
    # All files at once: pandera takes as long for a file of a few rows as for a slice.
    rows = pl.scan_parquet(list(urls), hive_partitioning=False)
    height = rows.select(pl.len()).collect().item()
    for start in range(0, max(height, 1), ROWS_A_CHECK):
        try:
            part = rows.slice(start, ROWS_A_CHECK).collect(engine="streaming")
        except PolarsError as error:
            return [f"the files cannot be read as one table: {error}"]
        found = frame_breaches(part, schema)
        if found:
            return found
    return []


def frame_breaches(part: pl.DataFrame, schema: Any) -> list[str]:
    """Validate the rows of a frame against a pandera schema; name column and check."""
    from pandera.errors import SchemaError, SchemaErrors  # noqa: PLC0415 - slow to import

    try:
        schema.validate(part, lazy=True)
    except PolarsError as error:
        return [f"the files cannot be read as one table: {error}"]
    except SchemaErrors as errors:
        # What is wrong with the columns themselves has the column's name for a case.
        column = pl.coalesce("column", "failure_case")
        cases = errors.failure_cases.select(column, "check").unique().sort(pl.all())
        return [f"{name}: {check}" for name, check in cases.iter_rows()]
    except SchemaError as error:
        return [str(error).splitlines()[0]]
    return []
