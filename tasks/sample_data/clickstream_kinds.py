"""Which kinds of dirt a clickstream sample has, and what becomes of a line of each kind.

Belongs here: the list of kinds. Does not belong here: how a line is spoilt
(`clickstream_spoiling.py`), and which lines are (`clickstream_dirt.py`).
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tasks.sample_data import clickstream_spoiling as spoiling
from tasks.sample_data.clickstream_spoiling import Spoil, drawn, shaped
from tasks.sample_data.names import BAD_TIMESTAMPS, NULL_TOKENS

_INT_COLUMNS = ("product_id", "category_id", "user_id")
_NULLS = tuple(token or "" for token in NULL_TOKENS)
_OUT_OF_INT64 = ("9223372036854775808", "-9223372036854775809", "99999999999999999999999")


class Place(Enum):
    """Where a spoilt line stands."""

    INSTEAD = "instead of the clean line"
    BESIDE = "after the clean line, which stays"
    LATE = "in the file of a later day, instead"
    AGAIN = "in the file of a later day, too"


class Fate(Enum):
    """What silver makes of a spoilt line, if the whole sample is processed."""

    SILVER = "a row of silver"
    QUARANTINE = "a row of quarantine"
    SUPERSEDED = "counted as superseded"
    NO_ROW = "no row at all"


@dataclass(frozen=True)
class Kind:
    """One kind of dirt; `reasons` are those that a line of it is quarantined for."""

    name: str
    spoil: Spoil
    reasons: tuple[str, ...] = ()
    place: Place = Place.INSTEAD
    fate: Fate = Fate.SILVER
    weight: int = 1


def _bad(name: str, reasons: str, spoil: Spoil) -> Kind:
    return Kind(name, spoil, tuple(reasons.split()), fate=Fate.QUARANTINE)


def _copy(name: str, spoil: Spoil, place: Place, weight: int) -> Kind:
    return Kind(name, spoil, place=place, fate=Fate.SUPERSEDED, weight=weight)


# The first file, and every third from it on, begins with a BOM and ends its header with CRLF; the
# second, and every third from it on, has no newline at its end.
FILE_KINDS = ("byte_order_mark", "header_crlf", "no_final_newline")


def dirt_kinds() -> tuple[str, ...]:
    """The names of all kinds of dirt: those of lines, then those of whole files."""
    return (*(kind.name for kind in line_kinds(dt.date.max)), *FILE_KINDS)


def line_kinds(after_last_day: dt.date) -> tuple[Kind, ...]:
    """The kinds of dirt of lines; those of the future are dated `after_last_day` or later."""
    return (
        *_COPIES,
        *_MALFORMED,
        *_NO_CAST,
        *_BROKEN_RULES,
        *_ODD_BUT_FINE,
        Kind("future_event", spoiling.days_later(after_last_day)),
        Kind(
            "blank_line",
            spoiling.line(b"", b"   ", b"\t", b" \r"),
            place=Place.BESIDE,
            fate=Fate.NO_ROW,
        ),
    )


_COPIES = (
    _copy("exact_duplicate", spoiling.as_it_was, Place.BESIDE, 3),
    _copy("duplicate_with_other_values", spoiling.another_price_and_brand, Place.BESIDE, 2),
    _copy("duplicate_spelled_otherwise", spoiling.spelled_otherwise, Place.BESIDE, 2),
    _copy("delivered_again", spoiling.as_it_was, Place.AGAIN, 2),
    _copy("delivered_again_changed", spoiling.another_price_and_brand, Place.AGAIN, 1),
    Kind("delivered_late", spoiling.as_it_was, place=Place.LATE, weight=2),
)

_MALFORMED = tuple(
    _bad(name, "malformed_line", spoil)
    for name, spoil in (
        ("too_few_fields", spoiling.too_few_fields),
        ("too_many_fields", spoiling.too_many_fields),
        ("open_quote", spoiling.open_quote),
        ("invalid_utf8", spoiling.no_utf8),
        ("cut_line", spoiling.cut),
    )
)

_NO_CAST = (
    _bad("bad_timestamp", "invalid_event_time", drawn("event_time", *BAD_TIMESTAMPS)),
    *(
        _bad(f"{column}_{name}", f"invalid_{column}", drawn(column, *forms))
        for column in _INT_COLUMNS
        for name, forms in (
            ("with_decimals", ("1.0", "17.5", "1e3")),
            ("out_of_int64", _OUT_OF_INT64),
            ("text", ("abc", "12a", "0x1F", "1 000", "--5")),
        )
    ),
    _bad("price_text", "invalid_price", drawn("price", "free", "$12", "1.2.3", '"12,50"', "1e")),
    _bad("price_infinite", "invalid_price", drawn("price", "inf", "-inf", "Infinity")),
    _bad(
        "two_bad_casts",
        "invalid_product_id invalid_price",
        spoiling.together(drawn("product_id", "?", "2.0"), drawn("price", "?", "INF")),
    ),
)

_BROKEN_RULES = (
    *(
        _bad(f"missing_{column}", f"valid_{column}", drawn(column, *_NULLS))
        for column in ("event_time", "event_type", "product_id", "user_id", "user_session")
    ),
    # `nan` is a null token, so that it casts, to NULL.
    _bad("missing_price", "valid_price", drawn("price", *_NULLS, "nan")),
    _bad(
        "unknown_event_type",
        "valid_event_type",
        drawn("event_type", "click", "views", "wish list", "purchase!", "-"),
    ),
    _bad("product_id_not_positive", "valid_product_id", drawn("product_id", "0", "-5", "-0")),
    _bad(
        "user_id_not_positive",
        "valid_user_id",
        drawn("user_id", "0", "-17", "-9223372036854775808"),
    ),
    _bad("price_negative", "valid_price", drawn("price", "-0.01", "-12.50", "-1e5", "-0.004")),
    _bad(
        "price_above_limit",
        "valid_price",
        drawn("price", "100000.01", "250000", "1e6", "100000.004"),
    ),
    _bad(
        "several_broken_rules",
        "valid_event_type valid_product_id valid_price",
        spoiling.together(
            drawn("event_type", "hover"), drawn("product_id", "0"), drawn("price", "-1")
        ),
    ),
    _bad(
        "every_field_empty",
        "valid_event_time valid_event_type valid_product_id valid_user_id valid_price"
        " valid_user_session",
        spoiling.line(b",,,,,,,,", b" , ,,n/a,,,NULL,, "),
    ),
)


def _time(*forms: Callable[[str], str]) -> Spoil:
    """Forms of a time, from its `YYYY-MM-DD HH:MM:SS`."""
    return shaped("event_time", *(lambda text, form=form: form(text[:19]) for form in forms))


_ODD_BUT_FINE = (
    Kind("crlf", spoiling.crlf),
    Kind("quoted_fields", spoiling.quoted),
    Kind("time_with_offset", spoiling.in_another_zone),
    Kind(
        "time_with_fraction",
        _time(
            lambda text: f"{text}.5 UTC",
            lambda text: f"{text}.123456Z",
            lambda text: f"{text}.123456789 UTC",
            lambda text: f"{text}.000 UTC",
        ),
    ),
    Kind("time_with_t", _time(lambda text: text.replace(" ", "T") + "Z")),
    Kind(
        "time_in_lower_case",
        _time(
            lambda text: text.replace(" ", "t") + "z",
            lambda text: f"{text} utc",
            lambda text: f"{text}z",
        ),
    ),
    Kind("time_without_zone", _time(lambda text: text, lambda text: f"  {text} ")),
    Kind("time_without_seconds", spoiling.without_seconds),
    Kind(
        "spelling",
        spoiling.one_of(
            shaped("event_type", str.upper, lambda text: f" {text.title()}\t"),
            shaped("brand", str.upper, lambda text: f"  {text} "),
            shaped("category_code", lambda text: f" {text}\t"),
            shaped("user_session", lambda text: f" {text} "),
        ),
    ),
    Kind("brand_beyond_ascii", drawn("brand", "MÜHLE", "Crème Légère", "灯台", "Ørsted")),
    Kind(
        "integer_spelling",
        spoiling.one_of(
            shaped("product_id", lambda text: f"+{text}", lambda text: f"000{text}"),
            shaped("user_id", lambda text: f" {text} "),
            shaped("category_id", lambda text: f"+{text} "),
        ),
    ),
    Kind("price_spelling", drawn("price", "1.5e2", " 19.90 ", "35", "0.5E+2", "1234567e-4")),
    Kind("price_at_limit", drawn("price", "0", "100000", "0.00", "100000.00")),
    Kind("price_half_cent", drawn("price", "1.005", "2.675", "1.115", "0.005")),
    Kind("missing_category_id", drawn("category_id", "")),
    Kind(
        "null_tokens",
        spoiling.together(
            drawn("category_id", *_NULLS, " NULL "),
            drawn("category_code", " NULL ", "n/a", "None"),
            drawn("brand", "nan", " NULL ", "N/A", "none"),
        ),
    ),
    Kind(
        "odd_category_code",
        drawn("category_code", "a..b", ".x", "a.b.c.d.e", "x.", ".", "a..."),
    ),
)
