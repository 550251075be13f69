"""Figures as people read them, at the edges where units and roundings change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tasks.reports import human_figures as figures
from tasks.reports.printable_text import printable


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, figures.NOTHING),
        (float("nan"), figures.NOTHING),
        (-1, "0 s"),
        (0, "0 s"),
        (0.0001, "1 ms"),
        (0.04, "40 ms"),
        (0.0996, "0.1 s"),
        (2.44, "2.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (72, "1 min 12 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_duration(seconds, text):
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (999_960, "1.0 MB")],
)
def test_size(size, text):
    assert figures.size(size) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, figures.NOTHING),
        (0, "0.00 %"),
        (0.00001, "< 0.01 %"),
        (0.0123, "1.23 %"),
        (0.979, "97.9 %"),
        (0.99995, "> 99.99 %"),
        (1, "100.0 %"),
    ],
)
def test_percent(share, text):
    assert figures.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, figures.NOTHING),
        ("as declared", "as declared"),
        (57793, "57,793"),
        (1.0, "1"),
        (0.0791925466, "0.0791925"),
        (0.99999999, "0.99999999"),
        (1e-9, "1e-09"),
        (float("inf"), "inf"),
        (12345.5, "12,345.5"),
    ],
)
def test_plain_value_tells_near_values_apart(value, text):
    assert figures.plain_value(value) == text


@pytest.mark.parametrize(
    ("observed", "threshold", "texts"),
    [
        (0.9899998185085028, 0.99, ("0.9899998", "0.99")),
        (1234.00000004, 1234, ("1234.00000004", "1,234")),
        (0.99, 0.99, ("0.99", "0.99")),
        (0.5, 0.99, ("0.5", "0.99")),
        (3, 3, ("3", "3")),
        (None, None, (figures.NOTHING, figures.NOTHING)),
    ],
)
def test_a_near_miss_reads_like_one(observed, threshold, texts):
    assert figures.plain_pair(observed, threshold) == texts


def test_moment_is_in_utc():
    ahead = timezone(timedelta(hours=2))
    assert figures.moment(datetime(2024, 1, 1, 1, 30, tzinfo=ahead)) == "2023-12-31 23:30:00 UTC"
    assert figures.moment(datetime(2024, 1, 1, 1, 30, tzinfo=UTC)) == "2024-01-01 01:30:00 UTC"


def test_quantity_agrees_with_its_noun():
    assert [figures.quantity(n, "row") for n in (0, 1, 2_000)] == ["0 rows", "1 row", "2,000 rows"]


def test_printable_keeps_lines_and_drops_codes():
    assert printable("\x1b[31ma\x1b[0m\r\nb\tc\x00\x9b") == "a\nb\tc"
