"""Reading specifications: files that are none, keys, anchors, names and fingerprints."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from tasks.contracts.errors import ConfigurationError, SpecError
from tasks.specs import known_pipelines, load_spec, load_spec_file, spec_fingerprint
from tests.unit.spec_documents import SHOP, load_changed, put, refused, written


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pipeline: shop\ntables: [\n", "line 3, column 1: "),
        ("pipeline: shop\n\ttables: []\n", "line 2, column 1: "),
        (
            "pipeline: shop\ngates:\n  min_rows: 1\n  min_rows: 2\n",
            "line 4, column 3: 'min_rows' is given twice",
        ),
        ("? [a, b]\n: 1\n", "line 1, column 3: found unhashable key"),
        ("pipeline: \x00\n", "unacceptable character #x0000"),
        ("", "must be a mapping with `pipeline`, `tables`, ..."),
        ("- a\n- b\n", "must be a mapping with `pipeline`, `tables`, ..."),
        (b"pipeline: shop\n# \xff\n", "is no UTF-8 text (byte 17)"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_with_the_place(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    path = written(tmp_path, text)
    message = refused(path)
    assert message.startswith(f"{path}: ")
    assert problem in message


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    message = refused(tmp_path / "nowhere.yml")
    assert message == f"{tmp_path / 'nowhere.yml'}: cannot be read (No such file or directory)"


def test_keys_that_are_no_text_are_refused(tmp_path: Path) -> None:
    assert "Keys should be strings" in refused(written(tmp_path, "1: 2\n"))


def test_entries_may_share_settings_by_anchors(tmp_path: Path) -> None:
    document = copy.deepcopy(SHOP)
    text = yaml.safe_dump(document, sort_keys=False)
    shared = "partition: &daily {column: ingest_dt, kind: date}"
    text = text.replace("partition:\n    column: ingest_dt\n    kind: date", shared, 1)
    text = text.replace(
        "partition:\n    column: ingest_dt\n    kind: date",
        "partition:\n    <<: *daily\n    column: landed_dt",
        1,
    )
    spec = load_spec_file(written(tmp_path, text))
    assert spec.table("customers").partition.column == "ingest_dt"
    assert spec.table("orders").partition.column == "landed_dt"
    assert spec.table("orders").partition.kind == "date"


def test_pipelines_are_found_by_name(tmp_path: Path) -> None:
    written(tmp_path, yaml.safe_dump(SHOP))
    assert known_pipelines(tmp_path) == ["shop"]
    assert load_spec("shop", tmp_path).pipeline == "shop"
    for wrong, hint in [("shap", "; did you mean 'shop'?"), ("zzz", "; known: shop")]:
        with pytest.raises(ConfigurationError) as caught:
            load_spec(wrong, tmp_path)
        assert str(caught.value) == f"no pipeline '{wrong}'{hint}"
    for unsafe in ("../shop", "", "shop/../shop", "Shop"):
        with pytest.raises(ConfigurationError, match="no pipeline"):
            load_spec(unsafe, tmp_path)


def test_a_file_must_declare_the_pipeline_that_it_is_named_for(tmp_path: Path) -> None:
    written(tmp_path, yaml.safe_dump(SHOP), "market.yml")
    with pytest.raises(SpecError, match="is 'shop', the file") as caught:
        load_spec("market", tmp_path)
    assert str(caught.value) == "market.yml: pipeline: is 'shop', the file says 'market'"


def test_the_fingerprint_is_of_what_is_said_not_how(tmp_path: Path) -> None:
    plain = load_changed(tmp_path)
    commented = load_spec_file(
        written(tmp_path, "# A comment.\n" + yaml.safe_dump(SHOP, sort_keys=True))
    )
    changed = load_changed(tmp_path, put("gates", "min_rows", to=3))
    assert spec_fingerprint(plain) == spec_fingerprint(commented)
    assert spec_fingerprint(plain) != spec_fingerprint(changed)


def test_the_specifications_that_ship_are_sound() -> None:
    assert "ecommerce" in known_pipelines()
    for pipeline in known_pipelines():
        assert load_spec(pipeline).pipeline == pipeline
