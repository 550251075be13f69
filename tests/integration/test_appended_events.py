"""What runs over event files write: new rows as further files of their days.

Belongs here: the files of silver. Does not belong here: the rows
(`test_arrival_sequences.py`).
"""

from datetime import date
from pathlib import Path

import pytest

from tasks import silver_inputs
from tests.integration.published import content, release_document

pytestmark = pytest.mark.slow

DAY = date(2024, 1, 1)
HEADER = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"
)


def deliver(folder: Path, name: str, products: range, brand: str = "acme") -> None:
    folder.mkdir(exist_ok=True)
    lines = [f"2024-01-01 10:00:{p:02} UTC,view,{p},7,a.b,{brand},1.50,5,s" for p in products]
    (folder / name).write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")


def silver_files(lake: Path) -> list[tuple[str, int]]:
    table = release_document(lake, None, "clickstream")["tables"]["silver.events_cleaned"]
    return [(file["path"], file["rows"]) for file in table["files"]]


def test_new_rows_become_files_until_a_day_has_many_or_a_copy_wins(
    prefect_api: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.run import run_pipeline

    monkeypatch.setattr(silver_inputs, "MOST_FILES", 3)
    lake, source = tmp_path / "lake", tmp_path / "events"

    def run() -> list[tuple[str, int]]:
        run_pipeline("clickstream", run_date=DAY, lake=str(lake), source=str(source))
        return silver_files(lake)

    deliver(source, "m.csv", range(1, 11))
    first = run()
    assert [rows for _, rows in first] == [10]
    deliver(source, "n.csv", range(9, 14))  # of these, two are known already
    second = run()
    assert first[0] in second
    assert sorted(rows for _, rows in second) == [3, 10]
    deliver(source, "o.csv", range(20, 21))
    third = run()
    assert set(second) < set(third)
    deliver(source, "p.csv", range(21, 22))
    assert [rows for _, rows in run()] == [15]  # the day lay in three files
    deliver(source, "a.csv", range(1, 2), brand="other")  # `a` comes before `m`: its copy stays
    assert [rows for _, rows in run()] == [15]
    kept = content(lake, None, "clickstream", drop=("run_id", "processed_timestamp"))
    run_pipeline("clickstream", run_date=DAY, lake=str(lake), full_refresh=True)
    assert content(lake, None, "clickstream", drop=("run_id", "processed_timestamp")) == kept
