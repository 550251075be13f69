"""What a gold build counts on top of a release, told by files.

Belongs here: which files are added to a release's and which are gone. Does not belong here: the
SQL that counts them (`integration/test_clickstream_gold.py`).
"""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.release import PublishedFile, PublishedTable
from tasks.gold_base import differing_files

DAYS = [date(2024, 1, day) for day in range(1, 6)]


def table(files: dict[str, date]) -> PublishedTable:
    return PublishedTable(
        rows=len(files),
        bytes=len(files),
        columns={"event_date": "DATE"},
        partition_column="event_date",
        files=tuple(
            PublishedFile(
                root="silver",
                path=path,
                rows=1,
                bytes=1,
                sha256="0" * 64,
                partition={"event_date": day.isoformat()},
            )
            for path, day in files.items()
        ),
    )


def test_appended_files_are_added_and_rewritten_days_are_removed_too() -> None:
    released = table({"a": DAYS[0], "b": DAYS[1], "c": DAYS[2]})
    now = table({"a": DAYS[0], "a2": DAYS[0], "b2": DAYS[1], "c": DAYS[2], "d": DAYS[3]})
    added, removed = differing_files(now, released, None)
    assert [file.path for file in added] == ["a2", "b2", "d"]
    assert [file.path for file in removed] == ["b"]


def test_days_that_did_not_count_yet_are_added_and_never_removed() -> None:
    released = table({"a": DAYS[0], "b": DAYS[2], "c": DAYS[3]})
    now = table({"a": DAYS[0], "b": DAYS[2], "c2": DAYS[3]})
    added, removed = differing_files(now, released, DAYS[1])
    assert [file.path for file in added] == ["b", "c2"]
    assert removed == []


FILES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(DAYS))


@given(FILES, FILES, st.none() | st.sampled_from(DAYS))
def test_what_counted_less_removed_plus_added_is_what_there_is(
    before: dict[str, date], now: dict[str, date], counted_to: date | None
) -> None:
    now |= {path: day for path, day in before.items() if path in now}
    added, removed = differing_files(table(now), table(before), counted_to)
    counted = {p for p, day in before.items() if counted_to is None or day <= counted_to}
    gone, new = {file.path for file in removed}, {file.path for file in added}
    assert gone <= counted
    assert not new & (counted - gone)
    assert counted - gone | new == set(now)
