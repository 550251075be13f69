"""Records of runs of a shop to report on: an ordinary, a first, a bare and a failed one.

Belongs here: made-up records, the same on every call. Does not belong here: expectations.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tasks.contracts.run_record import (
    DayFigure,
    GateResult,
    PastRun,
    RunRecord,
    StageRecord,
    TableRecord,
)

# The rows in bronze, then those quarantined and superseded, of each table.
SILVER = {
    "customers": (2_412, 31, 118),
    "product_catalog": (480, 2, 0),
    "orders": (15_330, 412, 204),
    "order_items": (57_793, 1_033, 611),
    "shopping_carts": (18_920, 77, 350),
    "cart_items": (44_105, 96, 0),
    "returns": (1_288, 102, 12),
    "return_items": (2_034, 0, 0),
}
ENRICHED = {
    "attributed_purchases": (14_714, ("silver.orders", "silver.shopping_carts")),
    "cart_attribution": (18_493, ("silver.shopping_carts", "silver.cart_items", "silver.orders")),
    "customer_lifetime_value": (2_263, ("dims.customers", "silver.orders", "silver.returns")),
    "customer_retention_signals": (2_263, ("dims.customers", "silver.orders")),
    "daily_business_metrics": (30, ("silver.orders", "silver.shopping_carts", "silver.returns")),
    "inventory_risk": (478, ("dims.product_catalog", "silver.order_items")),
    "product_performance": (12_004, ("silver.order_items", "silver.return_items")),
    "regional_financials": (9_310, ("silver.orders", "silver.returns")),
    "sales_velocity": (14_340, ("silver.order_items",)),
    "shipping_economics": (14_714, ("silver.orders",)),
}
GOLD = {
    "fct_cart_abandonment": 30,
    "fct_customer_segments": 27,
    "fct_daily_dashboard": 30,
    "fct_finance_revenue": 120,
    "fct_marketing_attribution": 151,
    "fct_product_profitability": 12_004,
    "fct_sales_operations": 14_818,
    "fct_shipping_analysis": 355,
}
REASONS = {
    "customers": {"invalid_email": 24, "missing_signup_date": 9},
    "product_catalog": {"unit_price_below_cost": 2},
    "orders": {"net_exceeds_gross": 201, "customer_id_orphan": 150, "missing_net_total": 61},
    "order_items": {"order_id_orphan": 804, "invalid_quantity": 190, "missing_unit_price": 47},
    "shopping_carts": {"updated_before_created": 77},
    "cart_items": {"cart_id_orphan": 70, "product_id_orphan": 26},
    "returns": {"order_id_orphan": 98, "negative_refunded_amount": 4, "customer_id_orphan": 11},
}
FIRST_DAY = date(2023, 12, 16)


def published_run() -> RunRecord:
    """A run that published release 12 with four breaches let pass, after ten earlier runs."""
    return RunRecord(
        pipeline="ecommerce",
        run_id="20240115T031245Z-7f3a91c2",
        run_date=date(2024, 1, 14),
        environment="local",
        gate_mode="warn",
        status="published",
        release=12,
        started_at=datetime(2024, 1, 15, 3, 12, 45, tzinfo=UTC),
        seconds=19.34,
        stages=_stages(),
        tables=_tables(),
        gates=_gates(),
        quarantine_reasons=REASONS,
        drift=("orders: column promo_code is not in the specification and was left out",),
        revenue=_revenue(),
        history=_history(),
    )


def first_run() -> RunRecord:
    """The first run of a pipeline over bronze without rows: nothing to compare, nothing odd."""
    return RunRecord(
        pipeline="ecommerce",
        run_id="first",
        run_date=date(2024, 1, 1),
        environment="dev",
        gate_mode="strict",
        status="published",
        release=1,
        started_at=datetime(2024, 1, 2, 3, 0, tzinfo=UTC),
        seconds=1.2,
        stages=(StageRecord(stage="silver", status="done", offset_seconds=0, seconds=1.2),),
        tables=(
            TableRecord(
                table="silver.orders",
                layer="silver",
                rows_in=0,
                rows_out=0,
                quarantined=0,
                superseded=0,
            ),
        ),
    )


def bare_run() -> RunRecord:
    """A run of which nothing but its outcome is known."""
    return RunRecord(
        pipeline="retail",
        run_id="bare",
        run_date=date(2024, 1, 1),
        environment="local",
        gate_mode="warn",
        status="unchanged",
        release=None,
        started_at=datetime(2024, 1, 2, 3, 0, tzinfo=UTC),
        seconds=0.04,
    )


def failed_run() -> RunRecord:
    """A strict run that a gate after silver stopped; the later stages did not run."""
    good = published_run()
    breach = GateResult(
        layer="silver",
        table="returns",
        check="quarantine_rate",
        status="fail",
        observed=0.0792,
        threshold=0.05,
        message="102 of 1,288 rows were quarantined, most for order_id_orphan. Land the missing "
        "orders, or raise the threshold of returns in the specification.",
    )
    silver = tuple(t for t in good.tables if t.layer in {"silver", "dims"})
    gates = tuple(g for g in good.gates if g.layer in {"bronze", "dims", "silver"})
    gates = (*(g for g in gates if g.status == "pass"), breach)
    stages = (
        *good.stages[:2],
        good.stages[2].model_copy(update={"status": "failed"}),
        *(
            StageRecord(stage=name, status="skipped", offset_seconds=8.7, seconds=0)
            for name in ("enriched", "gold", "publish")
        ),
    )
    return good.model_copy(
        update={
            "status": "failed",
            "release": None,
            "gate_mode": "strict",
            "environment": "prod",
            "seconds": 8.7,
            "error": "GateFailed: silver.returns: quarantine_rate 0.0792 is above 0.05\n"
            "1 check failed after silver; nothing was published.",
            "stages": stages,
            "tables": silver,
            "gates": gates,
            "revenue": (),
        }
    )


def _stages() -> tuple[StageRecord, ...]:
    timings = (
        ("bronze", 1.12, "8 tables, 142,362 rows, 112 partitions"),
        ("dimensions", 0.41, "2 snapshots of 2024-01-14"),
        ("silver", 7.05, "8 tables; order_items took longest (2.3 s)"),
        ("enriched", 4.4, "10 tables"),
        ("gold", 5.9, "8 facts"),
        ("publish", 0.06, "release 12"),
    )
    stages, offset = [], 0.2
    for stage, seconds, detail in timings:
        stages.append(
            StageRecord(
                stage=stage, status="done", offset_seconds=offset, seconds=seconds, detail=detail
            )
        )
        offset += seconds
    return tuple(stages)


def _tables() -> tuple[TableRecord, ...]:
    silver = [
        TableRecord(
            table=f"silver.{name}",
            layer="silver",
            rows_in=bronze,
            rows_out=bronze - quarantined - superseded,
            quarantined=quarantined,
            superseded=superseded,
            files=14,
            bytes=bronze * 61,
            seconds=bronze / 25_000,
            inputs=(f"bronze.{name}",),
        )
        for name, (bronze, quarantined, superseded) in SILVER.items()
    ]
    dims = [
        TableRecord(
            table=f"dims.{name}", layer="dims", rows_out=rows, files=1, bytes=rows * 70, seconds=0.2
        )
        for name, rows in (("customers", 2_263), ("product_catalog", 478))
    ]
    enriched = [
        TableRecord(
            table=f"enriched.{name}",
            layer="enriched",
            rows_out=rows,
            files=1,
            bytes=rows * 48 + 900,
            seconds=0.1 + rows / 40_000,
            inputs=inputs,
        )
        for name, (rows, inputs) in ENRICHED.items()
    ]
    gold = [
        TableRecord(
            table=f"gold.{name}",
            layer="gold",
            rows_out=rows,
            files=1,
            bytes=rows * 55 + 2_000,
            seconds=0.3 + rows / 30_000,
        )
        for name, rows in GOLD.items()
    ]
    return (*silver, *dims, *enriched, *gold)


def _gates() -> tuple[GateResult, ...]:
    def passed(layer: str, table: str, check: str, observed: object, threshold: object):
        return GateResult(
            layer=layer,
            table=table,
            check=check,
            status="pass",
            observed=observed,
            threshold=threshold,
        )

    gates: list[GateResult] = []
    for name, (bronze, quarantined, _) in SILVER.items():
        gates += [
            passed("bronze", name, "manifest_row_counts", bronze, bronze),
            passed("bronze", name, "required_columns", 0, 0),
            passed("bronze", name, "min_rows", bronze, 1),
        ]
        rate = quarantined / bronze
        gates += [
            passed("silver", name, "pk_uniqueness", 1.0, 1.0),
            passed("silver", name, "row_loss", 0, 0),
            passed("silver", name, "exact_schema", "as declared", "as declared"),
            passed("silver", name, "null_rate:email", 0.00041, 0.02),
        ]
        if rate <= 0.05:
            gates.append(passed("silver", name, "quarantine_rate", rate, 0.05))
    for name in ("customers", "product_catalog"):
        gates += [
            passed("dims", name, "pk_uniqueness", 1.0, 1.0),
            passed("dims", name, "rows_against_previous", 1.004, 0.9),
        ]
    for name, (rows, _) in ENRICHED.items():
        gates += [
            passed("enriched", name, "exact_schema", "as declared", "as declared"),
            passed("enriched", name, "pk_uniqueness", 1.0, 1.0),
            passed("enriched", name, "min_rows", rows, 1),
        ]
    for name, rows in GOLD.items():
        gates += [
            passed("gold", name, "not_null_keys", 0, 0),
            passed("gold", name, "min_rows", rows, 1),
            passed("gold", name, "unique_grain", 0, 0),
        ]
    return (*gates, *_breaches())


def _breaches() -> tuple[GateResult, ...]:
    found = (
        (
            "silver",
            "returns",
            "quarantine_rate",
            0.0791925466,
            0.05,
            "102 of 1,288 rows were quarantined, most for order_id_orphan. Land the missing "
            "orders, or raise the threshold of returns in the specification.",
        ),
        (
            "silver",
            "order_items",
            "fk_integrity:order_id",
            0.98584,
            0.99,
            "804 rows name an order that is not there. They stay in quarantine until it arrives.",
        ),
        (
            "bronze",
            "orders",
            "exact_schema",
            "1 column more",
            "as declared",
            "promo_code is not declared. Add it to the specification or ask the exporter.",
        ),
        ("gold", "fct_finance_revenue", "reconciles_with_orders", 0.01, 0, "Off by one cent."),
    )
    return tuple(
        GateResult(
            layer=layer,
            table=table,
            check=check,
            status="warn",
            observed=observed,
            threshold=threshold,
            message=message,
        )
        for layer, table, check, observed, threshold, message in found
    )


def _revenue() -> tuple[DayFigure, ...]:
    odd = {22: ("HIGH", 91_400.5), 27: ("LOW", 11_020.25)}
    days = []
    for i in range(30):
        usual = 48_000 + 9_000 * ((i * 7) % 5 - 2) / 2 + 350 * i
        anomaly, revenue = odd.get(i, ("NORMAL" if i >= 14 else "INSUFFICIENT_HISTORY", usual))
        days.append(
            DayFigure(
                dt=FIRST_DAY + timedelta(days=i),
                net_revenue=revenue,
                low=33_000 + 200 * i if i >= 2 else None,
                high=66_000 + 400 * i if i >= 2 else None,
                anomaly=anomaly,
            )
        )
    return tuple(days)


def _history() -> tuple[PastRun, ...]:
    runs = []
    for i in range(10):
        failed = i == 6
        bronze = 98_000 + 4_300 * i
        runs.append(
            PastRun(
                run_id=f"run-{i}",
                run_date=date(2024, 1, 4) + timedelta(days=i),
                started_at=datetime(2024, 1, 5, 3, 10, tzinfo=UTC) + timedelta(days=i),
                status="failed" if failed else "published",
                seconds=4.1 if failed else 14.2 + (i * 13 % 7) / 2,
                bronze_rows=bronze,
                silver_rows=bronze - 2_000 - 40 * i,
                quarantined_rows=1_000 + (i * 5 % 4) * 150,
            )
        )
    return tuple(runs)
