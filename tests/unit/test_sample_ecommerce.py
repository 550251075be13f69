"""The made-up shop: its shape, reproducible and extendable day by day, and as files.

What is valid is judged by the reference implementation in `tests/oracle`, which shares no code
with the generator. Its dirt is tested in `test_sample_ecommerce_dirt.py`.
"""

import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.sample_data.ecommerce import TABLES, Partition, Sample, generate, sample_days
from tasks.sample_data.plan import SamplePlan
from tasks.sample_data.write import write_sample
from tests.oracle.schema import CONTRACTS
from tests.oracle.silver import refine_all
from tests.unit.refined_samples import SOLD_BY_DAY, arrived, refined, sample

POLARS_TYPES = {"s": pl.String, "i": pl.Int64, "f": pl.Float64, "b": pl.Boolean}


def contents(parts: list[Partition]) -> dict[tuple[str, str], list[Any]]:
    return {(part.table, part.folder): part.rows.rows() for part in parts}


def as_text(rows: list[Any]) -> str:
    return repr(rows)  # NaN differs from itself, its text does not


def row_text(made: Sample) -> dict[str, str]:
    return {table: as_text(frame.rows()) for table, frame in made.tables.items()}


class TestShape:
    def test_tables_have_the_bronze_columns_and_types(self) -> None:
        for table, frame in sample(300, 3).tables.items():
            contract = CONTRACTS[table]
            assert frame.columns == list(contract.raw_columns)
            for column, kind in contract.columns.items():
                assert frame.schema[column] == POLARS_TYPES[kind], (table, column)

    def test_the_planned_days_have_exactly_the_orders_asked_for(self) -> None:
        assert sample(997, 13, dirt=0.0).tables["orders"].height == 997

    def test_row_counts_are_like_those_of_a_real_shop(self) -> None:
        made = sample(5_000, 14, dirt=0.0)
        heights = {table: frame.height for table, frame in made.tables.items()}
        assert heights["orders"] == 5_000
        assert 4.7 <= heights["order_items"] / 5_000 <= 5.7
        assert 2.4 <= heights["shopping_carts"] / 5_000 <= 2.9
        assert 10.5 <= heights["cart_items"] / 5_000 <= 12.5
        assert 0.07 <= heights["returns"] / 5_000 <= 0.12
        assert 3 <= heights["return_items"] / heights["returns"] <= 5
        assert 0.7 <= heights["customers"] / 5_000 <= 0.9
        assert heights["product_catalog"] == 500

    def test_guests_repeat_customers_and_bestsellers(self) -> None:
        made = sample(5_000, 14, dirt=0.0)
        buyers = made.tables["orders"]["customer_id"]
        guests = buyers.str.starts_with("GUEST-")
        assert buyers.filter(guests).str.contains(r"^GUEST-\d{6}$").all()
        assert 0.17 <= guests.mean() <= 0.23
        assert buyers.filter(~guests).value_counts()["count"].max() >= 5
        assert not made.tables["customers"]["customer_id"].str.starts_with("GUEST-").any()
        sold = made.tables["order_items"]["product_id"].value_counts(sort=True)["count"]
        assert sold[0] >= 10 * sold.median()

    def test_order_totals_are_those_of_their_lines(self) -> None:
        made = sample(1_000, 5, dirt=0.0)
        lines = (
            made.tables["order_items"]
            .group_by("order_id")
            .agg(
                gross=(
                    pl.col("quantity") * (pl.col("unit_price") * 100).round().cast(pl.Int64)
                ).sum(),
                discount=(pl.col("discount_amount") * 100).round().cast(pl.Int64).sum(),
                items=pl.col("quantity").sum(),
            )
        )
        orders = made.tables["orders"].join(lines, on="order_id", how="left", validate="1:1")
        cents = {
            name: (orders[name] * 100).round().cast(pl.Int64).to_list()
            for name in ("gross_total", "net_total", "total_discount_amount")
        }
        assert cents["gross_total"] == orders["gross"].to_list()
        assert cents["total_discount_amount"] == orders["discount"].to_list()
        assert cents["net_total"] == (orders["gross"] - orders["discount"]).to_list()
        assert orders["total_items"].to_list() == orders["items"].to_list()

    def test_addresses_of_every_form(self) -> None:
        addresses = sample(5_000, 14, dirt=0.0).tables["orders"]["shipping_address"]
        assert 0.01 <= addresses.null_count() / 5_000 <= 0.06
        assert addresses.str.contains(r", [A-Z]{2} \d{5}$").sum() > 4_000
        assert addresses.str.contains(r"[AFD]PO AE \d{5}$").sum() > 0
        assert addresses.str.contains(r", [A-Z]{2} \d{5}-\d{4}$").sum() > 0
        assert addresses.str.contains(r" [a-z]{2}, \d{5}$").sum() > 0

    def test_a_slump_and_a_spike_once_there_is_history(self) -> None:
        plan = SamplePlan(10_000, 30, seed=1)
        counts = [plan.orders_on(day) for day in range(30)]
        usual = sum(counts) / 30
        assert min(range(30), key=counts.__getitem__) == 16
        assert max(range(30), key=counts.__getitem__) == 22
        assert counts[16] < 0.6 * usual
        assert counts[22] > 1.6 * usual

    @pytest.mark.parametrize(
        "wrong", [{"orders": 0}, {"days": 0}, {"dirt": -0.1}, {"dirt": 1.1}, {"seed": -1}]
    )
    def test_impossible_sizes_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SamplePlan(**{"orders": 10, "days": 2, **wrong})


class TestReproducible:
    def test_the_same_seed_gives_the_same_rows(self) -> None:
        once = row_text(generate(orders=300, days=4, seed=3))
        assert row_text(generate(orders=300, days=4, seed=3)) == once

    def test_another_seed_gives_other_rows(self) -> None:
        first, second = row_text(sample(300, 4, seed=3)), row_text(sample(300, 4, seed=4))
        assert all(first[table] != second[table] for table in TABLES)

    def test_the_same_seed_writes_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            write_sample(tmp_path / name, orders=200, days=2, seed=5)
        digests = [
            {
                path.relative_to(tmp_path / name): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in (tmp_path / name).rglob("*.*")
                if path.is_file()
            }
            for name in ("a", "b")
        ]
        assert digests[0]
        assert digests[0] == digests[1]

    def test_the_first_days_do_not_depend_on_how_many_follow(self) -> None:
        plan = SamplePlan(700, 7, seed=2)
        whole = contents(list(sample_days(plan, range(9))))
        short = contents(list(sample_days(plan)))
        assert {key: as_text(rows) for key, rows in short.items()} == {
            key: as_text(rows) for key, rows in whole.items() if key in short
        }
        later = {folder for _, folder in whole.keys() - short.keys()}
        assert {folder.partition("=")[2] for folder in later} == {"2024-01-08", "2024-01-09"}

    @pytest.mark.parametrize("start", [1, 3, 7, 8])
    def test_a_day_made_alone_is_the_day_made_among_others(self, start: int) -> None:
        plan = SamplePlan(700, 7, seed=2, dirt=0.2)
        whole = contents(list(sample_days(plan, range(9))))
        alone = contents(list(sample_days(plan, range(start, start + 1))))
        day = (plan.first_day + dt.timedelta(days=start)).isoformat()
        expected = {key: as_text(rows) for key, rows in whole.items() if key[1].endswith(day)}
        assert set(SOLD_BY_DAY) <= {table for table, _ in expected}
        assert {key: as_text(rows) for key, rows in alone.items()} == expected

    def test_days_cannot_be_skipped(self) -> None:
        plan = SamplePlan(100, 5)
        with pytest.raises(ValueError, match="consecutive"):
            list(sample_days(plan, range(0, 5, 2)))
        with pytest.raises(ValueError, match="consecutive"):
            list(sample_days(plan, range(-1, 2)))


class TestClean:
    def test_without_dirt_every_row_is_valid_and_unique(self) -> None:
        for table, result in refined(2_000, 14, dirt=0.0).items():
            assert result.bronze > 0
            assert result.quarantined == [], table
            assert result.superseded == 0, table
            assert len(result.rows) == result.bronze

    def test_without_dirt_nothing_is_late(self) -> None:
        made = sample(1_000, 7, dirt=0.0)
        orders = made.tables["orders"]
        assert (
            orders["order_date"].str.slice(0, 10).to_list() == made.partitions["orders"].to_list()
        )

    def test_without_dirt_every_intermediate_day_is_whole(self) -> None:
        made = sample(1_000, 7, dirt=0.0)
        run_date = made.plan.first_day + dt.timedelta(days=3)
        for table, result in refine_all(arrived(made, run_date), run_date).items():
            assert result.quarantined == [], table


class TestAudit:
    def test_audit_columns_tell_of_the_export(self) -> None:
        made = sample(1_000, 7, dirt=0.0)
        for table in SOLD_BY_DAY:
            day = made.partitions[table].str.to_date()
            expected = (day.dt.offset_by("1d")).dt.strftime("%Y-%m-%dT02:00:00+00:00")
            frame = made.tables[table]
            assert frame["ingestion_ts"].to_list() == expected.to_list()
            assert frame["event_id"].n_unique() == frame.height
            assert frame["source_file"].str.starts_with(f"shop-export/{table}/ingest_dt=").all()

    def test_events_are_repeated_by_duplicates_and_twins_only(self) -> None:
        for table, frame in sample(2_000, 7).tables.items():
            repeated = frame.unique().filter(pl.col("event_id").is_duplicated())
            # A twin differs from its original in values only, never in when it was exported.
            assert 0 < repeated.height < 0.01 * frame.height + 10, table
            assert repeated["event_id"].n_unique() == (
                repeated.select("event_id", "ingestion_ts", "batch_id").unique().height
            )


class TestFiles:
    def test_manifests_equal_the_files(self, tmp_path: Path) -> None:
        summary = write_sample(tmp_path, orders=300, days=3, seed=1)
        counted = dict.fromkeys(TABLES, 0)
        manifests = sorted(tmp_path.rglob("_MANIFEST.json"))
        for path in manifests:
            manifest = json.loads(path.read_text())
            assert manifest["table"] == path.parent.parent.name
            assert manifest["partition"] == path.parent.name
            assert {"schema_version", "batch_id", "created_at"} <= manifest.keys()
            (listed,) = manifest["files"]
            file = tmp_path / listed["path"]
            assert file == path.parent / "part-0000.parquet"
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            assert listed["sha256"] == listed["checksum"] == digest
            rows = pl.read_parquet(file, hive_partitioning=False)
            assert rows.height == listed["rows"] == manifest["total_rows"] > 0
            assert rows.columns == list(CONTRACTS[manifest["table"]].raw_columns)
            counted[manifest["table"]] += rows.height
        assert counted == summary.rows
        assert len(manifests) == len(list(tmp_path.rglob("*.parquet"))) == summary.files
        assert summary.total_rows == sum(counted.values())
        assert (summary.first_day, summary.last_day) == (dt.date(2024, 1, 1), dt.date(2024, 1, 3))

    def test_files_hold_what_is_generated(self, tmp_path: Path) -> None:
        write_sample(tmp_path, orders=300, days=3, seed=1)
        made = generate(orders=300, days=3, seed=1)
        for table, frame in made.tables.items():
            files = sorted((tmp_path / table).rglob("*.parquet"))
            written = pl.concat(pl.read_parquet(file, hive_partitioning=False) for file in files)
            order = ["event_id", *frame.columns]
            assert_frame_equal(
                written.sort(order), frame.sort(order), check_exact=True, check_row_order=True
            )

    def test_signup_date_and_category_stand_inside_the_files_too(self, tmp_path: Path) -> None:
        write_sample(tmp_path, orders=300, days=3, seed=1, dirt=0.0)
        for table, column in (("customers", "signup_date"), ("product_catalog", "category")):
            for file in (tmp_path / table).rglob("*.parquet"):
                inside = pl.read_parquet(file, hive_partitioning=False)[column].unique().to_list()
                assert [f"{column}={inside[0]}"] == [file.parent.name]
                assert len(inside) == 1

    def test_a_second_delivery_touches_nothing_that_is_there(self, tmp_path: Path) -> None:
        write_sample(tmp_path, orders=300, days=3, seed=1)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
        summary = write_sample(tmp_path, orders=300, days=3, seed=1, only_days=range(3, 4))
        assert summary.last_day == dt.date(2024, 1, 4)
        assert summary.rows["orders"] > 0
        assert summary.rows["product_catalog"] == 0
        after = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
        assert {path: after[path] for path in before} == before
        assert {path.parent.name.partition("=")[2] for path in after.keys() - before} == {
            "2024-01-04"
        }

    @pytest.mark.parametrize("file_format", ["csv", "jsonl"])
    def test_plain_files_hold_the_same_rows_and_no_manifest(
        self, tmp_path: Path, file_format: Any
    ) -> None:
        write_sample(tmp_path, orders=200, days=2, seed=1, file_format=file_format)
        made = generate(orders=200, days=2, seed=1)
        assert not list(tmp_path.rglob("_MANIFEST.json"))
        file = tmp_path / "orders" / "ingest_dt=2024-01-01" / f"part-0000.{file_format}"
        read = pl.read_csv if file_format == "csv" else pl.read_ndjson
        rows = read(file, infer_schema_length=None)
        expected = made.tables["orders"].filter(made.partitions["orders"] == "2024-01-01")
        assert rows.columns == expected.columns
        assert rows["event_id"].to_list() == expected["event_id"].to_list()

    def test_unknown_formats_and_empty_ranges_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="file_format"):
            write_sample(tmp_path, orders=10, days=1, file_format="avro")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="only_days"):
            write_sample(tmp_path, orders=10, days=1, only_days=range(0))
