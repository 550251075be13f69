"""Base silver: validate, check foreign keys, deduplicate, quarantine, account.

Belongs here: the order of those steps and the derived dates. Does not: the rules themselves
(`schema`), reading files (`bronze_reader`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .schema import CONTRACTS, GUEST_PREFIX, Contract, caster
from .table import Row, Table, table_of
from .values import day_of, rank


@dataclass
class Refined:
    """What became of one bronze table; `rows` are typed and survive, `quarantined` are raw."""

    bronze: int = 0
    rows: list[Row] = field(default_factory=list)
    quarantined: list[Row] = field(default_factory=list)
    superseded: int = 0
    orphans: int = 0


def refine_all(bronze: Mapping[str, list[Row]], run_date: date) -> dict[str, Refined]:
    """All tables, parents first; `bronze` holds the raw rows by table name."""
    done: dict[str, Refined] = {}
    for name, contract in CONTRACTS.items():
        done[name] = _refine(contract, bronze[name], run_date, done)
    return done


def _refine(
    contract: Contract, raw_rows: list[Row], run_date: date, parents: Mapping[str, Refined]
) -> Refined:
    result = Refined(bronze=len(raw_rows))
    casters = {name: caster(name, contract.columns.get(name, "s")) for name in contract.raw_columns}
    known = {
        fk.parent: {row[CONTRACTS[fk.parent].key[0]] for row in parents[fk.parent].rows}
        for fk in contract.foreign_keys
    }
    winners: dict[tuple[Any, ...], Row] = {}
    for raw in raw_rows:
        typed = {name: cast(raw[name]) for name, cast in casters.items()}
        reasons = [name for name, rule in contract.rules.items() if not rule(typed, run_date)]
        if not reasons:
            reasons = _orphaned(contract, typed, known)
            result.orphans += bool(reasons)
        if reasons:
            result.quarantined.append({**raw, "quarantine_reasons": reasons})
            continue
        key = tuple(typed[name] for name in contract.key)
        holder = winners.get(key)
        if holder is None:
            winners[key] = typed
            continue
        result.superseded += 1
        if _precedence(contract, typed) > _precedence(contract, holder):
            winners[key] = typed
    result.rows = list(winners.values())
    _date(contract, result.rows, parents)
    return result


def _orphaned(contract: Contract, typed: Row, known: Mapping[str, set[Any]]) -> list[str]:
    """One reason for each parent that does not survive, in the contract's order."""
    return [
        f"{fk.column}_orphan"
        for fk in contract.foreign_keys
        if typed[fk.column] not in known[fk.parent]
        and not (fk.guests_exempt and typed[fk.column].startswith(GUEST_PREFIX))
    ]


def _precedence(contract: Contract, typed: Row) -> tuple[Any, ...]:
    """The greatest wins: ingestion_ts, then event_id, then every typed column in order."""
    ordered = ("ingestion_ts", "event_id", *contract.raw_columns)
    return tuple(rank(typed[name]) for name in ordered)


def _date(contract: Contract, rows: list[Row], parents: Mapping[str, Refined]) -> None:
    """Add the business date and `ingestion_dt` to the surviving rows."""
    for row in rows:
        row["ingestion_dt"] = day_of(row["ingestion_ts"])
    if contract.dated_by is None:
        return
    name, own, inherited_by, parent_date = contract.dated_by
    dates: dict[Any, date] = {}
    if inherited_by is not None and parent_date is not None:
        parent = next(fk.parent for fk in contract.foreign_keys if fk.column == inherited_by)
        dates = {row[CONTRACTS[parent].key[0]]: row[parent_date] for row in parents[parent].rows}
    for row in rows:
        row[name] = None if own is None else day_of(row[own])
        if row[name] is None and inherited_by is not None:
            row[name] = dates[row[inherited_by]]


def silver_tables(refined: Mapping[str, Refined]) -> dict[str, Table]:
    """`silver.<t>` and `silver.<t>_quarantine` (without run_id, which differs from run to run)."""
    tables: dict[str, Table] = {}
    for name, result in refined.items():
        contract = CONTRACTS[name]
        tables[f"silver.{name}"] = table_of(contract.silver_columns, result.rows, contract.key)
        tables[f"silver.{name}_quarantine"] = table_of(
            [*contract.raw_columns, "quarantine_reasons"],
            result.quarantined,
            [*contract.key, "event_id"],
        )
    return tables


def accounting(refined: Mapping[str, Refined]) -> Table:
    """A row a silver table: table, bronze, rows, quarantined, superseded, orphans (counts)."""
    return table_of(
        ["table", "bronze", "rows", "quarantined", "superseded", "orphans"],
        [
            {
                "table": name,
                "bronze": result.bronze,
                "rows": len(result.rows),
                "quarantined": len(result.quarantined),
                "superseded": result.superseded,
                "orphans": result.orphans,
            }
            for name, result in refined.items()
        ],
        ["table"],
    )
