"""The silver tables of a feed of JSON records, and their gates.

Belongs here: what a silver build and the release before make of the tables of one feed. Does not
belong here: running the build (`silver.py`), or the rules (`dbt/macros/coordination`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from tasks.bronze_inventory import BronzeTable
from tasks.contracts.release import PublishedTable, SilverCounts
from tasks.contracts.run_record import GateResult, TableRecord
from tasks.contracts.spec import Table
from tasks.feed_inputs import feed_models, growing
from tasks.gates import outcome, silver_gates
from tasks.pii_gates import silver_pii_gate
from tasks.published_files import describe_table, with_carried
from tasks.quality_metrics import quality_gates, quality_of
from tasks.row_validation import schema_breaches
from tasks.run_base import Base
from tasks.run_context import RunContext
from tasks.silver import SilverBuild, null_rates, reason_counts
from tasks.silver_record import silver_record
from tasks.sql_text import select_of

Tables = Mapping[str, PublishedTable]


@dataclass(frozen=True)
class JudgedFeed:
    """How the gates judged the tables of a feed, and what they counted."""

    gates: tuple[GateResult, ...]
    records: tuple[TableRecord, ...]
    reasons: Mapping[str, int]


def is_carried(table: Table, made: SilverBuild) -> bool:
    """Tell whether the tables stay as they were released."""
    return made.touched.get(table.name) is not None


def describe_feed(
    run: RunContext, table: Table, made: SilverBuild, base: Base
) -> dict[str, PublishedTable]:
    """Describe the tables of a feed, written or carried over, by `silver.<name>`."""
    assert table.feed is not None
    if is_carried(table, made) and base.release is not None:
        return {name: base.release.tables[name] for name in table.listed_names}
    found = {name: _described(run, table, name, base) for name in feed_models(table)}
    told: dict[str, dict[str, Any]] = {
        table.name: {"key": table.key},
        table.quarantine_name: {"quarantine_of": f"silver.{table.name}"},
    }
    for beside in table.feed.beside:
        told[beside.name] = {"key": beside.key, "internal": beside.internal}
    return {f"silver.{name}": found[name].model_copy(update=told[name]) for name in found}


def _described(run: RunContext, table: Table, name: str, base: Base) -> PublishedTable:
    written = describe_table(run.mirror.store_of("silver"), "silver", run.prefix(name))
    if base.release is None or name not in growing(table):
        return written
    return with_carried(written, base.release.tables[f"silver.{name}"], lambda _: True)


def judge_feed(
    run: RunContext, table: Table, bronze: BronzeTable, made: SilverBuild, tables: Tables
) -> JudgedFeed:
    """Judge the tables of a feed; those that were released were judged row by row then."""
    assert table.feed is not None
    name, mode, counts = table.name, run.settings.gates, made.counts[table.name]
    silver, quarantine = tables[f"silver.{name}"], tables[f"silver.{table.quarantine_name}"]
    reasons = reason_counts(run, quarantine)
    gates = _gates(run, table, bronze, counts, tables)
    if not is_carried(table, made):
        from tasks.contracts.silver_schema import silver_schema  # noqa: PLC0415 - pandera is slow

        breaches = schema_breaches(run.urls(silver), silver_schema(run.spec, name))
        gates.append(outcome("silver", name, "row_schema", breaches))
    # Of values, a row of silver stands for many.
    figures = {
        "bronze": counts.bronze,
        "silver": counts.distinct_keys,
        "superseded": counts.superseded,
    }
    gates += quality_gates(run.spec, name, **figures, mode=mode)
    gates.append(silver_pii_gate(run.spec, name, run.mirror, silver, mode))
    record = silver_record(
        table,
        counts.bronze,
        counts,
        silver,
        quarantine,
        quality=quality_of(**figures, broken=reasons),
        seconds=made.seconds(table),
        merged=counts.distinct_keys - silver.rows or None,
    )
    beside = tuple(
        TableRecord(
            table=f"silver.{other}",
            layer="silver",
            rows_out=tables[f"silver.{other}"].rows,
            files=len(tables[f"silver.{other}"].files),
            bytes=tables[f"silver.{other}"].bytes,
            inputs=(f"silver.{name}",),
        )
        for other in table.shown_beside
    )
    return JudgedFeed(tuple(gates), (record, *beside), reasons)


def _gates(
    run: RunContext, table: Table, bronze: BronzeTable, counts: SilverCounts, tables: Tables
) -> list[GateResult]:
    """Judge one table; of values also that every record has been read."""
    assert table.feed is not None
    silver, quarantine = tables[f"silver.{table.name}"], tables[f"silver.{table.quarantine_name}"]
    rates = null_rates(run, silver, table.gates.max_null_rates)
    mode = run.settings.gates
    if table.feed.counts == "records":
        return silver_gates(run.spec, table, counts, bronze.rows, silver, quarantine, rates, mode)
    keys = _keys(run, table, silver)
    judged = counts.model_copy(update={"distinct_keys": keys, "valid": keys + counts.superseded})
    # A row stands for as many values as it counts: those beyond one are none of the others.
    values = counts.bronze - (counts.distinct_keys - silver.rows)
    gates = silver_gates(run.spec, table, judged, values, silver, quarantine, rates, mode)
    grown = [tables[f"silver.{entry.name}"] for entry in table.feed.beside if entry.grows]
    unread = bronze.rows - sum(_records(run, values_read) for values_read in grown)
    text = f"{table.name}: {unread} of {bronze.rows} records in bronze have not been read"
    return [*gates, outcome("silver", table.name, "unread_records", [text] if unread else [])]


def _keys(run: RunContext, table: Table, silver: PublishedTable) -> int:
    key = ", ".join(f'"{name}"' for name in table.key)
    rows = select_of(run.urls(silver))
    return _figure(f"select count(*) from (select distinct {key} from ({rows}))")  # noqa: S608 - names of the specification


def _records(run: RunContext, values: PublishedTable) -> int:
    """How many records the values come from: each has a first one, or one that stands for none."""
    rows = select_of(run.urls(values))
    return _figure(f"select count(*) from ({rows}) where value_number <= 1")  # noqa: S608 - quoted


def _figure(query: str) -> int:
    with duckdb.connect() as engine:
        row = engine.execute(query).fetchone()
    return int(row[0]) if row else 0
