"""Figures as people read them: counts, durations, sizes, shares, moments.

Belongs here: one value in, one short text out, the same in every report. Does not belong here:
markup, escaping, or anything that knows what a run is.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

NOTHING = "–"  # noqa: RUF001 - the dash that readers know for "no value"

_MINUTE = 60
_HOUR = 3600
_KILO = 1000
_TENTH_SECONDS_BEGIN_AT = 0.0995
_TENTH_SECONDS_END_AT = 9.95
_LONG_FRACTION = 6


def count(value: int | None) -> str:
    """A whole number with its thousands grouped: 57793 is `57,793`."""
    return NOTHING if value is None else f"{value:,}"


def duration(seconds: float | None) -> str:
    """Seconds as `40 ms`, `2.4 s`, `48 s`, `1 min 12 s` or `2 h 05 min`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < _TENTH_SECONDS_END_AT:
        return _short_duration(max(0.0, seconds))
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes // _MINUTE:,} h {minutes % _MINUTE:02d} min"


def _short_duration(seconds: float) -> str:
    if seconds == 0:
        return "0 s"
    if seconds < _TENTH_SECONDS_BEGIN_AT:
        return f"{max(1, round(seconds * 1000))} ms"
    return f"{seconds:.1f} s"


def size(number_of_bytes: int) -> str:
    """Bytes in decimal units: 1234567 is `1.2 MB`."""
    if number_of_bytes < _KILO:
        return f"{number_of_bytes} B"
    value = float(number_of_bytes)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= _KILO
        # 999.95 would round up to "1000.0" of this unit.
        if value < 999.95:  # noqa: PLR2004
            return f"{value:.1f} {unit}"
    return f"{value / _KILO:,.1f} PB"


def percent(share: float | None) -> str:
    """A share of one as a percentage; what is there but tiny is never shown as 0."""
    if share is None or not math.isfinite(share):
        return NOTHING
    if 0 < share < 0.0001:  # noqa: PLR2004
        return "< 0.01 %"
    if 0.9999 < share < 1:  # noqa: PLR2004
        return "> 99.99 %"
    return f"{share * 100:.2f} %" if share < 0.1 else f"{share * 100:.1f} %"  # noqa: PLR2004


def amount(value: float | None) -> str:
    """An amount of money without its currency: `12,345.60`."""
    return NOTHING if value is None else f"{value:,.2f}"


def plain_value(value: float | int | str | None) -> str:
    """What a check observed or demands, as precisely as is needed to tell the two apart."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return count(value)
    if not math.isfinite(value):
        return str(value)
    if value.is_integer():
        return count(int(value))
    short = f"{value:,.{_LONG_FRACTION}g}"
    # 0.99999999 must not read as the 1 that it missed, nor 1e-9 lose its meaning.
    return repr(value) if float(short.replace(",", "")).is_integer() else short


def plain_pair(
    observed: float | int | str | None, threshold: float | int | str | None
) -> tuple[str, str]:
    """What a check observed and demands; a near miss with as many digits as tell it apart."""
    texts = plain_value(observed), plain_value(threshold)
    if texts[0] == texts[1] and observed != threshold and isinstance(observed, float):
        longer = (f"{observed:,.{digits}g}" for digits in range(_LONG_FRACTION + 1, 17))
        return next((text for text in longer if text != texts[1]), repr(observed)), texts[1]
    return texts


def moment(value: datetime) -> str:
    """A time in UTC, to the second; one without a zone is UTC already."""
    if value.tzinfo is not None:
        value = value.astimezone(UTC)
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def quantity(number: int, singular: str, plural: str | None = None) -> str:
    """A count with its noun: `1 row`, `2 rows`."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"
