"""Why rows were quarantined, table by table.

Belongs here: the reasons of each table with their shares. Does not belong here: markup.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.contracts.run_record import RunRecord
from tasks.reports.row_flow import bare_name, table_flows


@dataclass(frozen=True)
class Reason:
    """A broken rule: its rows, and their shares of quarantined and of bronze rows (0-1).

    `of_bronze` is None where the bronze rows were not recorded.
    """

    name: str
    rows: int
    share: float
    of_bronze: float | None


@dataclass(frozen=True)
class TableReasons:
    """One table that quarantined rows; `quarantined` and `bronze` are None where not recorded."""

    table: str
    quarantined: int | None
    bronze: int | None
    reasons: tuple[Reason, ...]

    @property
    def rate(self) -> float | None:
        if self.quarantined is None or not self.bronze:
            return None
        return self.quarantined / self.bronze


def tables_with_reasons(record: RunRecord) -> tuple[TableReasons, ...]:
    """The tables with quarantined rows, in the order of the record; most frequent reason first.

    A row that broke several rules counts in each, so the shares of a table may add up to more
    than 1. A table whose reasons were not recorded is listed without any.
    """
    flows = {flow.table: flow for flow in table_flows(record)}
    recorded = {bare_name(t): reasons for t, reasons in record.quarantine_reasons.items()}
    names = [*flows, *(name for name in recorded if name not in flows)]
    found = []
    for name in names:
        flow = flows.get(name)
        counted = {r: rows for r, rows in recorded.get(name, {}).items() if rows > 0}
        if not counted and not (flow and flow.quarantined):
            continue
        whole = max([flow.quarantined if flow else 0, *counted.values()])
        found.append(
            TableReasons(
                table=name,
                quarantined=flow.quarantined if flow else None,
                bronze=flow.bronze if flow else None,
                reasons=tuple(
                    Reason(
                        reason,
                        rows,
                        rows / whole,
                        rows / flow.bronze if flow and flow.bronze else None,
                    )
                    for reason, rows in sorted(counted.items(), key=lambda item: -item[1])
                ),
            )
        )
    return tuple(found)


def tables_without(record: RunRecord) -> tuple[str, ...]:
    """The silver tables that quarantined nothing."""
    affected = {table.table for table in tables_with_reasons(record)}
    return tuple(flow.table for flow in table_flows(record) if flow.table not in affected)
