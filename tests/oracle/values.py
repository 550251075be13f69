"""From raw bronze values to typed ones, and exact arithmetic on typed ones.

Belongs here: null tokens, trimming, timestamps, money, type fitting, ratios, the order used to
pick a winner among duplicates. Does not: which column has which type (`schema`), rules, joins.
"""

import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

NULL_TOKENS = frozenset({"", "none", "null", "n/a", "nan"})
TRIMMED = " \t\r\n"
CENT = Decimal("0.01")
MONEY_LIMIT = Decimal(10) ** 16  # DECIMAL(18,2) has 16 digits before the point
INT64 = range(-(2**63), 2**63)

_TIMESTAMP = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
    r" ?(?:Z|UTC|(?P<sign>[+-])(?P<off_hour>\d{2})(?::?(?P<off_minute>\d{2}))?)?)?",
    re.ASCII | re.IGNORECASE,
)


def text(raw: Any) -> str | None:
    """A trimmed string; NULL for a null token and for what is not a string."""
    if not isinstance(raw, str):
        return None
    trimmed = raw.strip(TRIMMED)
    return None if trimmed.casefold() in NULL_TOKENS else trimmed


def lower_text(raw: Any) -> str | None:
    """`text`, lower-cased."""
    value = text(raw)
    return None if value is None else value.lower()


def timestamp(raw: Any) -> datetime | None:
    """A naive datetime in UTC with microseconds; NULL for what the grammar does not cover."""
    value = text(raw)
    match = _TIMESTAMP.fullmatch(value) if value is not None else None
    if match is None:
        return None
    part = match.groupdict()
    off_hour, off_minute = int(part["off_hour"] or 0), int(part["off_minute"] or 0)
    if off_hour > 23 or off_minute > 59:
        return None
    offset = timedelta(hours=off_hour, minutes=off_minute)
    try:
        local = datetime(  # noqa: DTZ001 - naive on purpose: the offset is taken off below
            int(part["year"]),
            int(part["month"]),
            int(part["day"]),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            int((part["fraction"] or "0")[:6].ljust(6, "0")),
        )
        return local + offset if part["sign"] == "-" else local - offset
    except (ValueError, OverflowError):
        return None


def money(raw: Any) -> Decimal | None:
    """DECIMAL(18,2): the shortest decimal text of a float, rounded half away from zero."""
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        return None
    if isinstance(raw, float):
        if not math.isfinite(raw):
            return None
        raw = Decimal(repr(raw))
    return round_money(Decimal(raw))


def round_money(exact: Decimal) -> Decimal | None:
    """An exact decimal as money; NULL where it does not fit DECIMAL(18,2)."""
    if not exact.is_finite() or abs(exact) >= MONEY_LIMIT:
        return None
    rounded = exact.quantize(CENT, rounding=ROUND_HALF_UP)
    return rounded if abs(rounded) < MONEY_LIMIT else None


def integer(raw: Any) -> int | None:
    """BIGINT; a float fits where it is a whole number."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    if isinstance(raw, float) and not raw.is_integer():  # False for NaN and infinities too
        return None
    return int(raw) if int(raw) in INT64 else None


def double(raw: Any) -> float | None:
    """DOUBLE; NaN and infinities are NULL."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    return float(raw) if math.isfinite(raw) else None


def boolean(raw: Any) -> bool | None:
    """BOOLEAN; anything else is NULL."""
    return raw if isinstance(raw, bool) else None


def day_of(moment: datetime | None) -> date | None:
    """The UTC day of a UTC timestamp."""
    return None if moment is None else moment.date()


def rank(value: Any) -> tuple[Any, ...]:
    """A sort key in which NULL is lowest and text is compared by its bytes."""
    if value is None:
        return (0,)
    return (1, value.encode() if isinstance(value, str) else value)


def total(values: Iterable[Decimal | None]) -> Decimal:
    """The exact sum of the values that are not NULL, as money; nothing sums to 0.00."""
    return sum((value for value in values if value is not None), start=Decimal("0.00"))


def count_sum(values: Iterable[int | None]) -> int:
    """The sum of the whole numbers that are not NULL; nothing sums to 0."""
    return sum(value for value in values if value is not None)


def ratio(numerator: Any, denominator: Any) -> float | None:
    """numerator / denominator as DOUBLE; NULL if either is NULL or the denominator is 0."""
    if numerator is None or not denominator:
        return None
    return float(Fraction(numerator) / Fraction(denominator))


def hours_between(start: datetime, end: datetime) -> float:
    """Hours from `start` to `end`: microseconds / 3.6e9."""
    return (end - start) // timedelta(microseconds=1) / 3.6e9


def days(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def as_naive_utc(moment: datetime) -> datetime:
    """A datetime with a zone as its naive UTC equal; a naive one is UTC already."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
