"""Which columns a bronze file must have, and which it has.

Belongs here: families of physical types, pure comparisons of columns. Does not belong here: opening
files (`bronze_inventory.py`), or the columns of source files (`schema_drift.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from tasks.contracts.names import did_you_mean
from tasks.contracts.spec import LINE_REASONS, Spec


def required_columns(spec: Spec, name: str) -> dict[str, str]:
    """Return {column: family} of every file of table `name`: received, audit, technical ones."""
    columns: dict[str, str] = dict(spec.bronze_columns(name))
    if spec.table(name).landing == "lines":
        columns[LINE_REASONS] = "strings"
    return columns


def schema_problems(
    table: str,
    url: str,
    expected: Mapping[str, str],
    found: Mapping[str, str],
    *,
    may_be_text: bool,
) -> list[str]:
    """Say what of the columns `found` in a file is not as it is `expected`.

    What was landed from text may be strings in every column, where silver casts them.
    """
    problems = []
    unexpected = [column for column in found if column not in expected]
    for column, wanted in expected.items():
        family = found.get(column)
        if family is None:
            hint = did_you_mean(column, unexpected) if unexpected else ""
            message = f"{table}: {url} lacks the column '{column}'{hint}"
        elif family in (wanted, "null") or (may_be_text and family == "string"):
            continue
        else:
            message = f"{table}: column '{column}' of {url} is {family}, not {wanted}"
        problems.append(message)
    return problems


def type_family(kind: pa.DataType) -> str:
    """Return the name of a family of types, else that of the Arrow type.

    Families are string, integer, float, boolean, timestamp (without a zone), strings (a list of
    them) and null.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    families = {
        "string": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "integer": (pa.types.is_integer,),
        "float": (pa.types.is_floating,),
        "boolean": (pa.types.is_boolean,),
        "null": (pa.types.is_null,),
    }
    for family, tests in families.items():
        if any(test(kind) for test in tests):
            return family
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return "timestamp"
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return "strings"
    return str(kind)
