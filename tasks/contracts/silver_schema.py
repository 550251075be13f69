"""The pandera schema of a base silver table, made from its specification.

Belongs here: what each row of silver must satisfy, stated once more in another engine's terms
than the dbt macros that made it. Does not belong here: rules in SQL, which only SQL can check.
"""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from tasks.contracts.rules import Rule
from tasks.contracts.spec import Spec

POLARS_TYPES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "timestamp": pl.Datetime("us"),
    "date": pl.Date(),
    "money": pl.Decimal(18, 2),
}


def silver_schema(spec: Spec, table: str) -> pa.DataFrameSchema:
    """Return the schema: columns in order, types, which are never NULL, signs and matches.

    Rows may be validated slice by slice; that keys are unique is not part of it.
    """
    rules, key = spec.table(table).rules, spec.table(table).key
    dropped = {e.column for e in spec.pii if e.table == table and e.silver_policy == "drop"}
    columns = {}
    for name, kind in spec.silver_columns(table).items():
        own = [rule for rule in rules if name in rule.columns]
        columns[name] = pa.Column(
            POLARS_TYPES[kind],
            nullable=name in dropped
            or (
                name not in key
                and not any(r.not_null or r.positive or r.not_after_run_date for r in own)
            ),
            checks=[check for rule in own for check in _checks(rule)],
        )
    return pa.DataFrameSchema(columns, strict=True, ordered=True, name=table)


def _checks(rule: Rule) -> list[pa.Check]:
    if rule.not_negative:
        return [pa.Check.ge(0, error=rule.name)]
    if rule.positive:
        return [pa.Check.gt(0, error=rule.name)]
    return []
