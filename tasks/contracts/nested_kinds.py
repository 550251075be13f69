"""Types of lists and structs, as DuckDB names them, taken apart.

Belongs here: the grammar of such a name. Does not belong here: what a type becomes elsewhere
(`warehouse.py`).
"""

from __future__ import annotations

import re

_MEMBER = re.compile(r'(?:"((?:[^"]|"")*)"|(\w+)) (.+)', re.DOTALL)


def list_item(kind: str) -> str | None:
    """Return the type of a list's items (`VARCHAR` of `VARCHAR[]`); None for another type."""
    return kind.removesuffix("[]") if kind.endswith("[]") else None


def struct_members(kind: str) -> dict[str, str] | None:
    """Return the types of a struct's members, in order; None for another type.

    Names of members may be quoted: `STRUCT(id VARCHAR, "time" TIMESTAMP)`. Raises ValueError where
    they are spelled otherwise.
    """
    if not (kind.startswith("STRUCT(") and kind.endswith(")")):
        return None
    members = {}
    for text in _parts(kind.removeprefix("STRUCT(").removesuffix(")")):
        found = _MEMBER.fullmatch(text)
        if found is None:
            raise ValueError(f"{kind}: {text} is no member of a struct")
        name = found[2] if found[1] is None else found[1].replace('""', '"')
        members[name] = found[3]
    return members


def fully_quoted(kind: str) -> str:
    """Return the type with every member's name in quotes: DuckDB quotes only where it has to."""
    item, members = list_item(kind), struct_members(kind)
    if item is not None:
        return f"{fully_quoted(item)}[]"
    if members is None:
        return kind
    parts = []
    for name, each in members.items():
        doubled = name.replace('"', '""')
        parts.append(f'"{doubled}" {fully_quoted(each)}')
    return f"STRUCT({', '.join(parts)})"


def _parts(text: str) -> list[str]:
    """Split at the commas that stand neither in quotes nor in parentheses."""
    parts, depth, quoted, begin = [], 0, False, 0
    for at, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif not quoted and sign in "()":
            depth += 1 if sign == "(" else -1
        elif not quoted and not depth and sign == ",":
            parts.append(text[begin:at].strip())
            begin = at + 1
    return [*parts, text[begin:].strip()]
