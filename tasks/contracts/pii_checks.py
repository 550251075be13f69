"""What a specification may demand of columns that tell who a person is.

Belongs here: each policy that a table cannot hold, with its path and the reason. Does not belong
here: what follows from what (`pii.py`), or masking.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from tasks.contracts.names import did_you_mean
from tasks.contracts.pii import PII_LAYERS, POLICIES, Pii, PiiLayer
from tasks.contracts.rules import Rule
from tasks.contracts.spec import Spec, Table

_A_MASK = "0" * 64
# What of a rule still holds where all values are other texts.
_HOLDS_ON_MASKS = ("not_null",)


def pii_problems(spec: Spec) -> Iterator[str]:
    """Yield each problem of `pii`, with its path."""
    tables = {
        table.name: [*dict.fromkeys([*(c.name for c in table.columns), *(table.derived or {})])]
        for table in spec.tables
    }
    for index, entry in enumerate(spec.pii):
        path = f"pii[{index}]"
        if entry.table not in tables:
            yield f"{path}.table: no table '{entry.table}'{did_you_mean(entry.table, tables)}"
        elif entry.column not in tables[entry.table]:
            yield (
                f"{path}.column: no column '{entry.column}' in {entry.table}"
                f"{did_you_mean(entry.column, tables[entry.table])}"
            )
        else:
            yield from _order(path, entry)
            yield from _hidden(path, spec, entry)
            yield from _one_name(path, spec, index)


def _order(path: str, entry: Pii) -> Iterator[str]:
    """No layer can show what the one before it has not."""
    for before, layer in itertools.pairwise(PII_LAYERS):
        first, second = entry.policy(before), entry.policy(layer)
        if POLICIES.index(second) < POLICIES.index(first):
            yield (
                f"{path}.{layer}: cannot {second} what {before} has {_done(first)}; leave it out, "
                f"or say {first}{' or drop' if first == 'mask' else ''}"
            )


def _done(policy: str) -> str:
    return {"keep": "kept", "mask": "masked", "drop": "dropped"}[policy]


def _one_name(path: str, spec: Spec, index: int) -> Iterator[str]:
    """Gold is masked by names of columns: what silver has masked must be told by its name."""
    entry = spec.pii[index]
    names = {entry.column, *entry.gold_columns}
    for number, other in enumerate(spec.pii[:index]):
        shared = names & {other.column, *other.gold_columns}
        if (
            shared
            and (entry.silver_policy == "mask") != (other.silver_policy == "mask")
            and "mask" in (entry.gold_policy, other.gold_policy)
        ):
            yield (
                f"{path}.silver: gold may show {min(shared)} of {entry.table} and of {other.table} "
                f"(pii[{number}]); mask it in silver of both or of none, or gold cannot tell"
            )


def _hidden(path: str, spec: Spec, entry: Pii) -> Iterator[str]:
    """Where a layer masks or drops a column first, its table must be able to."""
    table = spec.table(entry.table)
    layers: list[PiiLayer] = []
    if entry.bronze_policy != "keep":
        layers.append("bronze")
    if entry.silver_policy not in ("keep", entry.bronze_policy):
        layers.append("silver")
    for layer in layers:
        where, policy = f"{path}.{layer}", entry.policy(layer)
        reason = _engine(table, layer)
        if reason is not None:
            yield f"{where}: {reason}"
            continue
        column = next((c for c in table.columns if c.name == entry.column), None)
        if column is None:
            yield f"{where}: {entry.column} is computed; {policy} the columns that it is made of"
            continue
        if policy == "mask" and column.silver_type != "string":
            yield f"{where}: {column.name} is {column.silver_type}; only texts have masks, drop it"
        yield from _uses(where, spec, table, entry, layer)
        if layer == "bronze":
            yield from _rules(where, table, entry)


def _engine(table: Table, layer: PiiLayer) -> str | None:
    """Why the table cannot be masked or emptied there, if it cannot."""
    if table.landing == "lines":
        return (
            f"lines of {table.name} that cannot be parsed are kept whole, in quarantine, too, and "
            "its ids are made of its values; say gold"
        )
    if table.landing == "records":
        return f"records of {table.name} are kept whole, as received and in quarantine; say gold"
    if layer == "silver" and table.silver_as == "view":
        return (
            f"silver of {table.name} is a view over bronze, and a view must not hold the key; "
            "say bronze or gold"
        )
    return None


def _uses(where: str, spec: Spec, table: Table, entry: Pii, layer: PiiLayer) -> Iterator[str]:
    """Keys join what is masked alike; other uses need the value."""
    name, policy = entry.column, entry.policy(layer)
    date = table.business_date
    if policy == "drop" and name in table.key:
        yield f"{where}: {name} is the key of {table.name}; it cannot be dropped, mask it"
    if policy == "drop" and (date is not None and date.day_of == name):
        yield f"{where}: {table.name} is dated by {name}; it cannot be dropped"
    if policy == "drop" and name in table.gates.max_null_rates:
        yield f"{where}: max_null_rates of {table.name} limits NULLs of {name}; leave it out there"
    if layer == "bronze" and table.partition.column == name:
        yield f"{where}: bronze of {table.name} is partitioned by {name}; keep it"
    policies = {(e.table, e.column): e.policy(layer) for e in spec.pii}
    known = [t.name for t in spec.tables]
    for child in spec.tables:
        for foreign in child.foreign_keys:
            if foreign.references not in known:
                continue
            parent = (foreign.references, spec.table(foreign.references).key[0])
            link = (child.name, foreign.column)
            if (table.name, name) not in (link, parent):
                continue
            if policies.get(link, "keep") != policies.get(parent, "keep"):
                yield (
                    f"{where}: {'.'.join(link)} refers to {'.'.join(parent)}; both need the same "
                    f"policy in {layer}, or no row has a parent"
                )
            if foreign.exempt_prefixes:
                yield (
                    f"{where}: {'.'.join(link)} that begin with "
                    f"{', '.join(foreign.exempt_prefixes)} need no parent, which cannot be told "
                    "from a mask; say gold"
                )


def _rules(where: str, table: Table, entry: Pii) -> Iterator[str]:
    """Rules see what bronze has: nobody can judge the pattern of a mask."""
    held = _HOLDS_ON_MASKS if entry.bronze_policy == "mask" else ()
    for rule in table.rules:
        if _looks_at(rule, entry.column) and next(iter(rule.checks)) not in held:
            yield (
                f"{where}: rule {rule.name} of {table.name} judges {entry.column}, and cannot once "
                f"it is {_done(entry.bronze_policy)}; say silver or gold, or leave the rule out"
            )
    if table.row_model is None:
        return
    value = _A_MASK if entry.bronze_policy == "mask" else None
    for rule_name in _refused(table.row_model, entry.column, value):
        yield (
            f"{where}: row_model {table.row_model} judges {entry.column} ({rule_name}), and cannot "
            f"once it is {_done(entry.bronze_policy)}; say gold"
        )


def _looks_at(rule: Rule, column: str) -> bool:
    if rule.sql is not None:
        return re.search(rf"\b{re.escape(column)}\b", rule.sql, re.IGNORECASE) is not None
    return column in rule.columns


def _refused(model: str, column: str, value: str | None) -> list[str]:
    """Return the rules by which a row model refuses `value` in `column`."""
    try:
        row = getattr(importlib.import_module(f"tasks.contracts.row_models.{model}"), "Row", None)
    except ModuleNotFoundError:
        return []  # what is missing is told where the model is used
    if not (isinstance(row, type) and issubclass(row, BaseModel)):
        return []
    given = dict.fromkeys(row.model_fields)
    try:
        row.model_validate({**given, column: value})
    except ValidationError as error:
        return [str(e["type"]) for e in error.errors() if column in e["loc"]]
    return []
