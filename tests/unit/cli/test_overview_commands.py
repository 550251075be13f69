"""`tables`, `report` and `status`."""

from __future__ import annotations

import hashlib
import socket
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from published_lake import FIRST_RUN, SECOND_RUN, call, publish_run, record_run

from blocks.catalog_settings import RestSettings
from blocks.lake import Lake, local_lake
from blocks.settings import load_settings
from tasks.catalog_standing import catalog_standings
from tasks.iceberg_sync import open_tables
from tasks.releases import read_release


def test_tables_of_the_current_release(lake: Lake):
    answer = call(lake, "tables", "ecommerce")
    lines = answer.out.splitlines()
    assert f"release 2, run date 2024-01-14, run {SECOND_RUN}" in lines[0]
    orders = next(line for line in lines if line.startswith("silver.orders "))
    assert orders.split()[1:3] == ["4", "1"]
    assert orders.split()[-1] == "order_id"
    assert max(len(line) for line in lines) <= 100


def test_tables_as_json_list_every_file(lake: Lake):
    document = call(lake, "tables", "ecommerce", "--release", "1", "--json").document
    assert set(document) == {"pipeline", "release", "run_id", "tables"}
    assert (document["pipeline"], document["release"]) == ("ecommerce", 1)
    assert document["run_id"] == FIRST_RUN
    table = document["tables"]["silver.orders"]
    assert table["rows"] == 3
    assert table["columns"]["net_total"] == "DECIMAL(18,2)"
    assert list(table["columns"]) == ["order_id", "net_total", "clv_bucket", "order_dt"]
    assert [file["rows"] for file in table["files"]] == [2, 1]
    for file in table["files"]:
        assert set(file) == {"path", "rows", "bytes", "sha256"}
        content = Path(file["path"]).read_bytes()
        assert Path(file["path"]).is_absolute()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (
            file["bytes"],
            file["sha256"],
        )


def test_internal_tables_are_not_shown(lake: Lake):
    base = read_release(lake, "ecommerce")
    sums = base.tables["gold.fct_revenue"].model_copy(update={"internal": True})
    publish_run(
        lake, SECOND_RUN, date(2024, 1, 14), {**base.tables, "gold.sums": sums, "more.sums": sums}
    )
    for more in ((), ("--json",), ("--hashes",)):
        assert "sums" not in call(lake, "tables", "ecommerce", *more).out
    shown = call(lake, "releases", "ecommerce", "--json").document["releases"]
    counts = [(entry["tables"], entry["rows"], entry["bytes"]) for entry in shown]
    assert counts[2] == counts[1]
    answer = call(lake, "query", "ecommerce", "from gold.sums")
    assert (answer.status, "does not exist" in answer.err) == (2, True)


def test_an_unknown_release_is_no_release(lake: Lake):
    answer = call(lake, "tables", "ecommerce", "--release", "7")
    assert answer.status == 1
    assert "no release 7" in answer.err


def test_hashes_tell_which_tables_differ_between_releases(lake: Lake):
    first, second = (
        call(lake, "tables", "ecommerce", "--release", n, "--hashes", "--json").document["tables"]
        for n in ("1", "2")
    )
    differing = [n for n in first if first[n]["content_hash"] != second[n]["content_hash"]]
    assert differing == ["silver.orders"]
    shown = call(lake, "tables", "ecommerce", "--hashes").out
    assert second["silver.orders"]["content_hash"] in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_hashes_of_a_lost_file_say_which_table(lake: Lake):
    document = call(lake, "tables", "ecommerce", "--json").document
    Path(document["tables"]["gold.fct_revenue"]["files"][0]["path"]).unlink()
    answer = call(lake, "tables", "ecommerce", "--hashes")
    assert answer.status == 1
    assert "gold.fct_revenue cannot be read" in answer.err


def test_report_of_the_last_and_of_a_named_run(lake: Lake):
    last = call(lake, "report", "ecommerce")
    assert (last.status, last.out.count("\n")) == (0, 1)
    assert SECOND_RUN in last.out
    assert Path(last.out.strip()).is_file()
    document = call(lake, "report", "ecommerce", "--run", FIRST_RUN, "--json").document
    assert set(document) == {"run_id", "report"}
    assert document["run_id"] == FIRST_RUN
    assert Path(document["report"]).is_file()


def test_report_opens_in_the_browser(lake: Lake, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert call(lake, "report", "ecommerce", "--open").status == 0
    assert opened == [Path(call(lake, "report", "ecommerce").out.strip()).as_uri()]


def test_report_of_a_failed_run_that_published_nothing(lake: Lake):
    run_id = "20240116T031500Z-cccccc"
    record_run(lake, run_id, date(2024, 1, 15), None, "silver.orders: too few rows")
    assert run_id in call(lake, "report", "ecommerce").out


def test_report_of_no_run_and_of_an_unknown_one(lake: Lake, tmp_path: Path):
    none = call(local_lake(tmp_path / "empty"), "report", "ecommerce")
    assert (none.status, none.out) == (1, "")
    assert "medallion run ecommerce" in none.err
    unknown = call(lake, "report", "ecommerce", "--run", "../../x")
    assert (unknown.status, unknown.out) == (2, "")


def state(lake: Lake) -> dict:
    document = call(lake, "status", "--json").document
    return next(s for s in document["pipelines"] if s["pipeline"] == "ecommerce")


def test_status_of_a_published_pipeline(lake: Lake):
    document = call(lake, "status", "--json").document
    assert (document["environment"], document["gates"]) == ("local", "warn")
    assert document["lake"] == str(Path(lake.control.url("")))
    found = state(lake)
    assert (found["release"], found["run_date"]) == (2, "2024-01-14")
    assert found["age_days"] == (datetime.now(UTC).date() - date(2024, 1, 14)).days
    assert found["dimensions"] == {"customers": "2024-01-14"}
    assert found["last_run"]["status"] == "published"
    text = call(lake, "status")
    assert text.status == 0
    assert "customers 2024-01-14" in " ".join(text.out.split())
    assert max(len(line) for line in text.out.splitlines()[1:]) <= 100


def test_status_after_a_failed_run_keeps_the_release(lake: Lake):
    record_run(lake, "20240116T031500Z-cccccc", date(2024, 1, 15), None, "too few rows")
    found = state(lake)
    assert found["release"] == 2
    assert (found["last_run"]["status"], found["last_run"]["error"]) == ("failed", "too few rows")


def test_status_tells_where_the_catalog_stands(lake: Lake, monkeypatch):
    monkeypatch.setenv("MEDALLION_SYNC_CATALOG", "true")
    assert state(lake)["catalog"] == {"release": None, "lags": True, "problem": None}
    assert "nothing, lags" in call(lake, "status").out
    assert not Path(lake.control.url("catalog.db")).exists()  # a look makes nothing
    settings = load_settings("local", lake_root=lake.control.url(""))
    with open_tables(lake, settings, "ecommerce") as tables:
        tables.prepare([])
        for release, lags in ((1, True), (2, False)):
            tables.say_shown(release, FIRST_RUN)
            found = state(lake)["catalog"]
            assert found == {"release": release, "lags": lags, "problem": None}
    text = call(lake, "status")
    assert (text.status, "lags" in text.out) == (0, False)
    assert max(len(line) for line in text.out.splitlines()[1:]) <= 100


def test_status_without_a_catalog_loads_no_client_of_one(lake: Lake, monkeypatch):
    monkeypatch.setenv("MEDALLION_SYNC_CATALOG", "false")
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog", None)  # an import of it would fail
    assert state(lake)["catalog"] is None
    assert "catalog" not in call(lake, "status").out.splitlines()[2].split()


def test_status_of_a_catalog_that_does_not_answer(lake: Lake, monkeypatch):
    monkeypatch.setenv("MEDALLION_SYNC_CATALOG", "true")
    Path(lake.control.url("catalog.db")).write_bytes(b"no database " * 99)
    assert state(lake)["catalog"]["problem"]
    answer = call(lake, "status")
    assert (answer.status, "unreachable" in answer.out) == (0, True)
    assert "catalog: ecommerce: the Iceberg catalog" in answer.out


def test_a_catalog_on_the_network_that_is_down_is_asked_once(lake: Lake):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{closed.getsockname()[1]}"
        settings = load_settings("local", lake_root=lake.control.url("")).model_copy(
            update={"sync_catalog": True, "catalog": RestSettings(kind="rest", uri=uri)}
        )
        found = catalog_standings(lake, settings, {"ecommerce": 2, "retail": 1})
    assert [each.problem is None for each in found.values()] == [False, False]
    assert len({each.problem for each in found.values()}) == 1


def test_status_of_an_empty_lake(tmp_path: Path):
    found = state(local_lake(tmp_path))
    assert (found["release"], found["last_run"], found["dimensions"]) == (None, None, {})
    assert call(local_lake(tmp_path), "status").status == 0


def test_status_tells_what_it_cannot_read(lake: Lake):
    lake.control.write(lake.pointer_key("ecommerce"), b"{")
    answer = call(lake, "status", "--json")
    assert answer.status == 1
    found = next(s for s in answer.document["pipelines"] if s["pipeline"] == "ecommerce")
    assert "_latest.json" in found["problem"]
    assert found["last_run"]["run_id"] == SECOND_RUN
    assert "_latest.json" in call(lake, "status").out


def test_status_tells_how_fresh_a_pipeline_is(lake: Lake):
    found = state(lake)["freshness"]
    assert (found["landed_at"], found["landed_age_hours"]) == (None, None)
    assert (found["fresh"], found["published_hours"]) == (False, 30)
    assert "ecommerce: stale: the current release came" in call(lake, "status").out
    base = read_release(lake, "ecommerce")
    now = datetime.now(UTC)
    publish_run(lake, f"{now:%Y%m%dT%H%M%SZ}-dddddd", date(2024, 1, 15), base.tables)
    lake.bronze.write("ecommerce/orders/_batches/batch_1.json", b"{}")
    found = state(lake)["freshness"]
    assert (found["fresh"], found["missed"]) == (True, [])
    assert 0 <= found["landed_age_hours"] < 1
    assert "ecommerce: fresh: newest batch" in call(lake, "status").out
