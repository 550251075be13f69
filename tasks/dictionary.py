"""The data dictionary: every table of a pipeline with its columns, and what each is made of.

Belongs here: putting together what the specification, dbt's manifest and the transforms say. Does
not belong here: calling dbt (`dbt_docs.py`), or the page (`reports/dictionary_page.py`).

No data is read: types and lineage of transforms are asked of lazy frames, of gold of compiled SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from tasks.contracts.column_lineage import ColumnLineage
from tasks.contracts.silver_schema import POLARS_TYPES
from tasks.contracts.spec import Pii, Spec, Table
from tasks.dbt_docs import DocumentedModel
from tasks.enrichment import load_transform
from tasks.lineage import descriptions, lineage
from tasks.lineage_observer import declared_lineage
from tasks.sql_lineage import lineage_of_models
from tasks.transform_inputs import read_seed
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
    "quarantine_reasons": "Every rule that the row broke.",
}
_ANY_DAY = date(2024, 1, 31)


@dataclass(frozen=True)
class DictionaryColumn:
    """A column. `sources` and `feeds` are `layer.table.column`; `personal` is its kind of PII."""

    name: str
    type: str
    meaning: str = ""
    personal: str = ""
    sources: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()


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
            before = own.get(_own_name(model))
            said = before.columns if before is not None else {}
            own[_own_name(model)] = replace(model, columns={**said, **model.columns})
    columns, found = _columns(spec), declared_lineage(spec)
    for name in (f"silver.{beside}" for t in spec.tables for beside in t.shown_beside):
        documented = own[name].columns if name in own else {}
        columns[name] = {column: kind for column, (kind, _) in documented.items()}
    _add_enriched(spec, columns, found)
    for fact in spec.gold:
        built = own.get(f"gold.{fact.name}")
        if built is not None and not fact.internal:
            columns[f"gold.{fact.name}"] = {n: kind for n, (kind, _) in built.columns.items()}
    found |= _of_gold(spec, own, columns)
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


def _own_name(model: DocumentedModel) -> str:
    """A model may begin with the pipeline's name, where another has a table of its name."""
    layer, _, table = model.relation.partition(".")
    return f"{layer}.{table.removeprefix(f'{model.pipeline}_')}"


def _columns(spec: Spec) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for table in spec.tables:
        found[f"bronze.{table.bronze_name}"] = dict(spec.bronze_columns(table.name))
    for table in spec.tables:
        found[f"silver.{table.name}"] = dict(spec.silver_columns(table.name))
        quarantine = {**spec.bronze_columns(table.name), "quarantine_reasons": "list of strings"}
        found[f"silver.{table.quarantine_name}"] = dict(quarantine)
    for dimension in spec.dimensions:
        found[f"dims.{dimension.name}"] = dict(spec.silver_columns(dimension.table))
    return found


def _add_enriched(
    spec: Spec, columns: dict[str, dict[str, str]], found: dict[str, ColumnLineage]
) -> None:
    for dimension in spec.dimensions:
        source = f"silver.{dimension.table}"
        found[f"dims.{dimension.name}"] = ColumnLineage(
            {c: {(source, c): "IDENTITY"} for c in columns[f"dims.{dimension.name}"]}
        )
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
        told = transform_lineage(function, transform.inputs, given, transform.parameters)
        if told is not None:
            found[name] = told


def _of_gold(
    spec: Spec, own: Mapping[str, DocumentedModel], columns: Mapping[str, Mapping[str, str]]
) -> dict[str, ColumnLineage]:
    models = [(n, model.sql) for n, model in own.items() if n.startswith("gold.") and model.sql]
    names = {model.relation: name for name, model in own.items()}
    known = {name: list(kinds) for name, kinds in columns.items()}
    relations = {relation: known[name] for relation, name in names.items() if name in known}
    order = [fact.name for fact in spec.gold]
    models.sort(key=lambda item: order.index(item[0][5:]) if item[0][5:] in order else -1)
    told = lineage_of_models([(own[n].relation, sql) for n, sql in models], known | relations)
    return {names[relation]: lineage.renamed(names) for relation, lineage in told.items()}


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
            return entry.kind
        if table is None and column in (entry.column, *entry.gold_columns):
            return _shown(entry) if name.startswith("gold.") else entry.kind
    return ""


def _shown(entry: Pii) -> str:
    policy = {"mask": ", masked", "drop": ", left out", "keep": ""}[entry.gold_policy]
    return f"{entry.kind}{policy}"
