"""Where lineage events and telemetry go: what may be said of it, and that it costs nothing off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blocks.lineage_sink import open_sink
from blocks.observability_settings import LineageSettings
from blocks.settings import Settings, settings_as_said
from tasks.contracts.errors import ConfigurationError
from tasks.lineage_datasets import Naming
from tasks.lineage_events import RunEvents
from tests.unit.reports.sample_record import published_run


def said(**settings: Any) -> Settings:
    return settings_as_said("shop", settings, {"LINEAGE_KEY": "canary"})


def test_nothing_is_sent_by_default() -> None:
    settings = said()
    assert (settings.lineage.kind, settings.telemetry.kind) == ("none", "none")
    assert open_sink(settings.lineage) is None


def test_a_key_is_looked_up_and_not_shown() -> None:
    place = {"kind": "http", "url": "http://marquez:5000", "api_key": {"env": "LINEAGE_KEY"}}
    settings = said(lineage=place)
    assert "canary" not in repr(settings)
    assert settings.lineage.api_key.get_secret_value() == "canary"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("lineage", "told"),
    [
        ({"kind": "http"}, "kind: http needs url"),
        ({"kind": "file"}, "kind: file needs path"),
        ({"kind": "none", "path": "x"}, "path is for kind: file"),
        ({"kind": "file", "path": "x", "url": "http://a"}, "url is for kind: http"),
        ({"kind": "file", "path": "x", "api_key": {"env": "A"}}, "api_key is for kind: http"),
        ({"kind": "http", "url": "http://user:pass@a"}, r"lineage\.url"),
        ({"kind": "http", "url": "http://a?key=canary"}, r"lineage\.url"),
        ({"kind": "http", "url": "ftp://a"}, r"lineage\.url"),
        ({"kind": "http", "url": "http://a", "api_key": "canary"}, "a secret does not belong here"),
        ({"kind": "kafka"}, r"lineage\.kind"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(lineage: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        said(lineage=lineage)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "telemetry",
    [{"kind": "otlp", "url": "collector:4318"}, {"timeout_seconds": 0}, {"header": "a b"}],
)
def test_telemetry_is_checked_too(telemetry: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"telemetry\."):
        said(telemetry=telemetry)


def test_a_file_gets_a_line_an_event_in_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new/events.jsonl"
    events = RunEvents(Naming("jobs", "/lake", "1"), published_run())
    for _ in range(2):  # a second run adds to it
        sink = open_sink(LineageSettings(kind="file", path=str(path)))
        assert sink is not None
        sink.emit(events.run_began())
    documents = [json.loads(line) for line in path.read_text().splitlines()]
    assert [document["eventType"] for document in documents] == ["START", "START"]


def test_a_run_without_them_loads_neither() -> None:
    code = (
        "import sys, flows.run, blocks.settings, tasks.observing\n"
        "tasks.observing.observers_of(blocks.settings.Settings())\n"
        "loaded = {'openlineage', 'opentelemetry.sdk', 'sqlglot'} & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
