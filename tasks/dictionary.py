"""The data dictionary: every table of a pipeline with its columns, and what each is made of.

Belongs here: putting together what the specification, dbt's manifest and the transforms say. Does
not belong here: calling dbt (`dbt_docs.py`), or the page (`reports/dictionary_page.py`).

No data is read: types and lineage of transforms are asked of lazy frames, of all else of compiled
SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from tasks.contracts.column_lineage import ColumnLineage, Kind, Source
from tasks.contracts.json_feed import INGESTED_AT, LAYER, SOURCE_ROW
from tasks.contracts.pii import Pii, PiiLayer
from tasks.contracts.silver_schema import POLARS_TYPES
from tasks.contracts.spec import Spec, Table
from tasks.dbt_docs import DocumentedModel
from tasks.enrichment import declared_sources, load_transform
from tasks.lineage import descriptions, lineage
from tasks.model_lineage import RECORD, bronze_columns, models_lineage, without_pipeline
from tasks.transform_inputs import SNAPSHOT_DATE, read_seed
from tasks.transform_lineage import transform_lineage

_AUDIT: Mapping[str, str] = {
    "batch_id": "The batch that brought the row.",
    "ingestion_ts": "When the row was ingested, UTC.",
    "ingestion_dt": "The day on which the row was ingested.",
    "event_id": "Names the row as it was delivered.",
    "source_file": "The file that the row came in.",
    "source_line": "The line of that file.",
    "source_row": "The record of that file.",
    "raw_line": "A line that could not be parsed, whole.",
    RECORD: "The record as it was received, whole.",
    INGESTED_AT: "The logical time of the run that took the record in, UTC.",
    LAYER: "The layer that the row lies in.",
    SNAPSHOT_DATE: "The day that the snapshot shows.",
    "run_id": "The run that wrote the row.",
    "quarantine_reasons": "Every rule that the row broke.",
}
_KINDS = {"quarantine_reasons": "list of strings", SOURCE_ROW: "integer", INGESTED_AT: "timestamp"}
_ANY_DAY = date(2024, 1, 31)


@dataclass(frozen=True)
class DictionaryColumn:
    """A column. `sources` and `feeds` are `layer.table.column`; `personal` is its kind of PII.

    A source `layer.table.*` is that its rows are counted. A column that no table has a source of is
    known to come of nothing but the run: `is_of_run`.
    """

    name: str
    type: str
    meaning: str = ""
    personal: str = ""
    sources: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    is_of_run: bool = False


@dataclass(frozen=True)
class DictionaryTable:
    """A table with what it is made of (`inputs`) and what is made of it (`feeds`)."""

    pipeline: str
    name: str
    meaning: str
    owner: str
    key: tuple[str, ...]
    inputs: tuple[str, ...]
    feeds: tuple[str, ...]
    columns: tuple[DictionaryColumn, ...]

    @property
    def classification(self) -> str:
        """`personal` if any column tells who a person is, also as a mask."""
        return "personal" if any(column.personal for column in self.columns) else "internal"


def dictionary(spec: Spec, models: Iterable[DocumentedModel]) -> list[DictionaryTable]:
    """Return the tables of a pipeline, bronze first, each with its columns in their order."""
    own: dict[str, DocumentedModel] = {}
    for model in models:
        if model.pipeline == spec.pipeline:
            name = without_pipeline(model.relation, spec.pipeline)
            before = own.get(name)
            said = before.columns if before is not None else {}
            own[name] = replace(model, columns={**said, **model.columns})
    columns = _columns(spec)
    for name in (f"silver.{beside}" for t in spec.tables for beside in t.shown_beside):
        documented = own[name].columns if name in own else {}
        columns[name] = {column: kind for column, (kind, _) in documented.items()}
    enriched = _add_enriched(spec, columns)
    for fact in spec.gold:
        built = own.get(f"gold.{fact.name}")
        if built is not None and not fact.internal:
            columns[f"gold.{fact.name}"] = {n: kind for n, (kind, _) in built.columns.items()}
    built_by = [(model.relation, model.sql) for model in own.values() if model.sql]
    shown = {n: list(kinds) for n, kinds in columns.items() if not n.startswith("bronze.")}
    found = _of_dimensions(spec, columns) | models_lineage(spec, built_by, shown) | enriched
    _set_quarantine(spec, columns, found)
    upstream = {name: _told(found.get(name)) for name in columns}
    inputs, meant = lineage(spec), descriptions(spec)
    tables = []
    for name, kinds in columns.items():
        documented_as = own.get(name)
        meanings = _meanings(spec, name) | _documented(documented_as)
        tables.append(
            DictionaryTable(
                pipeline=spec.pipeline,
                name=name,
                meaning=meant.get(name, "") or (documented_as.description if documented_as else ""),
                owner=spec.owner,
                key=_keys(spec).get(name, ()),
                inputs=inputs.get(name, ()),
                feeds=tuple(other for other, read in inputs.items() if name in read),
                columns=tuple(
                    DictionaryColumn(
                        name=column,
                        type=kind,
                        meaning=meanings.get(column, ""),
                        personal=_personal(spec, name, column),
                        sources=upstream[name].get(column, ()),
                        is_of_run=upstream[name].get(column) == (),
                    )
                    for column, kind in kinds.items()
                ),
            )
        )
    return _with_feeds(_with_meanings(spec, tables))


def _with_meanings(spec: Spec, tables: Sequence[DictionaryTable]) -> list[DictionaryTable]:
    """Fill gaps: a column means what that of its name does which it is made of, or is read as."""
    said = {(t.name, c.name): c.meaning for t in tables for c in t.columns if c.meaning}
    found = []
    for table in tables:
        held = _table_of(spec, table.name)
        beside = [f"silver.{held.name}"] if held is not None else []
        columns = []
        for column in table.columns:
            made_of = [s.rpartition(".")[0] for s in column.sources]
            near = [*beside, *(name for name in made_of)]
            meant = next((said[n, column.name] for n in near if (n, column.name) in said), "")
            meaning = column.meaning or meant or _AUDIT.get(column.name, "")
            if meaning:
                said[table.name, column.name] = meaning
            columns.append(replace(column, meaning=meaning))
        found.append(replace(table, columns=tuple(columns)))
    return found


def _with_feeds(tables: Sequence[DictionaryTable]) -> list[DictionaryTable]:
    feeds: dict[str, list[str]] = {}
    for table in tables:
        for column in table.columns:
            for source in column.sources:
                feeds.setdefault(source, []).append(f"{table.name}.{column.name}")
    return [
        replace(
            table,
            columns=tuple(
                replace(column, feeds=tuple(feeds.get(f"{table.name}.{column.name}", ())))
                for column in table.columns
            ),
        )
        for table in tables
    ]


def _columns(spec: Spec) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table in spec.tables:
        found[f"bronze.{table.bronze_name}"] = bronze_columns(spec, table.name)
    for table in spec.tables:
        found[f"silver.{table.name}"] = dict(spec.silver_columns(table.name))
        found[f"silver.{table.quarantine_name}"] = {**spec.bronze_columns(table.name), **_KINDS}
    for dimension in spec.dimensions:
        copied = spec.silver_columns(dimension.table)
        found[f"dims.{dimension.name}"] = {**copied, SNAPSHOT_DATE: "date"}
    return found


def _of_dimensions(
    spec: Spec, columns: Mapping[str, Mapping[str, str]]
) -> dict[str, ColumnLineage]:
    """What a snapshot shows, where there is no SQL of it."""
    found = {}
    for dimension in spec.dimensions:
        source = f"silver.{dimension.table}"
        copied: dict[str, dict[Source, Kind]] = {
            c: {(source, c): "IDENTITY"} for c in columns[source]
        }
        found[f"dims.{dimension.name}"] = ColumnLineage({**copied, SNAPSHOT_DATE: {}})
    return found


def _set_quarantine(
    spec: Spec, columns: dict[str, dict[str, str]], found: Mapping[str, ColumnLineage]
) -> None:
    """Rejected rows have the columns that their SQL gives them."""
    for table in spec.tables:
        name = f"silver.{table.quarantine_name}"
        if name in found:
            kinds = columns[f"bronze.{table.bronze_name}"] | _KINDS
            columns[name] = {column: kinds.get(column, "string") for column in found[name].columns}


def _add_enriched(spec: Spec, columns: dict[str, dict[str, str]]) -> dict[str, ColumnLineage]:
    """Add the columns of the enriched tables to `columns`; return what they are made of."""
    found: dict[str, ColumnLineage] = {}
    schemas: dict[str, Mapping[str, pl.DataType]] = {
        name: {column: POLARS_TYPES[kind] for column, kind in kinds.items() if kind in POLARS_TYPES}
        for name, kinds in columns.items()
    }
    for transform in spec.transforms:
        function, _ = load_transform(transform)
        given: dict[str, Mapping[str, pl.DataType]] = {}
        for argument, table in transform.inputs.items():
            layer, _, seed = table.partition(".")
            whole = read_seed(seed).collect_schema() if layer == "seeds" else schemas[table]
            entry = transform.incremental
            wanted = entry.columns.get(argument) if entry is not None else None
            given[argument] = {c: k for c, k in whole.items() if wanted is None or c in wanted}
        frames = {a: pl.LazyFrame(schema=dict(schema)) for a, schema in given.items()}
        name = f"enriched.{transform.name}"
        made = function(**frames, **transform.parameters, run_date=_ANY_DAY)
        schemas[name] = made.collect_schema()
        columns[name] = {column: str(kind) for column, kind in schemas[name].items()}
        told = transform_lineage(
            function, transform.inputs, given, transform.parameters, declared_sources(transform)
        )
        if told is not None:
            found[name] = told
    return found


def _told(found: ColumnLineage | None) -> dict[str, tuple[str, ...]]:
    if found is None:
        return {}
    return {
        column: tuple(sorted(f"{table}.{name}" for table, name in sources))
        for column, sources in found.columns.items()
    }


def _table_of(spec: Spec, name: str) -> Table | None:
    """The table of bronze or silver that is meant, or that a dimension shows."""
    layer, _, bare = name.partition(".")
    shown = {dimension.name: dimension.table for dimension in spec.dimensions}
    for table in spec.tables:
        names = {"bronze": {table.bronze_name}, "silver": {table.name, table.quarantine_name}}
        if bare in names.get(layer, ()) or (layer == "dims" and shown.get(bare) == table.name):
            return table
    return None


def _meanings(spec: Spec, name: str) -> dict[str, str]:
    table = _table_of(spec, name)
    return {c.name: c.description for c in table.columns} if table is not None else {}


def _documented(model: DocumentedModel | None) -> dict[str, str]:
    return {n: text for n, (_, text) in model.columns.items() if text} if model else {}


def _keys(spec: Spec) -> dict[str, tuple[str, ...]]:
    found = {f"silver.{table.name}": table.key for table in spec.tables}
    found |= {f"dims.{d.name}": spec.table(d.table).key for d in spec.dimensions}
    found |= {f"enriched.{t.name}": t.key for t in spec.transforms}
    return found | {f"gold.{fact.name}": fact.key for fact in spec.gold}


def _personal(spec: Spec, name: str, column: str) -> str:
    table = _table_of(spec, name)
    for entry in spec.pii:
        if table is not None and entry.table == table.name and entry.column == column:
            return _shown(entry, "bronze" if name.startswith("bronze.") else "silver")
        if table is None and column in (entry.column, *entry.gold_columns):
            return _shown(entry, "gold") if name.startswith("gold.") else entry.kind
    return ""


def _shown(entry: Pii, layer: PiiLayer) -> str:
    policy = {"mask": ", masked", "drop": ", left out", "keep": ""}[entry.policy(layer)]
    return f"{entry.kind}{policy}"
