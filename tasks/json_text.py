"""JSON as text and as values: strict parsing, and the one canonical spelling of a value.

Belongs here: what is JSON (NaN is not), canonical JSON, the members of nested objects under dotted
names. Does not belong here: finding records in files (`json_records.py`), or what fields mean.

Numbers are what their value is, not how they were spelled: 1.00 and 1.0 are one number, spelled
1.0; one that no double holds keeps its digits. Of members of one name in an object the last counts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

BLANKS = " \t\r\n"
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJsonError(ValueError):
    """A text that is no JSON; `position` is where that shows."""

    def __init__(self, position: int) -> None:
        super().__init__(f"no JSON at character {position}")
        self.position = position


class _Digits(str):
    """A number that is no double, as it was spelled."""

    __slots__ = ()


def _float(text: str) -> float | _Digits:
    value = float(text)
    return value if math.isfinite(value) else _Digits(text)


def _integer(text: str) -> int | _Digits:
    try:
        return int(text)
    except ValueError:  # more digits than Python is ready to count
        return _Digits(text)


def _constant(_: str) -> Any:
    raise NotJsonError(-1)


class JsonReader:
    """Reads values one after another from a text; `has_doubles` tells of the last one.

    That is whether an object in it names a member twice.
    """

    def __init__(self) -> None:
        self.has_doubles = False
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=_float,
            parse_int=_integer,
            parse_constant=_constant,
        )

    def value_at(self, text: str, position: int) -> tuple[Any, int]:
        """Return the value that begins at `position`, and where it ends; raises NotJsonError."""
        self.has_doubles = False
        try:
            return self._decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise NotJsonError(error.pos) from None
        except NotJsonError:
            raise NotJsonError(position) from None
        except RecursionError:
            raise NotJsonError(position) from None

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            self.has_doubles = True
        return found


def parsed(text: str) -> Any:
    """Return the value of a text that is one JSON value; raises NotJsonError."""
    begin = len(text) - len(text.lstrip(BLANKS))
    value, end = JsonReader().value_at(text, begin)
    if text[end:].strip(BLANKS):
        raise NotJsonError(end)
    return value


def canonical(value: Any) -> str:
    """Return canonical JSON: keys sorted at every level, no blanks, non-ASCII unescaped."""
    return without_surrogates(_spelled(value, sort_keys=True))


def compact(value: Any) -> str:
    """Return `value` as one line of JSON, members in their order."""
    return without_surrogates(_spelled(value, sort_keys=False))


def _spelled(value: Any, *, sort_keys: bool) -> str:
    text = json.dumps(value, sort_keys=sort_keys, separators=(",", ":"), ensure_ascii=False)
    if not _holds_digits(value):
        return text
    return _with_digits(value, sort_keys)


def _holds_digits(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_digits, value.values()))
    if isinstance(value, list):
        return any(map(_holds_digits, value))
    return isinstance(value, _Digits)


def _with_digits(value: Any, sort_keys: bool) -> str:
    if isinstance(value, dict):
        members = sorted(value.items()) if sort_keys else value.items()
        texts = (
            f"{json.dumps(key, ensure_ascii=False)}:{_with_digits(member, sort_keys)}"
            for key, member in members
        )
        return f"{{{','.join(texts)}}}"
    if isinstance(value, list):
        return f"[{','.join(_with_digits(item, sort_keys) for item in value)}]"
    if isinstance(value, _Digits):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def without_surrogates(text: str) -> str:
    """Return `text` with halves of characters, which no UTF-8 can hold, replaced."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def leaves(value: dict[str, Any], leave_out: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Yield the values in an object, those of nested objects under names joined by dots.

    Members of the object itself named in `leave_out` are none. A list is one value.
    """
    for key, member in value.items():
        if key not in leave_out:
            yield from _leaves(key, member)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(f"{name}.{key}", member)
    else:
        yield name, value


def number_of(value: Any) -> float | None:
    """Return a JSON number as a double; None for other values and for what no double holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
