"""Silver views over bronze that lies in a bucket: made, built on, and read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from blocks.applying import apply_environment
from blocks.flow_settings import flow_settings
from tasks.release_views import release_views, select, tables_of
from tasks.releases import missing_files, read_release
from tasks.sample_data.retail import write_retail
from tests.stores.conftest import backend_of
from tests.stores.lakes import environment

pytestmark = pytest.mark.slow
DAY = date(2024, 1, 10)
TOTALS = (
    "select (select count(*) from silver.stg_orders),"
    " (select sum(total_amount) from silver.stg_orders where order_dt <= date '2024-01-10'),"
    " (select sum(order_total) from gold.customer_orders)"
)


def test_a_run_on_top_of_another_reads_bronze_that_it_did_not_open(
    prefect_api: None,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flows.run import run_pipeline

    backend = backend_of("s3", request, tmp_path)
    folder = tmp_path / "environments"
    variables = environment(backend, folder, "viewing")
    apply_environment("viewing", variables=variables, folder=folder)
    # A run of a deployment takes the saved environment, as on a worker.
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(uuid4()))
    monkeypatch.setenv("MEDALLION_MASK_KEY", "sesame")
    write_retail(tmp_path / "first", orders=40, days=5, seed=1, dirt=0.2)
    write_retail(tmp_path / "more", orders=40, days=5, seed=2, dirt=0.2)
    (tmp_path / "second").mkdir()
    (tmp_path / "more" / "raw_orders.csv").rename(tmp_path / "second" / "raw_orders.csv")
    orders = []
    for source in ("first", "second"):
        done = run_pipeline(
            "retail", run_date=DAY, source=str(tmp_path / source), environment="viewing"
        )
        assert done.record.status == "published"
        lake = flow_settings("viewing").lake()
        release = read_release(lake, "retail")
        assert missing_files(lake, release) == []
        named = tables_of(TOTALS, lake, release)
        assert named == {"silver.stg_orders", "gold.customer_orders"}
        with release_views(lake, release, tables=named) as connection:
            ((count, silver, gold),) = select(connection, TOTALS).rows
        assert silver == gold
        orders.append(count)
    assert done.record.built_on == 1
    assert 0 < orders[0] <= orders[1]
