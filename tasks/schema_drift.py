"""How the columns of a source file differ from those that the specification expects.

Belongs here: the pure comparison and its wording. Does not belong here: finding out the columns of
a file (`source_columns.py`), or what becomes of a file that does not fit (`landing.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.contracts.names import did_you_mean
from tasks.contracts.spec import LINE_REASONS, Table


@dataclass(frozen=True)
class ReceivedColumn:
    """A column of a source file: `physical` names its type, `family` is what that is comparable to.

    `text` are values of a format without types; they may become any type. `null` is the type of a
    Parquet column without any value.
    """

    name: str
    family: str
    physical: str


@dataclass(frozen=True)
class SchemaComparison:
    """`problems` keep a file from being landed; `drift` is reported and does not."""

    problems: tuple[str, ...]
    drift: tuple[str, ...]


def compare_columns(table: Table, received: Sequence[ReceivedColumn]) -> SchemaComparison:
    """Compare `received` with what `table` expects; audit columns may be absent."""
    expected = {column.name: column.type for column in table.columns}
    audit = table.audit_columns
    families = {column.name: column for column in received}
    unknown = [c.name for c in received if c.name not in expected and c.name not in audit]
    problems = list(_name_clashes([column.name for column in received]))
    problems.extend(_missing([name for name in expected if name not in families], unknown))
    if table.landing == "lines":
        problems.extend(_taken(families, [*audit, LINE_REASONS]))
    for name, wanted in (expected | audit).items():
        column = families.get(name)
        if column is not None and column.family not in ("text", "null", wanted):
            problems.append(f"column '{name}' is {column.physical}, expected {wanted}")
    new = [name for name in unknown if name != table.partition.column]
    if new and table.new_columns == "freeze" and not problems:
        problems.append(
            f"new {_listed(new)} not in the specification, and {table.bronze_name} takes no others "
            "(new_columns: freeze); specify them or leave them out"
        )
    drift = [
        f"{table.bronze_name}: column '{name}' is not in the specification; "
        "kept in bronze, ignored by silver"
        for name in new
    ]
    return SchemaComparison(tuple(problems), tuple(drift))


def _taken(received: Iterable[str], audit: Sequence[str]) -> Iterable[str]:
    """A problem for each name that landing gives to a column of its own."""
    for name in received:
        if name.lower() in audit:
            yield f"column '{name}' has the name of one that landing adds; rename it"


def _listed(names: Sequence[str]) -> str:
    column, verb = ("column", "is") if len(names) == 1 else ("columns", "are")
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"{column} {quoted} {verb}"


def _missing(names: list[str], unknown: list[str]) -> Iterable[str]:
    """A problem for each name that was probably misspelt, and one for all others together."""
    others = []
    for name in names:
        other_case = next((u for u in unknown if u.strip().lower() == name), None)
        hint = did_you_mean(name, unknown)
        if other_case is not None:
            hint = f"; did you mean '{other_case}'? Names must be equal to the letter"
        if "did you mean" in hint:
            yield f"column '{name}' is missing{hint}"
        else:
            others.append(name)
    if others:
        instead = f"; the file has instead: {', '.join(unknown)}" if unknown else ""
        yield f"{_listed(others)} missing{instead}"


def _name_clashes(names: Iterable[str]) -> Iterable[str]:
    seen: dict[str, str] = {}
    for position, name in enumerate(names, start=1):
        if not name.strip():
            yield f"column {position} has no name"
            continue
        earlier = seen.setdefault(name.lower(), name)
        if earlier is name:
            continue
        if earlier == name:
            yield f"column '{name}' occurs twice"
        else:
            yield f"columns '{earlier}' and '{name}' differ in case only"
