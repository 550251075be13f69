"""The order of rows, the names of files and how partitions are cut decide nothing."""

import shutil
import tempfile
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.bronze_builder import read_partitions, write_partition
from tests.integration.published import content
from tests.integration.same_content import content_differences

pytestmark = pytest.mark.slow

DAY = date(2024, 1, 6)


def cut_anew(bronze: Path, into: Path, random: Random, largest: int) -> None:
    """Write the rows of each partition in another order, to up to `largest` files of any size."""
    for (table, partition), rows in read_partitions(bronze).items():
        order = list(range(rows.num_rows))
        random.shuffle(order)
        shuffled = rows.take(pa.array(order, pa.int64()))
        cuts = sorted(
            random.randint(0, rows.num_rows) for _ in range(random.randint(0, largest - 1))
        )
        edges = [0, *cuts, rows.num_rows]
        files = {
            f"{random.getrandbits(64):016x}.parquet": shuffled.slice(start, stop - start)
            for start, stop in pairwise(edges)
        }
        write_partition(into, table, partition, files, sha256=bool(random.getrandbits(1)))


@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32), largest=st.integers(1, 4))
def test_bronze_that_is_cut_and_ordered_anew_has_the_same_content(
    run_flow: Callable, small_bronze: Path, small_lake: Path, seed: int, largest: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cut_anew(small_bronze, Path(folder, "bronze"), Random(seed), largest)
        lake = shutil.copytree(small_lake, Path(folder, "lake"))
        run_flow(lake, DAY, bronze=Path(folder, "bronze"))
        assert content_differences(content(small_lake), content(lake)) == []
