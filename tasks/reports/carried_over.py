"""What of a release a run kept, and what it computed, in words.

Belongs here: sentences and sums from the record's tables. Does not belong here: deciding what is
kept (`tasks/changed_days.py`, `tasks/run_base.py`), or markup.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tasks.contracts.run_record import RunRecord, TableRecord
from tasks.reports.gate_lists import layer_position
from tasks.reports.human_figures import count, quantity


@dataclass(frozen=True)
class LayerCarried:
    """The rows of a layer's tables, and how many lie in files of an earlier run."""

    layer: str
    rows: int
    carried: int

    @property
    def text(self) -> str:
        """`12 of 30`, `all 30` or `none of 30`, rows."""
        if self.carried == 0:
            return f"none of {count(self.rows)}"
        if self.carried == self.rows:
            return f"all {count(self.rows)}"
        return f"{count(self.carried)} of {count(self.rows)}"


def base_sentence(record: RunRecord) -> str:
    """On what the run built, such as `Built on release 3: 512 of 9,000 bronze rows were new.`

    Then which tables of it a run had computed that did not come to its end.
    Empty where it is not known: the run failed early, or was recorded by an older version.
    """
    parts = (_release_sentence(record), _reused_sentence(record), _expired_sentence(record))
    return " ".join(part for part in parts if part)


def _release_sentence(record: RunRecord) -> str:
    if record.built_on is None:
        if not record.full_because:
            return ""
        begun = "Built on no release" if _reused_sentence(record) else "Computed everything"
        return f"{begun}: {record.full_because}."
    of_silver = [t for t in record.tables if t.rows_new is not None]
    if not of_silver:
        return f"Built on release {record.built_on}."
    new = sum(table.rows_new or 0 for table in of_silver)
    bronze = sum(table.rows_in or 0 for table in of_silver)
    told = "no bronze row was new" if new == 0 else f"{count(new)} of {bronze:,} bronze rows"
    ending = "" if new == 0 else " was new" if new == 1 else " were new"
    return f"Built on release {record.built_on}: {told}{ending}."


def _reused_sentence(record: RunRecord) -> str:
    runs = Counter(table.reused_from for table in record.tables if table.reused_from is not None)
    told = (f"{quantity(number, 'table')} of run {run}" for run, number in sorted(runs.items()))
    return f"Taken over as computed before: {', '.join(told)}." if runs else ""


def _expired_sentence(record: RunRecord) -> str:
    rows = sum(table.expired_rows or 0 for table in record.tables)
    batches = sum(table.expired_batches or 0 for table in record.tables)
    if not batches:
        return ""
    return f"Past their retention: {quantity(rows, 'bronze row')} in {_batches(batches)}."


def _batches(number: int) -> str:
    return "1 batch" if number == 1 else f"{count(number)} batches"


def carried_sentence(record: RunRecord) -> str:
    """Which rows stayed in files of earlier runs; empty where nothing could be carried over."""
    layers = carried_by_layer(record)
    if record.built_on is None or not layers:
        return ""
    return f"Rows carried over: {', '.join(f'{each.layer} {each.text}' for each in layers)}."


def carried_by_layer(record: RunRecord) -> tuple[LayerCarried, ...]:
    """The layers whose tables may be carried over and have rows, in the order of the flow."""
    known = [table for table in record.tables if table.rows_carried is not None and table.rows_out]
    return tuple(
        LayerCarried(
            layer,
            sum(table.rows_out for table in known if table.layer == layer),
            sum(table.rows_carried or 0 for table in known if table.layer == layer),
        )
        for layer in sorted({table.layer for table in known}, key=layer_position)
    )


def carried_cell(table: TableRecord) -> str:
    """What of one table was carried over: `4,100 rows in 12 of 13 files`, or nothing.

    Of a table that another run had computed, this run is named.
    """
    if not table.files_carried:
        return ""
    rows = quantity(table.rows_carried or 0, "row")
    of_run = f", computed by run {table.reused_from}" if table.reused_from is not None else ""
    return f"{rows} in {count(table.files_carried)} of {quantity(table.files, 'file')}{of_run}"
