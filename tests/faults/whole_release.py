"""Checking that a release is whole: every file that it lists is there, byte by byte."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq

from tests.integration.published import release_document


def pointer_bytes(lake: Path) -> bytes:
    """The pointer's content, to be compared before and after."""
    return (lake / "ecommerce" / "_latest.json").read_bytes()


def assert_whole(lake: Path, number: int) -> None:
    """Release `number` is the current one, and its files are as it was published."""
    pointer = json.loads(pointer_bytes(lake))
    assert pointer["release"] == number
    document = lake / "ecommerce" / "_releases" / f"{number}.json"
    assert hashlib.sha256(document.read_bytes()).hexdigest() == pointer["sha256"]
    for name, table in release_document(lake)["tables"].items():
        for file in table["files"]:
            path = lake / file["root"] / file["path"]
            content = path.read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"], name
            assert len(content) == file["bytes"], name
            assert pq.read_metadata(path).num_rows == file["rows"], name
