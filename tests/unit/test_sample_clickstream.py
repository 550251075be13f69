"""Made-up clickstream: its shape, its bytes, its dirt by kind, and its files.

What becomes of a line is judged by `judged_clickstream.py`, which shares no code with the
generator.
"""

import datetime as dt
import gzip
import io
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tasks.sample_data.clickstream_files import ClickstreamSummary, write_clickstream
from tasks.sample_data.clickstream_kinds import Fate, Kind, dirt_kinds, line_kinds
from tasks.sample_data.clickstream_plan import ClickstreamPlan
from tests.unit.judged_clickstream import COLUMNS, judge, judge_line, lines_of

FIRST = dt.date(2024, 1, 1)
CLEAN = (
    b"2024-01-02 23:59:31 UTC,remove_from_cart,2592943,2053011989851000057,kitchen.small.mixer,"
    b"jorvikhome,31.50,527667186,34746c51-0976-4a40-aa8d-e83ab4f9f363"
)
KINDS = {kind.name: kind for kind in line_kinds(dt.date(2024, 2, 1))}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def read_clean(folder: Path) -> pl.DataFrame:
    return pl.concat(
        pl.read_csv(path).with_columns(
            at=pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S UTC"),
            file=pl.lit(path.name),
        )
        for path in sorted(folder.glob("*.csv"))
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("clean")
    write_clickstream(folder, events=150_000, days=8, seed=1, dirt=0.0)
    return read_clean(folder)


class Dirty:
    folder: Path
    summary: ClickstreamSummary


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Dirty:
    made = Dirty()
    made.folder = tmp_path_factory.mktemp("dirty")
    made.summary = write_clickstream(made.folder, events=5_000, days=4, seed=1, dirt=0.1)
    return made


class TestShape:
    def test_one_file_a_day_with_all_events_in_order(self, clean: pl.DataFrame) -> None:
        assert clean.height == 150_000
        assert clean.columns[:-2] == COLUMNS
        assert clean["file"].unique(maintain_order=True).to_list() == [
            f"events-2024-01-0{day}.csv" for day in range(1, 9)
        ]
        assert (clean["file"].str.slice(7, 10) == clean["at"].dt.date().cast(pl.String)).all()
        assert clean["at"].is_sorted()

    def test_days_and_hours_have_their_rhythm(self, clean: pl.DataFrame) -> None:
        by_day = clean.group_by(clean["at"].dt.date()).len()["len"]
        assert by_day.max() < 1.25 * by_day.min()
        by_hour = clean.group_by(clean["at"].dt.hour()).len().sort("at")["len"]
        assert by_hour[18] > 3 * by_hour[3]

    def test_the_funnel_has_its_shares(self, clean: pl.DataFrame) -> None:
        counted = clean["event_type"].value_counts(normalize=True)
        share = dict(counted.iter_rows())
        assert share["view"] == pytest.approx(0.94, abs=0.01)
        assert share["cart"] == pytest.approx(0.04, abs=0.006)
        assert share["purchase"] == pytest.approx(0.017, abs=0.004)
        assert share["remove_from_cart"] == pytest.approx(0.003, abs=0.0015)
        step = ["user_session", "product_id"]
        bought = clean.filter(event_type="purchase").select(step).unique()
        carted = clean.filter(event_type="cart").select(step).unique()
        assert 0.2 < bought.join(carted, on=step).height / bought.height < 0.8
        removed = clean.filter(event_type="remove_from_cart").select(step).unique()
        assert removed.join(carted, on=step, how="anti").is_empty()

    def test_users_sessions_and_products_are_skewed(self, clean: pl.DataFrame) -> None:
        assert clean.height / clean["user_id"].n_unique() == pytest.approx(13, abs=1.5)
        assert clean.height / clean["user_session"].n_unique() == pytest.approx(3.5, abs=0.3)
        sessions = clean.group_by("user_session").agg(
            users=pl.col("user_id").n_unique(), days=pl.col("at").dt.date().n_unique()
        )
        assert sessions["users"].max() == 1
        assert 0 < (sessions["days"] > 1).mean() < 0.01
        assert (
            clean["user_session"].str.contains(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$").all()
        )
        for column, times in (("product_id", 20), ("user_id", 20)):
            counts = clean[column].value_counts(sort=True)["count"]
            assert counts[0] > times * counts.median()
        assert 1_300 <= clean["product_id"].n_unique() <= 1_500

    def test_a_product_keeps_its_attributes_and_drifts_in_price(self, clean: pl.DataFrame) -> None:
        products = clean.group_by("product_id").agg(
            pl.struct("category_id", "category_code", "brand").n_unique().alias("forms"),
            pl.struct("file", "price").n_unique().alias("prices") - pl.col("file").n_unique(),
            (pl.col("price").max() / pl.col("price").min()).alias("swing"),
        )
        assert products["forms"].max() == 1
        assert products["prices"].max() == 0
        assert 1.0 < products["swing"].mean() < 1.1
        codes = clean["category_code"].drop_nulls().unique()
        assert 90 <= len(codes) <= 121
        assert set(codes.str.count_matches(r"\.").to_list()) == {0, 1, 2, 3}
        assert 0.1 < clean["category_code"].null_count() / clean.height < 0.5
        assert 0.03 < clean["brand"].null_count() / clean.height < 0.3

    def test_no_event_happens_twice(self, clean: pl.DataFrame) -> None:
        key = ["event_time", "user_id", "product_id", "user_session", "event_type"]
        assert clean.select(key).is_unique().all()

    @pytest.mark.parametrize("events", [1, 2, 40])
    def test_small_samples(self, tmp_path: Path, events: int) -> None:
        summary = write_clickstream(tmp_path, events=events, days=3, dirt=0.0)
        assert summary.rows == {"events_raw": events}
        assert judge(tmp_path).rows == events
        assert len(contents(tmp_path)) == 3

    @pytest.mark.parametrize(
        "wrong",
        [
            {"events": 0}, {"days": 0}, {"dirt": -0.1}, {"dirt": 1.1}, {"seed": -1},
            {"compression": "lzma"}, {"only_days": range(-1, 2)},
        ],
    )  # fmt: skip
    def test_impossible_sizes_are_refused(self, tmp_path: Path, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            write_clickstream(tmp_path, **{"events": 10, "days": 2, **wrong})


class TestReproducible:
    @pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
    def test_the_same_seed_gives_the_same_bytes(self, tmp_path: Path, compression: str) -> None:
        for name, seed in (("a", 5), ("b", 5), ("c", 6)):
            write_clickstream(
                tmp_path / name,
                events=2_000, days=3, seed=seed, dirt=0.05, compression=compression,
            )  # fmt: skip
        assert contents(tmp_path / "a") == contents(tmp_path / "b")
        assert contents(tmp_path / "a") != contents(tmp_path / "c")

    def test_compression_changes_nothing_else(self, tmp_path: Path) -> None:
        for form in ("none", "gzip", "zstd"):
            write_clickstream(tmp_path / form, events=900, days=2, dirt=0.1, compression=form)
        plain = contents(tmp_path / "none")
        assert list(plain) == ["events-2024-01-01.csv", "events-2024-01-02.csv"]
        packed = contents(tmp_path / "gzip")
        assert {f"{name}.gz": text for name, text in plain.items()} == {
            name: gzip.decompress(content) for name, content in packed.items()
        }
        packed = contents(tmp_path / "zstd")
        assert {f"{name}.zst": text for name, text in plain.items()} == {
            name: pa.CompressedInputStream(io.BytesIO(content), "zstd").read()
            for name, content in packed.items()
        }

    def test_some_days_are_those_of_all_days(self, tmp_path: Path) -> None:
        size = {"events": 3_000, "days": 5, "dirt": 0.2}
        write_clickstream(tmp_path / "all", **size)
        write_clickstream(tmp_path / "some", **size, only_days=range(3, 7))
        everything, some = contents(tmp_path / "all"), contents(tmp_path / "some")
        assert list(some) == [f"events-2024-01-0{day}.csv" for day in range(4, 8)]
        for name in list(some)[:2]:
            assert some[name] == everything[name]

    def test_the_size_of_chunks_does_not_show(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_clickstream(tmp_path / "whole", events=2_000, days=2, dirt=0.1)
        monkeypatch.setattr("tasks.sample_data.clickstream_lines._CHUNK_EVENTS", 7)
        write_clickstream(tmp_path / "chunks", events=2_000, days=2, dirt=0.1)
        assert contents(tmp_path / "whole") == contents(tmp_path / "chunks")

    def test_another_first_day(self, tmp_path: Path) -> None:
        summary = write_clickstream(tmp_path, events=50, days=2, first_day=dt.date(2023, 12, 31))
        assert (summary.first_day, summary.last_day) == (dt.date(2023, 12, 31), FIRST)
        assert list(contents(tmp_path)) == ["events-2023-12-31.csv", "events-2024-01-01.csv"]


class TestDirt:
    @pytest.mark.parametrize("name", KINDS)
    def test_a_line_of_each_kind_is_quarantined_for_its_reasons(self, name: str) -> None:
        kind = KINDS[name]
        if kind.fate is Fate.NO_ROW:
            assert all(not spoilt(kind, turn).strip() for turn in range(30))
            return
        for turn in range(30):
            line = spoilt(kind, turn)
            assert b"\n" not in line
            reasons, key = judge_line(line.removesuffix(b"\r"))
            assert reasons == kind.reasons, line
            if kind.fate is Fate.SUPERSEDED:
                assert key == judge_line(CLEAN)[1]

    def test_every_kind_occurs(self, dirty: Dirty) -> None:
        assert set(dirt_kinds()) == set(dirty.summary.dirt) >= set(KINDS)
        assert {name for name, count in dirty.summary.dirt.items() if count == 0} == set()

    def test_the_summary_tells_the_fate_of_every_line(self, dirty: Dirty) -> None:
        judged, summary = judge(dirty.folder), dirty.summary
        assert judged.rows == summary.total_rows
        assert judged.quarantined == summary.quarantined
        assert judged.superseded == summary.superseded
        planted: Counter[tuple[str, ...]] = Counter()
        for kind in KINDS.values():
            planted[kind.reasons] += summary.dirt[kind.name]
        del planted[()]
        assert judged.reasons == planted

    def test_a_large_share_of_dirt_is_still_accounted_for(self, tmp_path: Path) -> None:
        summary = write_clickstream(tmp_path, events=700, days=7, seed=2, dirt=1.0)
        judged = judge(tmp_path)
        assert (judged.rows, judged.quarantined, judged.superseded) == (
            summary.total_rows,
            summary.quarantined,
            summary.superseded,
        )

    def test_the_share_of_dirt_is_the_one_asked_for(self, dirty: Dirty) -> None:
        planted = sum(dirty.summary.dirt[name] for name in KINDS)
        assert planted / 5_000 == pytest.approx(0.1, rel=0.05)
        assert 0.3 * 0.1 < dirty.summary.quarantined / dirty.summary.total_rows < 0.1

    def test_days_gone_by_come_first_in_a_file_and_the_future_is_near(self, dirty: Dirty) -> None:
        late = 0
        for path in sorted(dirty.folder.iterdir()):
            day = path.stem.removeprefix("events-")
            times = [line[:19].decode("latin1") for line in lines_of(path)]
            before = [time for time in times if "2024-01-01" <= time[:10] < day]
            ahead = times[: len(before)]
            # Offsets that cross midnight, in lines that stand in their place, are no late ones.
            assert len(set(before) - set(ahead)) <= 2
            assert ahead == sorted(ahead)
            late += len(before)
        assert late >= dirty.summary.dirt["delivered_late"]
        future = [time for time in judge(dirty.folder).times if time.date() > dt.date(2024, 1, 4)]
        assert len(future) == dirty.summary.dirt["future_event"]
        assert max(future).date() <= dt.date(2024, 1, 7)

    def test_odd_bytes_stand_in_the_files(self, dirty: Dirty) -> None:
        first, second, *_ = contents(dirty.folder).values()
        assert first.startswith(b"\xef\xbb\xbfevent_time")
        assert first.split(b"\n")[0].endswith(b"user_session\r")
        assert second.startswith(b"event_time")
        assert not second.endswith(b"\n")
        everything = first + second
        for bytes_ in (b"\r\n", b"\n\n", b'"Wick, Sons & Co"', b'""Good""', b"z,", b",1.005,"):
            assert bytes_ in everything

    def test_a_clean_sample_has_no_dirt(self, tmp_path: Path) -> None:
        summary = write_clickstream(tmp_path, events=500, days=2, dirt=0.0)
        assert set(summary.dirt.values()) == {0}
        judged = judge(tmp_path)
        assert (judged.quarantined, judged.superseded) == (0, 0)


def spoilt(kind: Kind, turn: int) -> bytes:
    return kind.spoil(CLEAN.decode().split(","), turn)


def test_the_days_of_a_plan_have_the_events_asked_for() -> None:
    plan = ClickstreamPlan(997, 13)
    assert sum(plan.events_on(day) for day in range(13)) == 997
