"""How good the rows of each silver table were, against what is aimed at.

Belongs here: the recorded metrics beside their targets, and their short texts. Does not belong
here: computing them (`tasks/quality_metrics.py`), or markup.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tasks.contracts.run_record import GateResult, Quality, RunRecord
from tasks.reports.human_figures import NOTHING, percent
from tasks.reports.row_flow import bare_name

_STATUS_OF_NO_TARGET = ""


@dataclass(frozen=True)
class TableQuality:
    """One table's metrics; `gate` is the check of its score, where the specification has one."""

    table: str
    quality: Quality
    gate: GateResult | None

    @property
    def status(self) -> str:
        """`pass`, `warn` or `fail`; nothing where there is no target."""
        return self.gate.status if self.gate else _STATUS_OF_NO_TARGET

    @property
    def score(self) -> str:
        """The score as `99.12 %`, rounded down: what misses a target must not read like it."""
        return two_decimals(self.quality.score_pct)

    @property
    def target(self) -> str:
        """What the score has to exceed, as `> 99 %`."""
        wanted = self.gate.threshold if self.gate else None
        return f"> {100 * wanted:.6g} %" if isinstance(wanted, int | float) else NOTHING

    @property
    def duplicates(self) -> str:
        """The share of bronze rows that were superseded."""
        return percent(_share(self.quality.duplicate_pct))

    def of_bronze(self, rule: str) -> str:
        """The share of bronze rows that broke `rule`."""
        return percent(_share(self.quality.broken_rule_pct.get(rule)))


def table_qualities(record: RunRecord) -> tuple[TableQuality, ...]:
    """The tables whose quality was recorded, in the order of the record."""
    scores = {gate.table: gate for gate in record.gates if gate.check == "quality_score"}
    return tuple(
        TableQuality(
            bare_name(table.table), table.quality, scores.get(table.table.partition(".")[2])
        )
        for table in record.tables
        if table.quality is not None
    )


def two_decimals(value: float | None) -> str:
    """A percentage cut off after two decimals; `100 %` is said of nothing less."""
    if value is None:
        return NOTHING
    # The float beside a decimal number may lie just below it.
    return f"{math.floor(round(value * 100, 9)) / 100:.2f} %"


def _share(percentage: float | None) -> float | None:
    return None if percentage is None else percentage / 100
