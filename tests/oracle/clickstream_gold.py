"""The four gold tables of the clickstream contract, from the rows of silver.

Belongs here: the as-of date, sums, rates, ranks and tiers. Does not: what an event is
(`clickstream_silver`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from .table import Row, Table, table_of
from .values import days, ratio, total

WINDOW_DAYS = 7

# Each table: how many of its first columns are its key, and its columns.
GOLD: dict[str, tuple[int, str]] = {
    "customer_metrics": (
        1,
        "user_id total_sessions total_events total_views total_cart_adds total_cart_removals "
        "total_purchases unique_products_viewed total_revenue avg_purchase_value "
        "first_activity_date last_activity_date unique_days_active days_since_last_activity "
        "customer_segment rfm_score churn_risk",
    ),
    "product_performance": (
        1,
        "product_id category_id category_code category_l1 brand avg_price total_events "
        "total_views total_cart_adds total_purchases unique_users total_revenue "
        "view_to_cart_rate cart_to_purchase_rate overall_conversion_rate revenue_rank_global "
        "performance_tier",
    ),
    "daily_sales_summary": (
        1,
        "event_date day_name total_events total_views total_cart_adds total_purchases "
        "unique_users unique_sessions unique_buyers total_revenue avg_order_value "
        "overall_conversion_rate buyer_rate revenue_7d_avg revenue_dod_change",
    ),
    "conversion_funnel": (
        2,
        "event_date category_l1 total_sessions sessions_with_view sessions_with_cart "
        "sessions_with_purchase session_view_to_cart_rate session_cart_to_purchase_rate "
        "cart_abandonment_rate total_revenue",
    ),
}
_DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def gold_tables(silver: Iterable[Row], run_date: date | None) -> dict[str, Table]:
    """`gold.<table>` for each of the four, as of the run date."""
    rows = list(silver)
    as_of = as_of_date(rows, run_date)
    counted = [row for row in rows if as_of is not None and row["event_date"] <= as_of]
    made = {
        "customer_metrics": customer_metrics(counted, as_of) if as_of else [],
        "product_performance": product_performance(counted),
        "daily_sales_summary": daily_sales_summary(counted, as_of) if as_of else [],
        "conversion_funnel": conversion_funnel(counted),
    }
    tables = {}
    for name, (key_length, columns) in GOLD.items():
        names = columns.split()
        tables[f"gold.{name}"] = table_of(names, made[name], names[:key_length])
    return tables


def as_of_date(silver: Iterable[Row], run_date: date | None) -> date | None:
    """The run date, else the last event_date; None where there is neither."""
    return run_date or max((row["event_date"] for row in silver), default=None)


def customer_metrics(events: list[Row], as_of: date) -> list[Row]:
    """A row a user_id."""
    rows = []
    last_purchases: dict[int, datetime] = {}
    for user, own in _grouped(events, lambda row: row["user_id"]).items():
        bought = _of_type(own, "purchase")
        first, last = min(_all(own, "event_date")), max(_all(own, "event_date"))
        idle = (as_of - last).days
        if bought:
            last_purchases[user] = max(_all(bought, "event_time"))
        rows.append(
            {
                "user_id": user,
                "total_sessions": _distinct(own, "user_session"),
                **_counts(own),
                "unique_products_viewed": _distinct(_of_type(own, "view"), "product_id"),
                "total_revenue": revenue(own),
                "avg_purchase_value": ratio(revenue(own), len(bought)),
                "first_activity_date": first,
                "last_activity_date": last,
                "unique_days_active": _distinct(own, "event_date"),
                "days_since_last_activity": idle,
                "customer_segment": segment(len(bought), len(_of_type(own, "cart"))),
                "churn_risk": churn_risk(idle) if bought else "N/A",
                "rfm_score": None,
            }
        )
    _score(rows, last_purchases)
    return rows


def _score(rows: list[Row], last_purchases: dict[int, datetime]) -> None:
    """Fill in rfm_score of the buyers."""
    buyers = [row for row in rows if row["user_id"] in last_purchases]
    measures = (
        [last_purchases[row["user_id"]] for row in buyers],
        _all(buyers, "total_purchases"),
        _all(buyers, "total_revenue"),
    )
    parts = [[quintile(place) for place in percent_ranks(values)] for values in measures]
    for row, scores in zip(buyers, zip(*parts, strict=True), strict=True):
        row["rfm_score"] = sum(scores)


def segment(purchases: int, cart_adds: int) -> str:
    """customer_segment."""
    for least, name in ((10, "Champion"), (5, "Loyal"), (2, "Potential Loyalist")):
        if purchases >= least:
            return name
    if purchases == 1:
        return "New Customer"
    return "Cart Abandoner" if cart_adds else "Visitor"


def churn_risk(idle_days: int) -> str:
    """churn_risk of a buyer."""
    if idle_days < 15:
        return "Low"
    return "Medium" if idle_days <= 30 else "High"


def quintile(place: Fraction) -> int:
    """1 to 5 from a percent_rank, exactly."""
    return 1 + min(4, int(5 * place))


def ranks(values: Sequence[Any], *, descending: bool = False) -> list[int]:
    """Each value's place from 1; equal values all have their lowest."""
    first: dict[Any, int] = {}
    for place, value in enumerate(sorted(values, reverse=descending), start=1):
        first.setdefault(value, place)
    return [first[value] for value in values]


def percent_ranks(values: Sequence[Any], *, descending: bool = False) -> list[Fraction]:
    """(rank - 1) / (n - 1); 0 where there is one value only."""
    others = max(len(values) - 1, 1)
    return [Fraction(rank - 1, others) for rank in ranks(values, descending=descending)]


def product_performance(events: list[Row]) -> list[Row]:
    """A row a product_id."""
    rows = []
    for product, own in _grouped(events, lambda row: row["product_id"]).items():
        latest = max(own, key=lambda row: (row["event_time"], row["event_id"]))
        counts = _counts(own)
        views, adds = counts["total_views"], counts["total_cart_adds"]
        purchases = counts["total_purchases"]
        rows.append(
            {
                "product_id": product,
                **{n: latest[n] for n in ("category_id", "category_code", "category_l1", "brand")},
                "avg_price": ratio(total(_all(own, "price")), len(own)),
                **counts,
                "unique_users": _distinct(own, "user_id"),
                "total_revenue": revenue(own),
                "view_to_cart_rate": percent(adds, views),
                "cart_to_purchase_rate": percent(purchases, adds),
                "overall_conversion_rate": percent(purchases, views),
                "performance_tier": "Bottom",
            }
        )
    for row, rank in zip(rows, ranks(_all(rows, "total_revenue"), descending=True), strict=True):
        row["revenue_rank_global"] = rank
    sold = [row for row in rows if row["total_revenue"] > 0]
    places = percent_ranks(_all(sold, "total_revenue"), descending=True)
    for row, place in zip(sold, places, strict=True):
        row["performance_tier"] = tier(place)
    return rows


def tier(place: Fraction) -> str:
    """performance_tier of a product with revenue."""
    for below in (10, 25, 50):
        if place < Fraction(below, 100):
            return f"Top {below}%"
    return "Bottom"


def daily_sales_summary(events: list[Row], as_of: date) -> list[Row]:
    """A row a day from the first event_date to the as-of date, days without events too."""
    by_day = _grouped(events, lambda row: row["event_date"])
    if not by_day:
        return []
    first = min(by_day)
    takings = {day: revenue(by_day.get(day, [])) for day in days(first, as_of)}
    rows = []
    for day, taken in takings.items():
        own = by_day.get(day, [])
        counts = _counts(own)
        users, buyers = _distinct(own, "user_id"), _distinct(_of_type(own, "purchase"), "user_id")
        back = (day - timedelta(days=n) for n in range(WINDOW_DAYS))
        window = [takings[earlier] for earlier in back if earlier in takings]
        before = takings.get(day - timedelta(days=1))
        rows.append(
            {
                "event_date": day,
                "day_name": _DAY_NAMES[day.weekday()],
                **counts,
                "unique_users": users,
                "unique_sessions": _distinct(own, "user_session"),
                "unique_buyers": buyers,
                "total_revenue": taken,
                "avg_order_value": ratio(taken, counts["total_purchases"]),
                "overall_conversion_rate": percent(
                    counts["total_purchases"], counts["total_views"]
                ),
                "buyer_rate": percent(buyers, users),
                "revenue_7d_avg": ratio(total(window), len(window)),
                "revenue_dod_change": None if before is None else percent(taken - before, before),
            }
        )
    return rows


def conversion_funnel(events: list[Row]) -> list[Row]:
    """A row an event_date and category_l1 that has events."""
    rows = []
    cells = _grouped(events, lambda row: (row["event_date"], row["category_l1"]))
    for (day, category), own in cells.items():
        view, cart, purchase = (
            set(_all(_of_type(own, kind), "user_session")) for kind in ("view", "cart", "purchase")
        )
        rows.append(
            {
                "event_date": day,
                "category_l1": category,
                "total_sessions": _distinct(own, "user_session"),
                "sessions_with_view": len(view),
                "sessions_with_cart": len(cart),
                "sessions_with_purchase": len(purchase),
                "session_view_to_cart_rate": percent(len(view & cart), len(view)),
                "session_cart_to_purchase_rate": percent(len(cart & purchase), len(cart)),
                "cart_abandonment_rate": percent(len(cart - purchase), len(cart)),
                "total_revenue": revenue(own),
            }
        )
    return rows


def revenue(events: Iterable[Row]) -> Decimal:
    """The prices of the purchases, summed."""
    return total(_all(_of_type(events, "purchase"), "price"))


def percent(part: Any, whole: Any) -> float | None:
    """100 x part / whole; NULL where the whole is 0."""
    return ratio(100 * part, whole)


def _counts(events: list[Row]) -> Row:
    return {
        "total_events": len(events),
        "total_views": len(_of_type(events, "view")),
        "total_cart_adds": len(_of_type(events, "cart")),
        "total_cart_removals": len(_of_type(events, "remove_from_cart")),
        "total_purchases": len(_of_type(events, "purchase")),
    }


def _grouped(events: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in events:
        groups[key(row)].append(row)
    return dict(groups)


def _of_type(events: Iterable[Row], kind: str) -> list[Row]:
    return [row for row in events if row["event_type"] == kind]


def _all(events: Iterable[Row], column: str) -> list[Any]:
    return [row[column] for row in events]


def _distinct(events: Iterable[Row], column: str) -> int:
    return len(set(_all(events, column)))
