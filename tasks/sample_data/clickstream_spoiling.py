"""The ways in which one CSV line of clickstream can be spoilt, each a function of its fields.

Belongs here: what happens to fields and to bytes. Does not belong here: which rule a line then
breaks (`clickstream_kinds.py`), and how many lines are spoilt (`clickstream_dirt.py`).

The fields are those of a clean line, none quoted, and may be changed. `turn` counts how often a
kind was used before: it picks one of several forms, so that a large sample has them all.
"""

import datetime as dt
from collections.abc import Callable, Sequence

from tasks.sample_data.clickstream_lines import COLUMNS

Spoil = Callable[[list[str], int], bytes]

_PLACES = {column: place for place, column in enumerate(COLUMNS)}
_TIME, _TYPE, _BRAND, _SESSION = (
    _PLACES[column] for column in ("event_time", "event_type", "brand", "user_session")
)
_CODE = _PLACES["category_code"]
_BRANDLIKE = "Northlight"
_ZONES = ((2, "+02:00"), (-6, "-0600"), (9, " +09"), (-3, "-03:00"))


def joined(fields: Sequence[str]) -> bytes:
    """The fields as a line, as they are."""
    return ",".join(fields).encode()


def as_it_was(fields: list[str], _turn: int) -> bytes:
    """The same bytes again."""
    return joined(fields)


def drawn(column: str, *forms: str) -> Spoil:
    """The column becomes one of these texts, in turn."""

    def spoil(fields: list[str], turn: int) -> bytes:
        fields[_PLACES[column]] = forms[turn % len(forms)]
        return joined(fields)

    return spoil


def shaped(column: str, *forms: Callable[[str], str]) -> Spoil:
    """The column's text goes through one of these functions, in turn."""

    def spoil(fields: list[str], turn: int) -> bytes:
        place = _PLACES[column]
        fields[place] = forms[turn % len(forms)](fields[place])
        return joined(fields)

    return spoil


def together(*spoils: Spoil) -> Spoil:
    """All of them, one after the other; none may add or remove a field."""

    def spoil(fields: list[str], turn: int) -> bytes:
        for one in spoils:
            fields = one(fields, turn).decode().split(",")
        return joined(fields)

    return spoil


def one_of(*spoils: Spoil) -> Spoil:
    """One of them, in turn."""
    return lambda fields, turn: spoils[turn % len(spoils)](fields, turn // len(spoils))


def line(*lines: bytes) -> Spoil:
    """Whatever the fields: one of these lines, in turn."""
    return lambda _fields, turn: lines[turn % len(lines)]


def crlf(fields: list[str], _turn: int) -> bytes:
    """The line as Windows ends it; LF follows."""
    return joined(fields) + b"\r"


def too_few_fields(fields: list[str], turn: int) -> bytes:
    """One field or more are missing."""
    return joined(fields[: (8, 5, 7, 1)[turn % 4]])


def too_many_fields(fields: list[str], turn: int) -> bytes:
    """A comma that nobody quoted, an empty field more, or the start of another line."""
    if turn % 3 == 0:
        fields[_BRAND] = f"{_BRANDLIKE}, Inc."
    elif turn % 3 == 1:
        fields.append("")
    else:
        fields += fields[:4]
    return joined(fields)


def open_quote(fields: list[str], turn: int) -> bytes:
    """A quote that never closes: from the brand on, or at the last field."""
    place = (_BRAND, _SESSION, _CODE)[turn % 3]
    fields[place] = f'"{fields[place]}'
    return joined(fields)


def cut(fields: list[str], turn: int) -> bytes:
    """The line ends somewhere before its last comma, as when a writer was killed."""
    whole = joined(fields)
    return whole[: 12 + turn * 31 % (whole.rindex(b",") - 12)]


def no_utf8(fields: list[str], turn: int) -> bytes:
    """Bytes in the brand that are no UTF-8: Latin-1, a lone byte, a surrogate, an overlong form."""
    bad = (b"caf\xe9", b"\xff\xfe", b"ab\xed\xa0\x80c", b"\xc0\xaf", b"na\xc3")[turn % 5]
    return b",".join([joined(fields[:_BRAND]), bad, joined(fields[_BRAND + 1 :])])


def quoted(fields: list[str], turn: int) -> bytes:
    """Quotes that are fine: around a comma, doubled ones, around every field."""
    if turn % 3 == 2:  # noqa: PLR2004 (the third of three forms)
        return ",".join(f'"{field}"' for field in fields).encode()
    fields[_BRAND] = ('"Wick, Sons & Co"', '"The ""Good"" Lamp"')[turn % 3]
    return joined(fields)


def in_another_zone(fields: list[str], turn: int) -> bytes:
    """The same instant with an offset."""
    hours, suffix = _ZONES[turn % len(_ZONES)]
    moved = dt.datetime.fromisoformat(fields[_TIME][:19]) + dt.timedelta(hours=hours)
    fields[_TIME] = f"{moved.isoformat(sep=' ')}{suffix}"
    return joined(fields)


def without_seconds(fields: list[str], _turn: int) -> bytes:
    """A time of hours and minutes, in a session of its own: it must not meet another event."""
    fields[_TIME] = fields[_TIME][:16]
    fields[_SESSION] = fields[_SESSION][::-1]
    return joined(fields)


def days_later(first: dt.date) -> Spoil:
    """The event is dated on one of the three days from `first` on."""

    def spoil(fields: list[str], turn: int) -> bytes:
        day = first + dt.timedelta(days=turn % 3)
        fields[_TIME] = day.isoformat() + fields[_TIME][10:]
        return joined(fields)

    return spoil


def another_price_and_brand(fields: list[str], turn: int) -> bytes:
    """The same event with another price and brand."""
    fields[_BRAND] = _BRANDLIKE.lower()
    fields[_PLACES["price"]] = f"{1 + turn % 900}.25"
    return joined(fields)


def spelled_otherwise(fields: list[str], turn: int) -> bytes:
    """The same event, its key written in another way and its brand another one."""
    fields[_BRAND] = _BRANDLIKE
    form = turn % 5
    if form == 0:
        fields[_TYPE] = fields[_TYPE].upper()
    elif form == 1:
        fields[_TYPE] = f" {fields[_TYPE].title()}\t"
    elif form == 2:  # noqa: PLR2004 (the third of five forms)
        fields[_SESSION] = f" {fields[_SESSION]}  "
    elif form == 3:  # noqa: PLR2004 (the fourth of five forms)
        fields[_PLACES["product_id"]] = f"+00{fields[_PLACES['product_id']]}"
        fields[_PLACES["user_id"]] = f" {fields[_PLACES['user_id']]} "
    else:
        return in_another_zone(fields, turn // 5)
    return joined(fields)
