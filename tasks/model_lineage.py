"""Column lineage of a pipeline's dbt models, down to the columns of its published tables.

Belongs here: what the models read beside published tables, and the names that tables have in SQL.
Does not belong here: reading SQL (`sql_lineage.py`), and lineage of the Polars transforms
(`transform_lineage.py`).

Silver's macros make tables on the way: typed lines, rows that a change reaches, what the release
before held. dbt does not know them as models. What each is made of is said here in SQL, by the
macros' own rules, so that what reads them can be followed through them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from tasks.contracts.column_lineage import ColumnLineage, Kind, Source
from tasks.contracts.json_feed import INGESTED_AT, MALFORMED, SOURCE_FILE, SOURCE_ROW
from tasks.contracts.spec import LINE_REASONS, Spec, Table
from tasks.sql_lineage import lineage_of_models

RECORD = "record"  # of bronze of JSON: the record as received, whole
_PLACE = ("_file", "_row")  # what a bronze view tells beside the received columns
_Model = tuple[str, str]


def models_lineage(
    spec: Spec,
    models: Iterable[_Model],
    columns: Mapping[str, Sequence[str]],
    internal: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> dict[str, ColumnLineage]:
    """Return the lineage of tables that `models` make: (`layer.name` in SQL, its compiled SQL).

    Models come in the order in which they are built. `columns` are those of the published tables of
    all layers above bronze, `internal` those of tables that are kept for the next run only: they
    are seen through. What no SQL tells of silver is what the specification declares.
    """
    given = list(models)
    # A model may begin with the pipeline's name, where another pipeline has a table of its name.
    names = {name: without_pipeline(name, spec.pipeline) for name, _ in given}
    known = dict(columns)
    for table in spec.tables:
        bronze = f"bronze.{table.bronze_name}"
        reasons = [LINE_REASONS] if table.landing == "lines" else []
        known[bronze] = [*bronze_columns(spec, table.name), *_PLACE, *reasons]
    known |= {name: known[own] for name, own in names.items() if own in known}
    text = "\n".join(sql for _, sql in given)
    hidden = [*_on_the_way(spec, columns), *_as_released(internal)]
    read = [model for model in hidden if model[0].partition(".")[2] in text]
    changed = dict(_changed(spec, columns))
    ordered = []
    for name, sql in given:
        ordered.append((name, sql))
        if name in changed and changed[name][0].partition(".")[2] in text:
            ordered.append(changed[name])
    told = lineage_of_models([*read, *ordered], known)
    found = {
        names[name]: lineage.renamed(names).without_columns([*_PLACE, LINE_REASONS])
        for name, lineage in told.items()
        if name in names
    }
    return declared_lineage(spec) | found


def declared_lineage(spec: Spec) -> dict[str, ColumnLineage]:
    """Return what the specification says of silver: a received column becomes that of its name.

    It is all that is known of a table whose SQL was not run or cannot be resolved. Quarantine has
    the received columns as they are, and reasons that come of any of them.
    """
    found = {}
    for table in spec.tables:
        bronze = f"bronze.{table.bronze_name}"
        received = {column.name for column in table.columns}
        columns: dict[str, dict[Source, Kind]] = {
            name: {(bronze, name): "TRANSFORMATION"}
            for name in spec.silver_columns(table.name)
            if name in received
        }
        found[f"silver.{table.name}"] = ColumnLineage(columns)
        if table.feed is None:
            kept: dict[str, dict[Source, Kind]] = {
                name: {(bronze, name): "IDENTITY"} for name in spec.bronze_columns(table.name)
            }
            kept["quarantine_reasons"] = {(bronze, name): "TRANSFORMATION" for name in received}
            found[f"silver.{table.quarantine_name}"] = ColumnLineage({**kept, "run_id": {}})
    return found


def bronze_columns(spec: Spec, name: str) -> dict[str, str]:
    """Return the columns of bronze `name` with their types; of JSON the fields that silver reads.

    A record whole is a column of its own there.
    """
    columns: dict[str, str] = dict(spec.bronze_columns(name))
    feed = spec.table(name).feed
    if feed is None:
        return columns
    return {RECORD: "json", **dict.fromkeys(feed.fields, "json"), **columns}


def without_pipeline(name: str, pipeline: str) -> str:
    """Return `layer.table` without the name of the pipeline before the table's."""
    layer, _, table = name.partition(".")
    return f"{layer}.{table.removeprefix(f'{pipeline}_')}"


def _on_the_way(spec: Spec, columns: Mapping[str, Sequence[str]]) -> Iterator[_Model]:
    """What the models of a run may read that neither dbt builds nor a reader sees."""
    for table in spec.tables:
        bronze = f"bronze.{table.bronze_name}"
        received = [column.name for column in table.columns]
        if table.feed is not None:
            yield from _views_of_records(table, bronze)
        if table.landing == "lines":
            typed = [f'trim("{name}") as "{name}"' for name in received]
            origin = [SOURCE_FILE, "source_line", *_PLACE]
            yield f"silver.{table.name}_batch", _select([*typed, *origin], bronze)
            yield f"silver.{table.name}_superseded", _nothing([*_PLACE, "event_id", "day"])
        yield f"corrected.{table.bronze_name}", _nothing(_PLACE)
        judged = f"concat({', '.join(_quoted(received))})"  # a model of rows sees all of a row
        rejected = [f"{judged} as reasons", f"{judged} as message", *_PLACE]
        if received:
            yield f"rejected.{table.bronze_name}", _select(rejected, bronze)
    yield from _as_released(columns)
    for name, own in columns.items():
        layer, _, bare = name.partition(".")
        if layer != "bronze":
            yield f"added.{bare}", _select(_quoted(own), name)
            yield f"removed.{bare}", _select(_quoted(own), name)


def _as_released(columns: Mapping[str, Sequence[str]]) -> Iterator[_Model]:
    """What a table held before: what that is made of, the release before has told."""
    for name, own in columns.items():
        yield f"previous.{name.partition('.')[2]}", _nothing(own)


def _views_of_records(table: Table, bronze: str) -> Iterator[_Model]:
    assert table.feed is not None
    lines = [f"{RECORD} as json", "null as _file"]
    yield f"{bronze}_lines", _select(lines, bronze)
    origin = [SOURCE_FILE, SOURCE_ROW, INGESTED_AT, "null as _file"]
    fields = [*_quoted(table.feed.fields), f"{RECORD} as {MALFORMED}", *origin]
    yield f"{bronze}_fields", _select(fields, bronze)


def _changed(spec: Spec, columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, _Model]]:
    """By the model with all rows of a table, typed: that of the rows which new ones change."""
    for table in spec.tables:
        own = _quoted(columns.get(f"silver.{table.name}", ()))
        if table.judges_rejects_anew and own:
            checked = f"silver.{table.name}_checked"
            yield checked, (f"silver.{table.name}_winners", _select(own, checked))


def _select(columns: Iterable[str], table: str) -> str:
    return f"select {', '.join(columns)} from {table}"  # noqa: S608 - names of the specification


def _nothing(columns: Iterable[str]) -> str:
    return f"select {', '.join(f'null as {name}' for name in _quoted(columns))}"


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]
