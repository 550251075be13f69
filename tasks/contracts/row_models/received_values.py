"""What a received text may be: nothing, a number, a moment, an e-mail address.

Belongs here: how every table reads a text, and field types that break a rule by its name. Does not
belong here: which column is what.

Silver casts the same texts in SQL (`dbt/macros/silver/typed_columns.sql`, `utc_timestamps.sql`);
tests hold both to one reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

_BLANKS = " \t\r\n"
_NULL_TOKENS = frozenset({"", "none", "null", "n/a", "nan"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?")
_EMAIL = re.compile(r"[^@]+@[^@]+\.[^@]+")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?"
    r" ?(?:Z|UTC|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?",
    re.IGNORECASE | re.ASCII,
)
# Python does not read numbers of any length.
_LONGEST_EXPONENT = 9


class ReceivedRow(BaseModel):
    """A row as it was received; columns that the model does not name are no concern of it."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def as_text(value: Any) -> str | None:
    """Return a text without blanks at its ends, None for a null token."""
    if value is None:
        return None
    text = str(value).strip(_BLANKS)
    if len(text) <= 4 and text.lower() in _NULL_TOKENS:  # noqa: PLR2004 - the longest token
        return None
    return text


def is_number(text: str) -> bool:
    """Tell whether a text is a finite decimal (`12`, `12.50`, `1e2`)."""
    return _NUMBER.fullmatch(text) is not None


def is_negative(text: str) -> bool:
    """Tell whether a number is below zero, before it is rounded to anything."""
    digits = re.split("[eE]", text)[0]
    return text.startswith("-") and any(digit in digits for digit in "123456789")


def is_whole(text: str) -> bool:
    """Tell whether a number is a whole one, in whatever spelling (`2`, `2.0`, `20e-1`)."""
    digits, _, exponent = text.lower().lstrip("+-").partition("e")
    whole, _, fraction = digits.partition(".")
    significant = (whole + fraction).rstrip("0")
    if not significant:
        return True
    if len(exponent) > _LONGEST_EXPONENT:
        return not exponent.startswith("-")
    zeros = len(whole + fraction) - len(significant)
    return zeros >= len(fraction) - int(exponent or 0)


def is_moment(text: str) -> bool:
    """Tell whether a text is a date or a timestamp that the calendar has."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return False
    try:
        date(*(int(part) for part in match.groups()))
    except ValueError:
        return False
    return True


def is_email(text: str) -> bool:
    """Tell whether a text looks like an e-mail address."""
    return _EMAIL.fullmatch(text) is not None


def is_amount(text: str) -> bool:
    """Tell whether a text is a number that is not negative."""
    return is_number(text) and not is_negative(text)


def is_quantity(text: str) -> bool:
    """Tell whether a text is a whole number above zero."""
    if not is_number(text) or is_negative(text) or not is_whole(text):
        return False
    return any(digit in re.split("[eE]", text)[0] for digit in "123456789")


Text = Annotated[str | None, BeforeValidator(as_text)]


def present(rule: str) -> AfterValidator:
    """Demand a value; NULL breaks `rule`."""
    return fitting(rule, lambda _: True, "value", required=True)


def fitting(
    rule: str, holds: Callable[[str], bool], what: str, *, required: bool = False
) -> AfterValidator:
    """Demand a value of which `holds` is true, else `rule` is broken; NULL may be, unless not."""
    wrong = f"is no {what}: {{value}}"

    def demand(value: str | None) -> str | None:
        if value is None:
            if required:
                raise PydanticCustomError(rule, "is missing")
        elif not holds(value):
            raise PydanticCustomError(rule, wrong, {"value": repr(value)})
        return value

    return AfterValidator(demand)
