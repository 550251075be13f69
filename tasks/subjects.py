"""A person as the tables of a pipeline know them: by a declared identifier, and what goes with it.

Belongs here: pure decisions from a specification and values: which columns tell of a person, what
stands in for a value, and what is looked for in free text. Does not belong here: rows
(`subject_rows.py`), or files (`subject_search.py`).
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean
from tasks.contracts.spec import Spec
from tasks.masking import masked

STAND_IN = "erased-"
_DOMAIN = "erased.invalid"
_FEWEST = 6  # characters of a value that is told from others in free text
_FEWEST_OWN = 3
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_REGION = re.compile(r",\s*([A-Z]{2})\s+\d{5}\b", re.IGNORECASE)  # figures by region stand
_MASK = re.compile(r"[0-9a-f]{64}")
_TELLING = ("email", "phone", "address")  # by these a person is known wherever they stand


@dataclass(frozen=True)
class PersonalColumns:
    """Columns by name, in every layer: those that hold the key, and {column: kind} of the others.

    `numeric`: the key is a number in silver. `prefixes` begin values that need no parent.
    `line_key` are the columns of which a table of lines makes its ids.
    """

    key: frozenset[str]
    kinds: Mapping[str, str]
    numeric: bool
    prefixes: tuple[str, ...]
    line_key: tuple[str, ...]


def personal_columns(spec: Spec, column: str) -> PersonalColumns:
    """Return the columns in which `spec` knows a person by identifier `column`.

    Raises ConfigurationError if it declares no such identifier.
    """
    identifiers = [entry for entry in spec.pii if entry.kind == "identifier"]
    entries = [entry for entry in identifiers if entry.column == column]
    if not entries:
        known = sorted({entry.column for entry in identifiers})
        told = f"it declares {', '.join(known)}" if known else "it declares none"
        raise ConfigurationError(
            f"--key {column}: is no identifier of a person in {spec.pipeline}: {told}"
            f"{did_you_mean(column, known)}; see pii in the specification"
        )
    key = frozenset(name for entry in entries for name in (entry.column, *entry.gold_columns))
    kinds = {
        name: entry.kind
        for entry in spec.pii
        if entry.kind != "identifier"
        for name in (entry.column, *entry.gold_columns)
    }
    tables = [spec.table(entry.table) for entry in entries]
    numeric = any(
        spec.silver_columns(table.name).get(entry.column) == "integer"
        for entry, table in zip(entries, tables, strict=True)
    )
    prefixes = tuple(
        prefix
        for table in spec.tables
        for foreign in table.foreign_keys
        if foreign.column == column
        for prefix in foreign.exempt_prefixes
    )
    lines = [table for table in tables if table.landing == "lines"]
    line_key = lines[0].key if lines else ()
    return PersonalColumns(key, kinds, numeric, prefixes, line_key)


@dataclass(frozen=True)
class Subject:
    """A person: the value of their key, what stands in for it, and further values of theirs.

    `values` are {text: kind} of what their own rows hold; `shared` those that another person's hold
    too, and which therefore are only replaced in their own rows.
    """

    columns: PersonalColumns
    value: str
    stand_in: str
    mask_key: bytes = field(repr=False)
    values: Mapping[str, str] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()

    def knowing(self, values: Mapping[str, str], shared: Iterable[str] = ()) -> Subject:
        """Return the person with further values that were found."""
        return replace(self, values=dict(values), shared=frozenset(shared))

    @cached_property
    def new_key(self) -> str:
        """What stands in the place of the key: of the same kind, and exempt where that was."""
        if self.columns.numeric:
            return str(int(hashlib.sha256(self.stand_in.encode()).hexdigest()[:15], 16))
        prefix = next((p for p in self.columns.prefixes if self.value.startswith(p)), "")
        return prefix + self.stand_in

    @cached_property
    def masks(self) -> dict[str, str]:
        """{mask of a value by which the person is known anywhere: mask of what stands in for it}"""
        found = {self.masked(self.value): self.masked(self.new_key)}
        for text, kind in self.values.items():
            if kind in _TELLING and text not in self.shared:
                found[self.masked(text)] = self.masked(self.in_place_of(text, kind))
        return found

    @cached_property
    def needles(self) -> dict[str, str]:
        """{text that is looked for in free text: what stands in for it}"""
        found = {}
        if len(self.value) >= _FEWEST and not self.value.isdigit():
            found[self.value] = self.new_key
        for text, kind in self.values.items():
            if kind in _TELLING and text not in self.shared and len(text) >= _FEWEST:
                found[text] = self.in_place_of(text, kind)
        spelled = {}
        for text, new in found.items():
            for form in (text, json.dumps(text)[1:-1], html.escape(text)):
                spelled[form] = new
        return spelled

    @cached_property
    def line_needles(self) -> dict[str, str]:
        """What is looked for in whole lines, beside `needles`: a key of digits."""
        long_enough = len(self.value) >= _FEWEST and self.value.isdigit()
        return {self.value: self.new_key} if long_enough else {}

    @cached_property
    def own_needles(self) -> dict[str, str]:
        """What is looked for in longer texts of the person's own rows: names, too."""
        return {
            text: self.in_place_of(text, kind)
            for text, kind in self.values.items()
            if len(text) >= _FEWEST_OWN and text not in self.needles
        }

    def masked(self, text: str) -> str:
        """Return the mask of `text`."""
        return str(masked(text, self.mask_key))

    def in_place_of(self, text: str, kind: str) -> str:
        """Return what stands in for a value: as valid as that was, so that rules judge it alike."""
        if _MASK.fullmatch(text):
            return self.masked(f"{self.stand_in}@{_DOMAIN}" if kind == "email" else self.stand_in)
        if kind == "email" and _EMAIL.fullmatch(text.strip()):
            return f"{self.stand_in}@{_DOMAIN}"
        region = _REGION.search(text) if kind == "address" else None
        return f"{self.stand_in}, {region[1]} 00000" if region else self.stand_in

    def in_text(self, text: str, *, line: bool = False) -> str:
        """Return free text with the person's values replaced, or `text` itself."""
        found = {**self.needles, **(self.line_needles if line else {})}
        for needle, new in found.items():
            if needle.lower() in text.lower():
                text = _whole(needle).sub(lambda _, new=new: new, text)  # type: ignore[misc]
        return text

    def in_own_text(self, text: str) -> str:
        """Return a text of a row of the person's; a whole value may mean something else there."""
        for needle, new in self.own_needles.items():
            if text.strip().lower() != needle.lower():
                text = _whole(needle).sub(lambda _, new=new: new, text)  # type: ignore[misc]
        return text


def erasure_id(pipeline: str, column: str, value: str, key: bytes) -> str:
    """Return what an erasure is known by: without the key nobody can test a guess."""
    text = f"erasure|{pipeline}|{column}|{value}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]


def _whole(needle: str) -> re.Pattern[str]:
    """A value that is not a part of a longer one of its kind."""
    inside = r"[\w.%+-]" if "@" in needle else r"\w"
    return re.compile(rf"(?<!{inside}){re.escape(needle)}(?!\w|-\w|\.\w*@)", re.IGNORECASE)
