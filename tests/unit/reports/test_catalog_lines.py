"""What a run says of the catalog."""

from __future__ import annotations

from tasks.contracts.run_record import CatalogRecord, RunRecord
from tasks.reports.catalog_lines import catalog_lines
from tests.unit.reports.sample_record import published_run


def told(catalog: CatalogRecord | None) -> list[str]:
    record: RunRecord = published_run().model_copy(update={"catalog": catalog, "release": 7})
    return catalog_lines(record)


def test_nothing_is_said_of_no_catalog() -> None:
    assert told(None) == []


def test_what_the_catalog_shows_and_what_it_cannot() -> None:
    shown = CatalogRecord(release=7, tables=3, seconds=1.25, left_out={"bronze.a": "odd"})
    assert told(shown) == [
        "Iceberg: 3 tables at release 7, in 1.2 s.",
        "Not in Iceberg: bronze.a: odd",
    ]
    many = {f"bronze.t{n}": "odd" for n in range(9)}
    assert told(shown.model_copy(update={"left_out": many}))[-1] == "and 4 more tables"


def test_a_catalog_that_does_not_show_it_is_told_with_what_helps() -> None:
    first, second = told(CatalogRecord(release=None, problem="it is down"))
    assert first == "Iceberg: readers of the catalog do not see release 7 yet: it is down"
    assert second.startswith("The next run shows it, or `medallion sync ")
