"""How good the rows of a bronze table were, as percentages, and whether that is good enough.

Belongs here: pure functions from row counts to metrics, and the gate on them. Does not belong
here: counting rows (`silver.py`), or showing the metrics (`reports/`).
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.contracts.run_record import GateMode, GateResult, Quality
from tasks.contracts.spec import Spec
from tasks.gates import judged


def quality_of(*, bronze: int, silver: int, superseded: int, broken: Mapping[str, int]) -> Quality:
    """Return the metrics of one table; `broken` counts the rows that broke each rule."""
    return Quality(
        score_pct=_percent(silver, bronze - superseded),
        duplicate_pct=_percent(superseded, bronze),
        broken_rule_pct={
            rule: 100 * rows / bronze
            for rule, rows in sorted(broken.items(), key=lambda item: (-item[1], item[0]))
            if bronze
        },
    )


def quality_gates(
    spec: Spec, name: str, *, bronze: int, silver: int, superseded: int, mode: GateMode
) -> list[GateResult]:
    """Judge the share of silver in the rows that are no copies, where the specification asks.

    Where there is nothing but copies, nothing is wrong with them.
    """
    limit = spec.gate_thresholds(name).quality_score_above
    if limit is None:
        return []
    rivals = bronze - superseded
    # Not the percentage: a rounding error there would decide just where the threshold lies.
    score = silver / rivals if rivals else 1.0
    return [
        judged(
            "silver",
            name,
            "quality_score",
            passed=score > limit,
            observed=score,
            threshold=limit,
            mode=mode,
            message=f"{name}: {silver} of {rivals} rows that are no copies became silver; "
            f"see `medallion quarantine {spec.pipeline} {name}`",
        )
    ]


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
