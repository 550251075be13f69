"""The clickstream oracle's own tests: the as-of date, customers, products, days, the funnel.

Belongs here: gold, with figures worked out by hand from the contract's sentences. Silver is in
`test_oracle_clickstream`.
"""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from .clickstream_bronze import parse_file
from .clickstream_gold import (
    as_of_date,
    churn_risk,
    gold_tables,
    percent_ranks,
    quintile,
    ranks,
    segment,
    tier,
)
from .clickstream_silver import event_id, refine
from .sample_events import DAY, by, content, line, only, outputs
from .table import Row, Table

FIRST = date(2024, 3, 1)


def day(number: int, clock: str = "10:00:00") -> str:
    return f"2024-03-{number:02} {clock} UTC"


def bought(user: int, price: str, time: str = day(10), **other: str | int) -> str:
    return line(time=time, kind="purchase", user=user, price=price, **other)  # type: ignore[arg-type]


def customers(tables: dict[str, Table]) -> dict[object, Row]:
    return by(tables["gold.customer_metrics"], "user_id")


def products(tables: dict[str, Table]) -> dict[object, Row]:
    return by(tables["gold.product_performance"], "product_id")


def daily(tables: dict[str, Table]) -> dict[int, Row]:
    return {row["event_date"].day: row for row in tables["gold.daily_sales_summary"].dicts()}


def test_as_of_is_the_run_date_else_the_last_event_date() -> None:
    silver = [{"event_date": FIRST}, {"event_date": DAY}]
    assert as_of_date(silver, date(2024, 3, 5)) == date(2024, 3, 5)
    assert as_of_date(silver, None) == DAY
    assert as_of_date([], None) is None


def test_without_a_run_date_the_last_event_counts() -> None:
    rows = parse_file("e.csv", content(line(time=day(1)), bought(2, "3", day(4))))
    tables = gold_tables(refine(rows, datetime.fromisoformat("2024-03-04")).rows, None)
    assert len(tables["gold.daily_sales_summary"].rows) == 4
    assert not gold_tables([], None)["gold.customer_metrics"].rows


def test_events_after_the_as_of_date_stay_in_silver_and_count_nowhere(tmp_path: Path) -> None:
    late = bought(9, "50", "2024-03-11 00:00:00 UTC", product=9)
    kept = line(time="2024-03-10 23:59:59.999999 UTC")
    tables = outputs(tmp_path, kept, late)
    assert len(tables["silver.events_cleaned"].rows) == 2
    for name in ("customer_metrics", "product_performance", "daily_sales_summary"):
        row = only(tables[f"gold.{name}"])
        assert (row["total_events"], row["total_revenue"]) == (1, Decimal(0))
    assert only(tables["gold.conversion_funnel"])["total_revenue"] == Decimal(0)


def test_nothing_but_future_events_gives_no_gold(tmp_path: Path) -> None:
    tables = outputs(tmp_path, line(time="2024-03-11 00:00 UTC"))
    assert [len(t.rows) for name, t in tables.items() if name.startswith("gold.")] == [0] * 4


def test_a_customer_is_summed_over_all_events(tmp_path: Path) -> None:
    tables = outputs(
        tmp_path,
        line(time=day(1), product=1, session="a"),
        line(time=day(1, "11:00:00"), product=1, session="a"),
        line(time=day(3), product=2, session="b"),
        line(time=day(3), product=3, session="b", kind="cart"),
        line(time=day(3), product=4, session="b", kind="remove_from_cart"),
        bought(1, "10.01", day(4), product=5, session="c"),
        bought(1, "5.01", day(4), product=6, session="c"),
    )
    row = only(tables["gold.customer_metrics"])
    assert row == {
        "user_id": 1,
        "total_sessions": 3,
        "total_events": 7,
        "total_views": 3,
        "total_cart_adds": 1,
        "total_cart_removals": 1,
        "total_purchases": 2,
        "unique_products_viewed": 2,
        "total_revenue": Decimal("15.02"),
        "avg_purchase_value": 7.51,
        "first_activity_date": date(2024, 3, 1),
        "last_activity_date": date(2024, 3, 4),
        "unique_days_active": 3,
        "days_since_last_activity": 6,
        "customer_segment": "Potential Loyalist",
        "rfm_score": 3,  # the only buyer: percent_rank 0 three times
        "churn_risk": "Low",
    }


def test_a_visitor_has_no_score_mean_or_risk(tmp_path: Path) -> None:
    row = only(outputs(tmp_path, line(time="2024-01-01"))["gold.customer_metrics"])
    assert (row["rfm_score"], row["avg_purchase_value"], row["churn_risk"]) == (None, None, "N/A")
    assert (row["total_revenue"], row["days_since_last_activity"]) == (Decimal("0.00"), 69)


@pytest.mark.parametrize(
    ("purchases", "cart_adds", "name"),
    [
        (10, 0, "Champion"),
        (9, 0, "Loyal"),
        (5, 0, "Loyal"),
        (4, 0, "Potential Loyalist"),
        (2, 0, "Potential Loyalist"),
        (1, 3, "New Customer"),
        (0, 1, "Cart Abandoner"),
        (0, 0, "Visitor"),
    ],
)
def test_segments(purchases: int, cart_adds: int, name: str) -> None:
    assert segment(purchases, cart_adds) == name


@pytest.mark.parametrize(
    ("idle", "risk"), [(0, "Low"), (14, "Low"), (15, "Medium"), (30, "Medium"), (31, "High")]
)
def test_churn_risk(idle: int, risk: str) -> None:
    assert churn_risk(idle) == risk


def test_percent_rank_takes_the_lowest_place_of_equals() -> None:
    assert ranks([30, 10, 30, 20]) == [3, 1, 3, 2]
    assert ranks([30, 10, 30, 20], descending=True) == [1, 4, 1, 3]
    assert percent_ranks([30, 10, 30, 20]) == [Fraction(2, 3), 0, Fraction(2, 3), Fraction(1, 3)]
    assert percent_ranks([5]) == [0]
    assert percent_ranks([5, 5, 5]) == [0, 0, 0]
    assert percent_ranks([]) == []


def test_quintiles_change_exactly_at_fifths() -> None:
    assert [quintile(place) for place in percent_ranks(list(range(6)))] == [1, 2, 3, 4, 5, 5]
    assert quintile(Fraction(199999, 1000000)) == 1


def test_rfm_is_among_buyers_and_by_the_time_of_the_last_purchase(tmp_path: Path) -> None:
    tables = outputs(
        tmp_path,
        bought(1, "30", day(10, "09:00:00")),
        bought(2, "10", day(10, "09:00:01")),
        bought(2, "20", day(2)),
        bought(3, "90", day(1)),
        line(user=3, time=day(10, "23:00:00")),  # activity, but no purchase
        line(user=4),
    )
    scores = {user: row["rfm_score"] for user, row in customers(tables).items()}
    # r: 3 < 1 < 2 -> 1: 3, 2: 5, 3: 1; f: 1 = 3 < 2 -> 1, 5, 1; m: 1 = 2 (30) < 3 -> 1, 1, 5
    assert scores == {1: 5, 2: 11, 3: 7, 4: None}


def test_a_product_is_described_by_its_latest_event_and_priced_over_all(tmp_path: Path) -> None:
    latest = datetime.fromisoformat("2024-03-05T10:00:00")
    key = {"event_time": latest, "product_id": 1, "user_session": "s1", "event_type": "view"}
    ids = {user: event_id({**key, "user_id": user}) for user in (2, 3)}
    winner = max(ids, key=lambda user: ids[user])
    lines = [
        line(time=day(5), user=user, brand=f"b{user}", code=f"c{user}.x", category="", price="2.00")
        for user in (2, 3)
    ]
    tables = outputs(tmp_path, line(time=day(4), category="8", price="1.00"), *lines)
    row = only(tables["gold.product_performance"])
    assert (row["brand"], row["category_code"], row["category_l1"], row["category_id"]) == (
        *(f"b{winner}", f"c{winner}.x", f"c{winner}"),
        None,  # the latest event's, though an older event has one
    )
    assert row["avg_price"] == pytest.approx(5 / 3, rel=1e-12)


def test_product_rates_divide_events_and_are_not_clipped(tmp_path: Path) -> None:
    tables = outputs(
        tmp_path,
        line(user=1),
        line(user=1, time=day(9)),
        line(user=1, kind="cart"),
        line(user=1, kind="remove_from_cart"),
        *(bought(user, "1.50") for user in (1, 2, 3)),
        line(product=2, kind="cart"),
        bought(1, "0", product=3),
    )
    found = products(tables)
    rates = ("view_to_cart_rate", "cart_to_purchase_rate", "overall_conversion_rate")
    assert [found[1][name] for name in rates] == [50.0, 300.0, 150.0]
    assert [found[2][name] for name in rates] == [None, 0.0, None]
    assert [found[3][name] for name in rates] == [None, None, None]
    assert (found[1]["total_events"], found[1]["unique_users"]) == (7, 3)
    assert found[1]["total_revenue"] == Decimal("4.50")
    assert [found[n]["revenue_rank_global"] for n in (1, 2, 3)] == [1, 2, 2]
    assert [found[n]["performance_tier"] for n in (1, 2, 3)] == ["Top 10%", "Bottom", "Bottom"]


def test_tiers_are_strict_and_among_products_with_revenue(tmp_path: Path) -> None:
    sold = [bought(1, str(100 - n), product=n) for n in range(1, 12)]
    unsold = [line(product=n) for n in range(12, 40)]
    found = products(outputs(tmp_path, *sold, *unsold))
    assert [found[n]["performance_tier"] for n in range(1, 13)] == [
        *("Top 10%", "Top 25%", "Top 25%", "Top 50%", "Top 50%"),
        *["Bottom"] * 7,
    ]
    assert {found[n]["revenue_rank_global"] for n in range(12, 40)} == {12}
    assert tier(Fraction(24999, 100000)) == "Top 25%"
    assert tier(Fraction(1, 4)) == "Top 50%"


def test_days_are_gap_filled_up_to_the_as_of_date(tmp_path: Path) -> None:
    tables = outputs(
        tmp_path, bought(1, "10", day(1)), line(user=2, time=day(1)), bought(1, "5", day(3))
    )
    found = daily(tables)
    assert sorted(found) == list(range(1, 11))
    assert [found[n]["day_name"] for n in (1, 3, 10)] == ["Friday", "Sunday", "Sunday"]
    assert found[2] == {
        "event_date": date(2024, 3, 2),
        "day_name": "Saturday",
        **dict.fromkeys(("total_events", "total_views", "total_cart_adds", "total_purchases"), 0),
        **dict.fromkeys(("unique_users", "unique_sessions", "unique_buyers"), 0),
        "total_revenue": Decimal(0),
        **dict.fromkeys(("avg_order_value", "overall_conversion_rate", "buyer_rate")),
        "revenue_7d_avg": 5.0,
        "revenue_dod_change": -100.0,
    }
    means = [found[n]["revenue_7d_avg"] for n in range(1, 11)]
    expected = [10, 5, 5, 15 / 4, 3, 15 / 6, 15 / 7, 5 / 7, 5 / 7, 0]
    assert means == pytest.approx(expected, rel=1e-12)
    changes = [found[n]["revenue_dod_change"] for n in range(1, 6)]
    assert changes == [None, -100.0, None, -100.0, None]


def test_a_day_counts_users_sessions_and_buyers_once(tmp_path: Path) -> None:
    tables = outputs(
        tmp_path,
        bought(1, "4.00", day(9), session="old"),
        bought(1, "1.00", product=1, session="a"),
        bought(1, "2.00", product=2, session="b"),
        line(user=2, session="b"),
        line(user=3, session="c"),
        line(user=3, session="c", kind="cart"),
        line(user=3, session="c", kind="remove_from_cart"),
    )
    row = daily(tables)[10]
    assert (row["total_events"], row["total_views"], row["total_cart_adds"]) == (6, 2, 1)
    assert (row["unique_users"], row["unique_sessions"], row["unique_buyers"]) == (3, 3, 1)
    assert (row["avg_order_value"], row["overall_conversion_rate"]) == (1.5, 100.0)
    assert row["buyer_rate"] == pytest.approx(100 / 3, rel=1e-12)
    assert row["revenue_dod_change"] == -25.0


def test_the_funnel_counts_a_session_by_its_events_in_the_cell(tmp_path: Path) -> None:
    tables = outputs(
        tmp_path,
        line(session="all"),
        line(session="all", kind="cart"),
        bought(1, "1.00", session="all"),
        line(session="left"),
        line(session="left", kind="cart"),
        line(session="direct"),
        bought(2, "2.00", session="direct"),
        line(session="cart only", kind="cart"),
        line(session="removes", kind="remove_from_cart"),
        bought(3, "4.00", session="left", code="toys"),  # another category
        bought(3, "8.00", time=day(9), session="left"),  # another day
    )
    cells = {(r["event_date"].day, r["category_l1"]): r for r in _funnel(tables)}
    assert set(cells) == {(10, "tools"), (10, "toys"), (9, "tools")}
    assert cells[10, "tools"] == {
        "event_date": DAY,
        "category_l1": "tools",
        "total_sessions": 5,
        "sessions_with_view": 3,
        "sessions_with_cart": 3,
        "sessions_with_purchase": 2,
        "session_view_to_cart_rate": pytest.approx(200 / 3, rel=1e-12),
        "session_cart_to_purchase_rate": pytest.approx(100 / 3, rel=1e-12),
        "cart_abandonment_rate": pytest.approx(200 / 3, rel=1e-12),
        "total_revenue": Decimal("3.00"),
    }
    toys = cells[10, "toys"]
    assert (toys["total_sessions"], toys["sessions_with_purchase"]) == (1, 1)
    rates = ("session_view_to_cart_rate", "session_cart_to_purchase_rate", "cart_abandonment_rate")
    assert [toys[name] for name in rates] == [None] * 3


def _funnel(tables: dict[str, Table]) -> list[Row]:
    return tables["gold.conversion_funnel"].dicts()
