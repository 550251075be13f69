"""Column lineage of the Polars transforms: which columns of its inputs each column depends on.

Belongs here: asking Polars what a transform would read. Does not belong here: running a transform
on rows (`enrichment.py`), and lineage of SQL (`sql_lineage.py`).

A transform is a lazy query. For one column of its result, Polars leaves out every column of the
inputs that this one does not need; what is left is what it depends on, whether as a value or as
part of a condition, and Polars does not tell which. The columns that a mere count of rows needs are
those that decide which rows there are. Where Polars needs no column it takes any: what it takes of
the same columns in another order as well is meant. No row is read for any of this.

Which of the columns that decide the rows a column is made of, Polars cannot be asked: a key under
another name and a count of rows need the same. The module of the transform names these in
`SOURCES`, as `argument.column`, or `argument.*` where rows are counted; others are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType

import polars as pl
from polars.exceptions import PolarsError
from polars.io.plugins import register_io_source

from tasks.contracts.column_lineage import ROWS, ColumnLineage, Kind, Source

_ANY_DAY = date(2024, 1, 31)


def transform_lineage(
    function: Callable[..., pl.LazyFrame],
    inputs: Mapping[str, str],
    schemas: Mapping[str, Mapping[str, pl.DataType]],
    parameters: Mapping[str, object],
    declared: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> ColumnLineage | None:
    """Return the lineage of the table that `function` makes; None if it cannot be told.

    `inputs` are {argument: layer.table}, `schemas` the columns of each argument; `declared` are
    the sources of columns that Polars cannot tell.
    """
    asked: set[Source] = set()

    def frame(argument: str, backwards: bool = False) -> pl.LazyFrame:
        order = list(schemas[argument])
        schema = {
            name: schemas[argument][name] for name in (reversed(order) if backwards else order)
        }
        table = inputs[argument]

        def read(
            with_columns: list[str] | None,
            predicate: pl.Expr | None,
            n_rows: int | None,  # noqa: ARG001 - Polars gives it by position
            batch_size: int | None,  # noqa: ARG001
        ) -> Iterator[pl.DataFrame]:
            wanted = list(schema) if with_columns is None else with_columns
            asked.update((table, column) for column in wanted)
            empty = pl.DataFrame(schema={column: schema[column] for column in wanted})
            yield empty if predicate is None else empty.filter(predicate)

        return register_io_source(read, schema=schema)

    def needed(expression: pl.Expr) -> frozenset[Source]:
        found = []
        for backwards in (False, True):
            asked.clear()
            frames = {argument: frame(argument, backwards) for argument in inputs}
            function(**frames, **parameters, run_date=_ANY_DAY).select(expression).collect()
            found.append(frozenset(asked))
        return found[0] & found[1]

    try:
        columns = function(
            **{argument: frame(argument) for argument in inputs}, **parameters, run_date=_ANY_DAY
        ).collect_schema()
        rows = needed(pl.len())
        # The run date is the run's own: it comes from no column.
        found = {name: needed(pl.col(name)) for name in columns if name != "run_date"}
    except PolarsError:
        return None
    told = {c: _of_column(c, sources, rows) for c, sources in found.items()}
    told |= {c: _declared(inputs, names) for c, names in declared.items() if c in columns}
    of_run: dict[str, dict[Source, Kind]] = {c: {} for c in columns if c == "run_date"}
    return ColumnLineage({c: own for c, own in told.items() if own} | of_run, rows)


def _of_column(
    column: str, sources: frozenset[Source], rows: frozenset[Source]
) -> dict[Source, Kind]:
    """Leave out what every column needs for its rows, unless this is the very column."""
    own = sorted(s for s in sources if s not in rows or s[1] == column)
    return dict.fromkeys(own, "UNTOLD")


def _declared(inputs: Mapping[str, str], names: Sequence[str]) -> dict[Source, Kind]:
    found: dict[Source, Kind] = {}
    for name in names:
        argument, _, column = name.partition(".")
        found[inputs[argument], column] = "AGGREGATION" if column == ROWS else "TRANSFORMATION"
    return found
