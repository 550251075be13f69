"""Landed bronze past its retention: runs leave it out, say so, and do not miss it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from blocks.lake import Lake, local_lake
from tasks.bronze_inventory import BronzeTable, take_inventory
from tasks.landing import LandingReport, land
from tasks.maintenance import clear_up, look
from tasks.releases import missing_files, read_release
from tasks.sample_data.retail import COLUMNS
from tasks.source_files import find_sources
from tasks.specs import load_spec

SPEC = load_spec("retail")
DAYS = SPEC.retention.bronze_days or 0
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def landed(lake: Lake, name: str, text: str, at: datetime) -> LandingReport:
    folder = Path(lake.control.url("")).parent / "files"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    sources = find_sources(SPEC, folder / name)
    return land(lake.bronze, "retail/", SPEC, sources, landed_on=at.date(), landed_at=at)


def products(lake: Lake) -> BronzeTable:
    table = SPEC.table("stg_products")
    return take_inventory(lake, SPEC, table, NOW.date())


def swept(lake: Lake, now: datetime) -> list[tuple[str, str]]:
    removals = clear_up(lake, SPEC, now=now, grace=DAY).removals
    return [(removal.kind, removal.name.partition("/")[0]) for removal in removals]


HEADER = "product_id,name,category,price\n"


def test_old_batches_expire_and_what_is_still_delivered_stays(tmp_path: Path) -> None:
    lake, old = local_lake(tmp_path / "lake"), NOW - (DAYS + 1) * DAY
    landed(lake, "raw_products.csv", f"{HEADER}a,x,y,1\nb,x,y,2\n", old)
    landed(lake, "raw_products_2.csv", f"{HEADER}c,x,y,1\n", old)
    again = landed(lake, "raw_products_2.csv", f"{HEADER}c,x,y,1\n", NOW - DAY)
    assert again.batches[0].already_landed
    assert products(lake).rows == 3
    planned = look(lake, SPEC, now=NOW, grace=DAY).removals
    assert [(r.kind, r.objects) for r in planned] == [("expiry", ())]
    assert "2 rows came more than 2555 days ago" in planned[0].reason
    assert products(lake).expired_rows == 0  # so far it was only listed
    assert swept(lake, NOW) == [("expiry", "raw_products")]
    found = products(lake)
    assert (found.rows, found.expired_batches, found.expired_rows) == (1, 1, 2)
    assert (found.problems, found.drift) == ((), ())
    assert swept(lake, NOW) == []  # a run may be under way that has seen the file
    assert swept(lake, NOW + 2 * DAY) == [("bronze", "retail")]
    assert (products(lake).rows, products(lake).expired_rows) == (1, 2)


def test_what_comes_again_after_it_expired_lands_again(tmp_path: Path) -> None:
    lake, text = local_lake(tmp_path / "lake"), f"{HEADER}a,x,y,1\n"
    landed(lake, "raw_products.csv", text, NOW - (DAYS + 1) * DAY)
    clear_up(lake, SPEC, now=NOW, grace=DAY)
    assert products(lake).rows == 0
    assert not landed(lake, "raw_products.csv", text, NOW).batches[0].already_landed
    found = products(lake)
    assert (found.rows, found.expired_rows) == (1, 1)
    assert [r.kind for r in look(lake, SPEC, now=NOW + DAY, grace=DAY).removals] in ([], ["bronze"])


@pytest.fixture
def run_retail(prefect_api: None) -> Iterable[Callable[..., Any]]:
    from flows.run import run_pipeline

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDALLION_MASK_KEY", "open sesame")
        yield lambda lake, source, day: run_pipeline(
            "retail", run_date=day, lake=str(lake), gates="strict", source=str(source)
        )


def delivered(folder: Path, customers: list[str]) -> Path:
    """A shop in which every customer has one order of one product."""
    moment = "2024-01-02T10:00:00"
    rows: dict[str, list[list[str]]] = {
        "raw_customers": [[c, c, f"{c}@x.org", "s", "r", moment] for c in customers],
        "raw_products": [["p", "name", "toys", "2.50"]],
        "raw_orders": [[f"o{c}", c, "completed", "r", "5.00", moment] for c in customers],
        "raw_order_items": [[f"i{c}", f"o{c}", "p", "2", "2.50"] for c in customers],
    }
    folder.mkdir()
    for name, lines in rows.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS[name], *lines])
    return folder


@pytest.mark.slow
def test_a_run_goes_on_without_what_expired(run_retail: Callable[..., Any], tmp_path: Path) -> None:
    root, day = tmp_path / "lake", date(2024, 1, 18)
    lake = local_lake(root)
    run_retail(root, delivered(tmp_path / "first", ["a", "b", "c"]), day)
    later = datetime.now(UTC) + (DAYS + 2) * DAY
    expired = clear_up(lake, SPEC, now=later, grace=DAY).removals
    assert {r.kind for r in expired if r.name.startswith("raw_")} == {"expiry"}
    record = run_retail(root, delivered(tmp_path / "second", ["b", "c", "d"]), day).record
    assert (record.status, record.release) == ("published", 2)
    assert "expired" in record.full_because
    silver = {t.table: t for t in record.tables if t.layer == "silver"}
    for name in ("silver.stg_customers", "silver.stg_orders", "silver.stg_order_items"):
        table = silver[name]
        assert (table.rows_in, table.rows_out) == (3, 3)
        assert (table.expired_batches, table.expired_rows) == (1, 3)
    assert silver["silver.stg_products"].expired_rows == 1  # and the same file landed anew
    # The first release still lists its files; they go with it.
    listed = clear_up(lake, SPEC, now=NOW + 2 * DAY, grace=DAY).removals
    assert "bronze" not in {removal.kind for removal in listed}
    gone = clear_up(lake, SPEC, now=later, grace=DAY).removals
    assert {"release", "bronze"} <= {removal.kind for removal in gone}
    assert missing_files(lake, read_release(lake, "retail")) == []
