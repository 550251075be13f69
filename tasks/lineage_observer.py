"""Tells a lineage backend of a run as it goes on.

Belongs here: finding what is known of a run's tables at the end of a stage, and sending the events
that tell of it. Does not belong here: the events (`lineage_events.py`), or the transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from polars.exceptions import PolarsError

from blocks.lineage_sink import LineageSink, open_sink
from blocks.settings import Settings
from tasks.contracts.artifact import PROJECT
from tasks.contracts.column_lineage import ColumnLineage
from tasks.contracts.run_record import RunRecord, StageRecord
from tasks.dbt_runs import DbtNode
from tasks.enrichment import declared_sources, load_transform
from tasks.input_rows import scan_files
from tasks.lineage import descriptions
from tasks.model_lineage import bronze_columns, models_lineage
from tasks.run_state import RunState
from tasks.transform_inputs import read_seed
from tasks.transform_lineage import transform_lineage

if TYPE_CHECKING:
    import polars as pl
    from openlineage.client.event_v2 import RunEvent

    from tasks.contracts.spec import Transform
    from tasks.lineage_datasets import Naming, TableFacts
    from tasks.lineage_events import RunEvents

_LAYERS = {"dimensions": "dims", "silver": "silver", "enriched": "enriched", "gold": "gold"}


class LineageObserver:
    """Sends OpenLineage events of one run: START when something begins, then COMPLETE or FAIL."""

    what = "lineage events"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._events: RunEvents | None = None

    def stage_began(self, state: RunState, stage: str, offset_seconds: float) -> None:
        """Send the run's START with the first stage, and the stage's."""
        self._send([self._of(state).stage_began(stage, offset_seconds)])

    def stage_ended(self, state: RunState, stage: StageRecord, error: str | None) -> None:
        """Send the stage's end with what it read and wrote, and its gates."""
        from tasks.lineage_datasets import TableFacts  # noqa: PLC0415 - takes a second to load

        facts = table_facts(state)
        reads, writes = _of_stage(state, stage.stage)
        lineage = column_lineage(state, stage.stage, writes)
        written = {n: replace(facts[n], lineage=lineage.get(n)) for n in writes if n in facts}
        events = self._of(state)
        # A seed is read as well, of which nothing is known but its name.
        read = {n: facts.get(n) or TableFacts() for n in reads}
        ended = events.stage_ended(stage, read, written, error=error)
        self._send([ended, *events.gates(stage, state.gates, facts)])

    def run_ended(self, state: RunState, record: RunRecord) -> None:
        """Send the run's end with the tables that readers see now."""
        facts = table_facts(state)
        seen = {n: f for n, f in facts.items() if n.startswith("bronze.") or _shown(state, n)}
        self._send([self._of(state).run_ended(record, seen)])

    def _of(self, state: RunState) -> RunEvents:
        if self._events is None:
            from tasks.lineage_events import RunEvents  # noqa: PLC0415 - takes a second to load

            run = state.run
            begun = RunRecord(
                pipeline=run.pipeline,
                run_id=run.run_id,
                run_date=run.run_date,
                environment=run.settings.environment,
                gate_mode=run.settings.gates,
                status="computed",
                release=None,
                started_at=run.started_at,
                seconds=0.0,
            )
            self._events = RunEvents(naming(self._settings), begun, run.spec.description.strip())
            self._send([self._events.run_began()])
        return self._events

    def _send(self, events: Iterable[RunEvent]) -> None:
        for event in events:
            if self._sink is not None:
                self._sink.emit(event)

    @cached_property
    def _sink(self) -> LineageSink | None:
        return open_sink(self._settings.lineage)


def naming(settings: Settings) -> Naming:
    """Return how jobs and datasets of an environment are named."""
    from tasks.lineage_datasets import Naming  # noqa: PLC0415

    root = settings.lake_root
    return Naming(
        jobs=settings.lineage.namespace or f"medallion-{settings.environment}",
        lake=root if "://" in root else str(Path(root).absolute()),
        version=version(PROJECT),
    )


def table_facts(state: RunState) -> dict[str, TableFacts]:
    """Return what the run knows of its tables so far: bronze, and all that readers may see."""
    from tasks.lineage_datasets import TableFacts  # noqa: PLC0415

    spec, said = state.run.spec, descriptions(state.run.spec)
    facts = {}
    for table in spec.tables:
        name = f"bronze.{table.bronze_name}"
        found = state.inventory.get(table.name)
        facts[name] = TableFacts(
            columns=bronze_columns(spec, table.name),
            rows=None if found is None else found.rows,
            bytes=None if found is None else found.bytes,
            files=None if found is None else len(found.files),
            description=said.get(name, ""),
        )
    for name, made in state.tables.items():
        if not made.internal:
            facts[name] = TableFacts(
                columns=dict(made.columns),
                rows=made.rows,
                bytes=made.bytes,
                files=len(made.files),
                description=said.get(name, ""),
            )
    return facts


def column_lineage(state: RunState, stage: str, written: Iterable[str]) -> dict[str, ColumnLineage]:
    """Return the lineage of the columns of the tables that a stage has `written`, where known.

    What a run carried over was not built by it: there is no SQL of it to read.
    """
    if stage == "enriched":
        found = _of_transforms(state)
    elif stage == "gold":
        found = _of_sql(state, state.compiled)
    elif stage in _LAYERS:
        nodes = {id(node): node for build in state.builds.values() for node in build.nodes}
        layer = f"{_LAYERS[stage]}."
        found = _of_sql(state, [n for n in nodes.values() if n.relation.startswith(layer)])
    else:
        return {}
    known = {*state.tables, *(f"bronze.{t.bronze_name}" for t in state.run.spec.tables)}
    known |= {name for t in state.run.spec.transforms for name in t.inputs.values()}
    known |= {f"silver.{dimension.table}" for dimension in state.run.spec.dimensions}
    return {name: found[name].of_tables(known - {name}) for name in written if name in found}


def _of_sql(state: RunState, nodes: Iterable[DbtNode]) -> dict[str, ColumnLineage]:
    columns: dict[bool, dict[str, list[str]]] = {False: {}, True: {}}
    for dimension in state.run.spec.dimensions:  # silver that its snapshot precedes
        own = list(state.run.spec.silver_columns(dimension.table))
        columns[False][f"silver.{dimension.table}"] = own
    for name, table in state.tables.items():
        columns[table.internal][name] = list(table.columns)
    models = [(n.relation, n.sql) for n in nodes if n.kind == "model" and n.relation and n.sql]
    return models_lineage(state.run.spec, models, columns[False], columns[True])


def _of_transforms(state: RunState) -> dict[str, ColumnLineage]:
    found = {}
    for transform in state.run.spec.transforms:
        if f"enriched.{transform.name}" in state.tables:
            function, _ = load_transform(transform)
            try:
                schemas = {a: _schema(state, transform, a) for a in transform.inputs}
            except PolarsError:  # an input without files that could say
                continue
            told = transform_lineage(
                function,
                transform.inputs,
                schemas,
                transform.parameters,
                declared_sources(transform),
            )
            if told is not None:
                found[f"enriched.{transform.name}"] = told
    return found


def _schema(state: RunState, transform: Transform, argument: str) -> Mapping[str, pl.DataType]:
    layer, _, name = transform.inputs[argument].partition(".")
    if layer == "seeds":
        return read_seed(name).collect_schema()
    files = state.tables[transform.inputs[argument]].files[:1]
    rows = scan_files(state.run, files)
    entry = transform.incremental
    if entry is not None and argument in entry.columns:
        rows = rows.select(entry.columns[argument])
    return rows.collect_schema()


def _of_stage(state: RunState, stage: str) -> tuple[list[str], list[str]]:
    """The tables that a stage has read and written so far."""
    if stage == "bronze":
        return [f"bronze.{table.bronze_name}" for table in state.run.spec.tables], []
    if stage == "publish":
        return [], [name for name in state.tables if _shown(state, name)]
    records = [r for r in state.records.values() if r.layer == _LAYERS.get(stage)]
    writes = [n for r in records for n in (r.table, r.quarantine) if n is not None]
    reads = dict.fromkeys(name for record in records for name in record.inputs)
    return list(reads), writes


def _shown(state: RunState, name: str) -> bool:
    return name in state.tables and not state.tables[name].internal
