"""Event files with every kind of dirt that the clickstream contract speaks of.

Belongs here: the lines and bytes of three CSV files, the same for each call. Does not belong here:
what should become of them (`tests/oracle`).
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

COLUMNS = (
    *("event_time", "event_type", "product_id", "category_id", "category_code", "brand"),
    *("price", "user_id", "user_session"),
)
BASE_LINES = 240
# Days of March 2024 with events; the 4th, 5th, 9th and 10th have none. The last two are the future
# of a run of the 12th.
DAYS = (1, 2, 3, 6, 7, 8, 11, 12, 13, 15)
CODES = (
    *("electronics.phone", "Electronics.phone", "toys.kids.wood.car", "home..lamp", ".pet"),
    *("garden", "", "None"),
)
BRANDS = ("acme", " ACME", "Zen", "", "null", '"Smith, Sons"', '"The ""Best"""', "Ökö")
PRICES = ("1.005", "2.675", "0.005", "19.99", "1e2", "0", "5", "100000", "33.20")
KINDS = ("view",) * 6 + ("cart",) * 2 + ("remove_from_cart",) + ("purchase",) * 3


def write_events(folder: Path) -> None:
    """Write all files: `2024/a.csv` and its equal `2024/b.csv`, `B.csv` and `later.csv`."""
    (folder / "2024").mkdir(parents=True)
    first = first_file()
    (folder / "2024" / "b.csv").write_bytes(first)
    (folder / "2024" / "a.csv").write_bytes(first)
    (folder / "B.csv").write_bytes(second_file())
    (folder / "later.csv").write_bytes(third_file())


def first_file() -> bytes:
    """A byte order mark, LF, events of many days, old ones, dirty ones, bytes that are no UTF-8."""
    lines = [*base_lines(), *old_lines(), *odd_lines(), *broken_lines()]
    text = "\n".join([",".join(COLUMNS), *lines[:30], "", " \t ", *lines[30:]])
    bad_bytes = event(brand="ac\N{DEGREE SIGN}me", user_id="77").encode("latin-1")
    return b"\xef\xbb\xbf" + text.encode() + b"\n" + bad_bytes + b"\n"


def second_file() -> bytes:
    """CRLF, the columns turned round, copies of lines of the other files, a truncated end."""
    copies = base_lines()[5:25]
    lines = [
        *(_changed(line, brand="copied", price="7.77") for line in copies[:10]),
        *(_changed(line, price="-7") for line in copies[10:15]),
        *(_changed(line, event_type=f" {_field(line, 1).upper()} ") for line in copies[15:]),
        *repeated_lines(),
    ]
    turned = [",".join(COLUMNS[::-1]), *(",".join(_split(line)[::-1]) for line in lines)]
    return "\r\n".join([*turned, "s-end,12,3.5,acme"]).encode()


def third_file() -> bytes:
    """A new column at the end; its lines have a field more, and one lacks it."""
    days = [f"2024-03-{day:02} 21:00:00 UTC" for day in (3, 8, 12)]
    lines = [event(event_time=day, user_id="9", user_session="s-new") for day in days]
    lines += [event(event_time=days[0], event_type="purchase", user_id="9", product_id="3")]
    header = ",".join([*COLUMNS, "device"])
    return "\n".join([header, *(f"{line},phone" for line in lines), event(), ""]).encode()


def event(**changes: str) -> str:
    """A valid line, but for the changes."""
    return ",".join(_values(**changes))


def base_lines() -> list[str]:
    """Valid events of few users and products, so that ranks tie and sessions go on."""
    chance = random.Random(20240301)
    lines = []
    for _ in range(BASE_LINES):
        user = min(chance.randint(1, 14), chance.randint(1, 14))
        moment = datetime.fromisoformat(f"2024-03-{chance.choice(DAYS):02}") + timedelta(
            seconds=chance.randrange(86_400)
        )
        lines.append(
            event(
                event_time=f"{moment:%Y-%m-%d %H:%M:%S} UTC",
                event_type=chance.choice(KINDS),
                product_id=str(chance.randint(1, 16)),
                category_id=chance.choice(("", "2053013555631882655", "7")),
                category_code=chance.choice(CODES),
                brand=chance.choice(BRANDS),
                price=chance.choice(PRICES),
                user_id=str(user),
                user_session=f"s{user}-{chance.randint(1, 4)}",
            )
        )
    return lines


def old_lines() -> list[str]:
    """Buyers of 14, 15, 30 and 31 days before the 12th, one buyer a risk; a loyal champion."""
    days = {"101": "02-27", "102": "02-26", "103": "02-11", "104": "02-10"}
    bought = {"event_type": "purchase", "product_id": "40", "price": "12.34"}
    lines = [
        event(
            event_time=f"2024-{day} 12:00:00 UTC", user_id=user, user_session=f"o{user}", **bought
        )
        for user, day in days.items()
    ]
    return lines + [
        event(event_time=f"2024-03-07 12:{n:02}:00 UTC", user_id="105", user_session="o5", **bought)
        for n in range(10)
    ]


def odd_lines() -> list[str]:
    """Valid lines in unusual dress: times, numbers, spaces, nulls; a tie for the latest event."""
    times = (
        *("2024-03-06T23:30:00-0100", "2024-03-07 00:30:00 +05:30", "2024-03-08t10:11:12.5z"),
        *("2024-03-08 10:11:12.1234569 UTC", "2024-03-11", " 2024-03-12 23:59:59.999999 "),
        *("2024-03-13 00:00:00", "2024-03-12T22:59-02", "2024-04-30 08:00 utc"),
    )
    dressed = [
        event(event_time=time, user_id="20", user_session=f"t{n}", event_type="purchase")
        for n, time in enumerate(times)
    ]
    tied = {"event_time": "2024-03-12 20:00:00 UTC", "product_id": "50"}
    return [
        *dressed,
        *(
            event(**tied, user_id=str(n), brand=f"tied {n}", category_id=str(n))
            for n in range(1, 6)
        ),
        event(event_type=" Remove_From_CART ", user_id=" +0021 ", product_id="007"),
        event(user_id="9223372036854775807", product_id="9223372036854775807", category_id="N/A"),
        event(user_id="22", user_session='"s,22|""x"""', category_code="a.b.c.d", brand='""'),
        event(user_id="23", price=" 1.5E-2 ", event_type="PURCHASE", category_id="-5"),
        event(user_id="24", price="0.004999999999", event_type="purchase", product_id="51"),
        event(user_id="25", event_type="cart", category_code=" NaN "),
    ]


def broken_lines() -> list[str]:
    """Lines that cannot be read, and lines that break each rule, alone and together."""
    return [
        *("no event", "  spaces,around  ", event() + ",", event() + ",more", event(brand='"open')),
        event(event_time="2024-02-30 10:00:00 UTC"),
        event(
            event_time="01/03/2024", product_id="1.0", category_id="x", price="free", user_id="me"
        ),
        event(price="inf"),
        event(price="1e999", user_id="9223372036854775808"),
        event(product_id="1e3"),
        event(category_id="1_000"),
        event(event_time=""),
        event(event_type="wishlist"),
        event(event_type=" None ", brand=" ACME ", category_code='""'),
        event(product_id="0"),
        event(product_id="-4", user_id="null"),
        event(user_id="-1"),
        event(price="-0.001"),
        event(price="100000.001"),
        event(price=""),
        event(user_session=" n/a "),
        event(user_session=""),
        _same_null_line(),
        _same_null_line(),
    ]


def repeated_lines() -> list[str]:
    """Copies inside one file, in other words for the same key; the first is invalid."""
    key = {"event_time": "2024-03-11 09:00:00 UTC", "user_id": "30", "user_session": "r1"}
    return [
        event(**key, price="-1"),
        event(**key, price="3.00"),
        event(**key, price="4.00"),
        event(**{**key, "event_time": "2024-03-11T10:00:00+0100", "user_session": " r1 "}),
        event(**{**key, "event_time": "2024-03-11 09:00:00.000001"}),
        event(**{**key, "user_session": "R1"}),
    ]


def _same_null_line() -> str:
    return event(**dict.fromkeys(COLUMNS, "null"))


def _values(**changes: str) -> list[str]:
    usual = {
        "event_time": "2024-03-02 10:00:00 UTC",
        "event_type": "view",
        "product_id": "3",
        "category_id": "7",
        "category_code": "electronics.phone",
        "brand": "acme",
        "price": "10.00",
        "user_id": "1",
        "user_session": "s1-1",
    }
    return list({**usual, **changes}.values())


def _split(line: str) -> list[str]:
    """The fields of a line as written, quotes included."""
    fields = [""]
    quoted = False
    for letter in line:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            fields.append("")
        else:
            fields[-1] += letter
    return fields


def _field(line: str, number: int) -> str:
    return _split(line)[number]


def _changed(line: str, **changes: str) -> str:
    return ",".join({**dict(zip(COLUMNS, _split(line), strict=True)), **changes}.values())
