"""Every block keeps Prefect's own standards, and is given out where Prefect looks for it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite

import blocks as package

BLOCKS = [cls for _, cls in inspect.getmembers(package) if Block.is_block_class(cls)]
each_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda cls: cls.__name__)


@each_block
class TestBlockStandards(BlockStandardTestSuite):
    @pytest.fixture
    def block(self) -> type[Block]:
        raise NotImplementedError  # each test gets its block by parameter

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """No logo: whoever opens the block in the UI would fetch it from another host."""
        assert block._logo_url is None

    def test_says_what_it_is(self, block: type[Block]) -> None:
        assert block.get_block_type_name().startswith("Medallion ")
        assert block.get_block_type_slug().startswith("medallion-")

    def test_every_field_is_described_also_nested_blocks(self, block: type[Block]) -> None:
        for name, field in block.model_fields.items():
            assert (field.description or "").endswith("."), name


def test_the_package_gives_out_all_of_them() -> None:
    assert {cls.__name__ for cls in BLOCKS} == set(package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        package.Nothing  # noqa: B018


def test_the_collection_is_where_prefect_looks() -> None:
    (found,) = (e for e in entry_points(group="prefect.collections") if e.name == "medallion_flows")
    assert set(found.load().__all__) == set(package.__all__)


def test_settings_and_stores_do_not_load_prefect() -> None:
    code = "import sys, cli.app, blocks.settings, blocks.lake; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_kind_of_lake_stays_what_it_is() -> None:
    """Without the kind a union of blocks is taken for its first member that accepts the fields."""
    for lake in (
        package.LocalLake(root="/srv"),
        package.GcsLake(root="gs://shop"),
        package.S3Lake(root="s3://shop", access_key_id="a", secret_access_key="b"),
    ):
        platform = package.MedallionPlatform(lake=lake.model_dump())
        assert type(platform.lake) is type(lake)
