"""Fixtures that many tests share: one Prefect API a session, runs, samples, real data."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.served_api import served_api

os.environ.setdefault("PREFECT_API_BLOCKS_REGISTER_ON_START", "false")
os.environ.setdefault("PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION", "false")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "600")
# How soon a run that waits for another one of its deployment asks again.
os.environ.setdefault("PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS", "1")
# Tests of the catalog ask for it; others are quicker without.
os.environ.setdefault("MEDALLION_SYNC_CATALOG", "false")

SHARED = Path(
    os.environ.get("MEDALLION_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
)


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A real Prefect API with a database of its own."""
    with served_api(tmp_path_factory.mktemp("prefect")):
        yield


@pytest.fixture(scope="session")
def strangers_variables(prefect_api: None) -> dict[str, str]:
    """The variables of a process that knows this API, and nothing else of Prefect or of us."""
    from prefect.settings import get_current_settings

    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "MEDALLION"))}
    return {**kept, "PREFECT_API_URL": str(get_current_settings().api.url)}


@pytest.fixture(scope="session")
def run_flow(prefect_api: None) -> Callable[..., object]:
    """Run the main flow in this process; returns its RunOutcome, raises RunFailedError."""
    from flows.run import run_pipeline

    def run(lake: Path, run_date: date, **options: object) -> object:
        given = {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}
        return run_pipeline("ecommerce", run_date=run_date, lake=str(lake), **given)

    return run


@pytest.fixture(scope="session")
def sample_bronze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dirty sample of 12 days with every kind of dirt, as another team's bronze."""
    from tasks.sample_data.write import write_sample

    folder = tmp_path_factory.mktemp("sample") / "bronze"
    write_sample(folder, orders=1500, days=12, seed=11, dirt=0.03, first_day=date(2024, 1, 1))
    return folder


@pytest.fixture(scope="session")
def real_bronze() -> Path:
    """The real exporter's bronze, where it lies beside the project."""
    folder = SHARED / "ecommerce" / "bronze"
    if not folder.is_dir():
        pytest.skip("the real data is not beside the project")
    return folder


@pytest.fixture(scope="session")
def small_bronze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dirty sample of about 300 orders over the six days from 2024-01-01; read it only."""
    from tasks.sample_data.write import write_sample

    folder = tmp_path_factory.mktemp("small") / "bronze"
    write_sample(folder, orders=250, days=6, seed=5, dirt=0.03, first_day=date(2024, 1, 1))
    return folder


@pytest.fixture(scope="session")
def small_lake(
    run_flow: Callable[..., object], small_bronze: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A lake whose release 1 is the run of `small_bronze` for 2024-01-06; read it only.

    It stands in the Iceberg catalog too.
    """
    lake = tmp_path_factory.mktemp("small") / "lake"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MEDALLION_SYNC_CATALOG", "true")
        run_flow(lake, date(2024, 1, 6), bronze=small_bronze)
    return lake


@pytest.fixture
def own_lake(small_lake: Path, tmp_path: Path) -> Path:
    """A copy of `small_lake` to run in: cheaper than a first run."""
    return shutil.copytree(small_lake, tmp_path / "lake")
