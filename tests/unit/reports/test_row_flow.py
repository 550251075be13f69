"""The accounting of silver and the shape of its picture."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_record import published_run

from tasks.contracts.run_record import TableRecord
from tasks.reports.row_flow import TableFlow, flow_picture, table_flows, total_flow

rows = st.integers(0, 10**9)
flows = st.lists(st.tuples(rows, rows, rows), max_size=12).map(
    lambda parts: [TableFlow(f"t{i}", sum(p), *p) for i, p in enumerate(parts)]
)


def test_only_silver_tables_with_known_bronze_are_accounted_for():
    record = published_run()
    others = (
        TableRecord(table="silver.orders_quarantine", layer="silver", rows_in=5, rows_out=5),
        TableRecord(table="silver.stock", layer="silver", rows_out=5),
    )
    grown = record.model_copy(update={"tables": (*record.tables, *others)})
    assert table_flows(grown) == table_flows(record)
    assert len(table_flows(record)) == 8


def test_total_is_the_sum_and_the_rate_its_own():
    total = total_flow([TableFlow("a", 100, 90, 10, 0), TableFlow("b", 300, 290, 0, 10)])
    assert (total.bronze, total.silver, total.quarantined, total.superseded) == (400, 380, 10, 10)
    assert total.quarantine_rate == pytest.approx(0.025)
    assert total.unexplained == 0
    assert total_flow([]).quarantine_rate is None


def test_picture_without_rows_is_none():
    assert flow_picture([]) is None
    assert flow_picture([TableFlow("a", 0, 0, 0, 0)]) is None


@given(flows)
def test_picture_keeps_every_row_and_stays_within_its_height(drawn):
    picture = flow_picture(drawn)
    if picture is None:
        assert sum(flow.bronze for flow in drawn) == 0
        return
    assert sum(r.rows for r in picture.ribbons) == sum(flow.bronze for flow in drawn)
    assert sum(n.rows for n in picture.sources) == sum(n.rows for n in picture.targets)
    for side in (picture.sources, picture.targets):
        for above, below in pairwise(side):
            assert above.top + above.height <= below.top + 0.02
        assert side[0].top >= 0
        assert side[-1].top + side[-1].height <= picture.height


def test_widths_follow_rows():
    picture = flow_picture(
        [TableFlow("big", 3_000, 3_000, 0, 0), TableFlow("s", 1_000, 0, 1_000, 0)]
    )
    big, small = picture.sources
    assert big.height == pytest.approx(3 * small.height)
