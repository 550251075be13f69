"""An independent, plain-Python reference of the ecommerce contract, for tests to compare with.

Belongs here: the order in which the layers are computed. It shares no code with the production
pipeline on purpose and favours plainness over speed. Results: `Table`s keyed `silver.<t>`,
`silver.<t>_quarantine` (without run_id), `dims.<t>`, `enriched.<t>`, `gold.<t>`, and `accounting`.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext
from pathlib import Path

from .bronze_reader import read_table
from .compare import differences
from .dimensions import dimension_tables
from .enriched_customers import customer_lifetime_value, customer_retention_signals
from .enriched_daily import daily_business_metrics
from .enriched_orders import (
    attributed_purchases,
    cart_attribution,
    regional_financials,
    shipping_economics,
)
from .enriched_products import inventory_risk, product_performance, sales_velocity
from .gold import gold_rows
from .outputs import ENRICHED, GOLD, publish
from .schema import CONTRACTS
from .silver import accounting, refine_all, silver_tables
from .table import Row, Table

__all__ = ["Table", "differences", "run", "run_rows"]

EXACT_DIGITS = 60  # far more than any sum or product of the contract needs


def run(
    bronze: Path, run_date: date, tax_rates: dict[str, Decimal] | None = None
) -> dict[str, Table]:
    """Everything that a first run of `run_date` publishes from the bronze folder.

    `tax_rates` maps a region such as `US-CA` to its rate; a region without one has rate 0.
    """
    raw = {name: read_table(bronze, name, run_date) for name in CONTRACTS}
    return run_rows(raw, run_date, tax_rates)


def run_rows(
    raw: Mapping[str, list[Row]], run_date: date, tax_rates: Mapping[str, Decimal] | None = None
) -> dict[str, Table]:
    """As `run`, from raw rows by table name; every row has all its bronze columns."""
    with localcontext() as context:
        context.prec = EXACT_DIGITS
        refined = refine_all(raw, run_date)
        tables = {**silver_tables(refined), **dimension_tables(refined, run_date)}
        silver = {name: result.rows for name, result in refined.items()}
        customers = {row["customer_id"]: row for row in silver["customers"]}
        products = {row["product_id"]: row for row in silver["product_catalog"]}
        carts = cart_attribution(silver, products, run_date)
        enriched = {
            "attributed_purchases": attributed_purchases(silver),
            "cart_attribution": carts,
            "customer_lifetime_value": customer_lifetime_value(silver, customers, run_date),
            "customer_retention_signals": customer_retention_signals(silver, customers, run_date),
            "product_performance": product_performance(silver, products, run_date),
            "sales_velocity": sales_velocity(silver, run_date),
            "inventory_risk": inventory_risk(silver, products, run_date),
            "regional_financials": regional_financials(silver, tax_rates or {}),
            "shipping_economics": shipping_economics(silver),
            "daily_business_metrics": daily_business_metrics(silver, carts, run_date),
        }
        tables |= publish("enriched", ENRICHED, enriched, run_date)
        tables |= publish("gold", GOLD, gold_rows(enriched, run_date), run_date)
        tables["accounting"] = accounting(refined)
    return tables
