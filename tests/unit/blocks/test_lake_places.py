"""Roots of the layers: one for all, some of their own, and what is no root at all."""

from __future__ import annotations

from typing import Any

import pytest

from blocks.settings import settings_as_said
from tasks.contracts.errors import ConfigurationError


def roots(**lake: Any) -> dict[str, str]:
    return settings_as_said("x", {"lake": lake}, {}).places.layer_roots()


def test_layers_lie_below_the_common_root_unless_they_have_their_own() -> None:
    found = roots(kind="s3", root="s3://shop/lake/", gold="s3://marts/", control="s3://ops/x")
    assert found == {
        "control": "s3://ops/x",
        "bronze": "s3://shop/lake/bronze",
        "silver": "s3://shop/lake/silver",
        "gold": "s3://marts",
        "preaggregations": "s3://shop/lake/preaggregations",
    }


def test_the_root_of_the_disk_is_a_root() -> None:
    assert roots(kind="local", root="/")["control"] == "/"
    assert roots(kind="local", root="/")["gold"] == "/gold"


@pytest.mark.parametrize(
    ("lake", "message"),
    [
        ({"kind": "gcs"}, "no root is given, and none for: control, bronze, silver"),
        ({"kind": "gcs", "root": "s3://shop"}, "root must look like gs://bucket/folder"),
        ({"kind": "s3", "root": "shop"}, "root must look like s3://bucket/folder"),
        ({"kind": "s3", "root": "s3://Shop"}, "root must look like"),
        ({"kind": "s3", "root": "s3://shop/../x"}, "root must look like"),
        ({"kind": "s3", "root": "s3://shop?x=1"}, "root must look like"),
        ({"kind": "s3", "root": "s3://me:pass@shop"}, "root must look like"),
        ({"kind": "local", "root": "s3://shop"}, "root must look like a path of a folder"),
        ({"kind": "local", "root": ""}, "root must look like a path of a folder"),
        ({"kind": "local", "gold": "file:///x"}, "gold must look like a path of a folder"),
        ({"kind": "azure"}, "does not match any of the expected tags: 'local', 'gcs', 's3'"),
        ({"root": "lake"}, "lake: Unable to extract tag using discriminator 'kind'"),
        (
            {"kind": "s3", "root": "s3://shop", "access_key_id": {"env": "ID"}},
            "access_key_id and secret_access_key go together",
        ),
        ({"kind": "s3", "root": "s3://shop", "regoin": "x"}, "lake.regoin: Extra inputs"),
    ],
)
def test_what_is_no_root_is_refused(lake: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        roots(**lake)
    assert message in str(caught.value)
    assert "pass" not in str(caught.value)
