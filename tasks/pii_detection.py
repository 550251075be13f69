"""Finding columns that tell who a person is, by their names and by a sample of their values.

Belongs here: pure functions from names and texts to kinds. Does not belong here: taking the sample
and judging what is not declared (`pii_gates.py`), or what is declared (`contracts/pii.py`).

A column that a specification calls something is looked at, whatever it is called: free text is
found by its values, an empty column of a telling name is not. Masks are no clear values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Literal

PersonalKind = Literal["name", "email", "phone", "address"]

_PERSONS = re.compile(
    r"(customer|client|user|person|people|employee|contact|member|patient|passenger|student|"
    r"visitor|guest|driver|applicant|subscriber|recipient|staff)s?(_|$)"
)
_NAMED: Mapping[PersonalKind, re.Pattern[str]] = {
    "email": re.compile(r"(^|_)e_?mails?($|_address$|_addr$|_\d$)"),
    "phone": re.compile(
        r"(^|_)(phone|telephone|mobile|cell_?phone|fax|msisdn|tel)(_?(number|no|nr))?(_\d)?$"
    ),
    "address": re.compile(
        r"(^|_)(street|street_(name|line|address)|(mailing|billing|shipping|home|postal|delivery|"
        r"street|residential|customer|work)_address|address(_?line)?(_?\d)?)$"
    ),
    "name": re.compile(
        r"(^|_)(first|last|middle|given|family|sur|maiden|full|customer|person|contact|employee|"
        r"recipient|cardholder|passenger|patient)_?name$|^(surname|forename|firstname|lastname)$"
    ),
}
_OTHER_ADDRESSES = re.compile(r"(^|_)(ip|mac|web|url|wallet|memory|host)_address$")
_MASK = re.compile(r"[0-9a-f]{64}")
_EMAIL = re.compile(r"(^|[\s<;,:\"'])[\w.+%-]+@[\w-]+(\.[\w-]+)*\.[A-Za-z]{2,}($|[\s>;,\"'.])")
_PHONE = re.compile(
    r"(\+|00)\d{1,3}[\s./()-]*\d[\d\s./()-]{5,}\d(\s*(x|ext\.?)\s*\d+)?"  # of any country
    r"|(\+?1[\s.-]?)?(\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}(\s*(x|ext\.?)\s*\d+)?"
)
_STREETS = (
    r"street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|way|court|ct|place|pl|square|sq|"
    r"terrace|parkway|pkwy|highway|hwy|trail|crescent|close|alley|plaza"
)
_ADDRESS = re.compile(
    rf"\d+[a-z]?,?\s+([\w.'-]+\s+){{0,4}}({_STREETS})\b\.?"
    r"|(rua|avenida|av\.|calle|via|rue|travessa)\s+.+\d"
    r"|[\w.' -]{1,60}(straße|strasse|str\.|weg|gasse|platz)\s+\d+\s*[a-z]?\b",
    re.IGNORECASE,
)
_FULL_NAME = re.compile(r"(?:(?:Mr|Mrs|Ms|Dr)\.? )?([A-Z][a-z]+)(?: [A-Z]\.?)? [A-Z][A-Za-z'-]+")
_COMMON = """
James Robert John Michael David William Richard Joseph Thomas Christopher Charles Daniel Matthew
Anthony Mark Donald Steven Andrew Paul Joshua Kenneth Kevin Brian Timothy Ronald George Jason
Edward Jeffrey Ryan Jacob Nicholas Gary Eric Jonathan Stephen Larry Justin Scott Brandon
Benjamin Samuel Gregory Alexander Patrick Frank Raymond Jack Dennis Jerry Tyler Aaron Jose Adam
Nathan Henry Peter Kyle Noah Ethan Jeremy Walter Christian Keith Mary Patricia Jennifer Linda
Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Betty Sandra Margaret Ashley Kimberly
Emily Donna Michelle Carol Amanda Melissa Deborah Dorothy Stephanie Rebecca Sharon Laura Cynthia
Amy Kathleen Angela Shirley Brenda Emma Anna Pamela Nicole Samantha Katherine Christine Helen
Debra Rachel Carolyn Janet Maria Catherine Heather Diane Olivia Julie Joyce Victoria Ruth
Virginia Lauren Kelly Christina Joan Evelyn Judith Megan Andrea Cheryl Hannah Jacqueline Martha
Jane Ana Paulo Carlos Juan Luis Antonio Joao Pedro Fernando Hans Klaus Anne Marie Pierre Giulia
Marco Luca Sofia Ivan Olga Elena
"""
_GIVEN_NAMES = frozenset(_COMMON.split())
_VALUED: Mapping[PersonalKind, tuple[Callable[[str], object], float]] = {
    "email": (lambda text: "@" in text and _EMAIL.search(text), 0.2),
    "phone": (lambda text: len(text) <= _LONGEST_PHONE and _PHONE.fullmatch(text), 0.6),
    "address": (lambda text: " " in text and _ADDRESS.match(text), 0.3),
    "name": (lambda text: (found := _FULL_NAME.fullmatch(text)) and found[1] in _GIVEN_NAMES, 0.4),
}
_LONGEST_PHONE = 30
_LONGEST = 300  # characters of a value that are looked at
_DISTINCT = 60  # values of a column that are looked at
_FEWEST = 3  # values that look alike by chance


def detected(table: str, columns: Mapping[str, Sequence[str | None]]) -> dict[str, PersonalKind]:
    """Return {column: kind} of the columns of `table` that seem to tell who a person is.

    `columns` are samples of the text columns; NULLs, empty texts and masks tell nothing.
    """
    found: dict[str, PersonalKind] = {}
    for column, values in columns.items():
        told = islice((text for text in dict.fromkeys(values) if text), _DISTINCT)
        cut = (text[:_LONGEST].strip() for text in told)
        clear = [text for text in cut if text and not _MASK.fullmatch(text)]
        kind = _by_name(table, column) if clear else None
        if kind is None:
            kind = _by_values(clear)
        if kind is not None:
            found[column] = kind
    return found


def _by_name(table: str, column: str) -> PersonalKind | None:
    name = column.lower()
    if name == "name":
        return "name" if _PERSONS.search(table.lower()) else None
    for kind, pattern in _NAMED.items():
        if pattern.search(name):
            return None if _OTHER_ADDRESSES.search(name) else kind
    return None


def _by_values(values: Sequence[str]) -> PersonalKind | None:
    for kind, (is_one, share) in _VALUED.items():
        hits = sum(1 for text in values if is_one(text))
        if hits >= max(_FEWEST, share * len(values)):
            return kind
    return None
