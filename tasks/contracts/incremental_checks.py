"""Whether the entries `incremental` of a specification fit the tables that they speak of.

Belongs here: checks across entries, as in `spec_checks.py`, of what lets a table be computed for
some of its days only. Does not belong here: their use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.contracts.incremental import DAYS, HOURS, Incremental, Reach, Span
from tasks.contracts.names import did_you_mean
from tasks.contracts.spec import Spec

Problems = Iterator[str]


def incremental_problems(spec: Spec) -> list[str]:
    """Return every problem of the entries `incremental`, each with its path."""
    problems: list[str] = []
    for index, transform in enumerate(spec.transforms):
        if transform.incremental is not None:
            path = f"transforms[{index}]"
            declared = (transform.incremental, transform.inputs, transform.parameters)
            problems += _incremental(path, spec, transform.partition_column, *declared)
    for index, fact in enumerate(spec.gold):
        if fact.incremental is not None:
            path, inputs = f"gold[{index}]", {name: name for name in fact.inputs}
            problems += _incremental(
                path, spec, fact.partition_column, fact.incremental, inputs, {}
            )
            if fact.incremental.columns or fact.incremental.history:
                problems.append(f"{path}.incremental: a fact has neither `columns` nor `history`")
    return problems


def _incremental(
    path: str,
    spec: Spec,
    partition_column: str | None,
    entry: Incremental,
    inputs: Mapping[str, str],
    parameters: Mapping[str, Any],
) -> Problems:
    if partition_column is None:
        yield f"{path}.incremental: without a partition_column there are no days"
    path = f"{path}.incremental"
    yield from _span(f"{path}.settles_after", entry.settles_after, parameters)
    for number, span in enumerate(entry.history):
        yield from _span(f"{path}.history[{number}]", span, parameters)
    for argument, reach in entry.reads.items():
        where = f"{path}.reads.{argument}"
        if argument not in inputs:
            yield f"{where}: no input '{argument}'{did_you_mean(argument, inputs)}"
        elif not reach.on_run_date and not _has_days(spec, inputs[argument]):
            yield f"{where}: {inputs[argument]} has no days"
        yield from _span(f"{where}.before", reach.before, parameters)
        yield from _span(f"{where}.after", reach.after, parameters)
        yield from _link(where, spec, argument, reach, entry.reads, inputs)
    for argument, columns in entry.columns.items():
        yield from _columns(f"{path}.columns.{argument}", spec, argument, columns, inputs)


def _span(where: str, span: Span, parameters: Mapping[str, Any]) -> Problems:
    if isinstance(span, int):
        return
    if span not in parameters:
        yield f"{where}: no parameter '{span}'{did_you_mean(span, parameters)}"
    elif not isinstance(parameters[span], int | float) or parameters[span] < 0:
        yield f"{where}: parameter '{span}' is no number of hours or days"
    elif not span.endswith((HOURS, DAYS)):
        yield f"{where}: parameter '{span}' must end in {HOURS} or {DAYS} to be a span"


def _link(
    where: str,
    spec: Spec,
    argument: str,
    reach: Reach,
    reads: Mapping[str, Reach],
    inputs: Mapping[str, str],
) -> Problems:
    if reach.of is None:
        return
    if reach.of not in reads or reach.of == argument:
        others = [name for name in reads if name != argument]
        yield f"{where}.of: no other input '{reach.of}' here{did_you_mean(reach.of, others)}"
    elif reads[reach.of].of is not None or reads[reach.of].on_run_date:
        yield f"{where}.of: '{reach.of}' must be read by its days alone"
    for name in (argument, reach.of):
        columns = _silver_columns(spec, inputs.get(name, ""))
        if columns and reach.by not in columns:
            hint = did_you_mean(str(reach.by), columns)
            yield f"{where}.by: {inputs[name]} has no column '{reach.by}'{hint}"


def _columns(
    where: str, spec: Spec, argument: str, columns: Sequence[str], inputs: Mapping[str, str]
) -> Problems:
    layer, _, name = inputs.get(argument, "").partition(".")
    source = {dimension.name: dimension.table for dimension in spec.dimensions}.get(name)
    if layer != "dims" or source is None:
        dims = [given for given, table in inputs.items() if table.startswith("dims.")]
        yield f"{where}: no dimension '{argument}' among the inputs{did_you_mean(argument, dims)}"
        return
    known = _silver_columns(spec, f"silver.{source}")
    for number, column in enumerate(columns):
        if known and column not in known:
            yield f"{where}[{number}]: no column '{column}'{did_you_mean(column, known)}"


def _has_days(spec: Spec, name: str) -> bool:
    layer, _, table = name.partition(".")
    cut = {transform.name for transform in spec.transforms if transform.partition_column}
    return layer == "silver" or (layer == "enriched" and table in cut)


def _silver_columns(spec: Spec, name: str) -> list[str]:
    layer, _, table = name.partition(".")
    known = {entry.name for entry in spec.tables}
    return list(spec.silver_columns(table)) if layer == "silver" and table in known else []
