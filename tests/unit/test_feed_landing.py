"""Landing JSON records as lines: how they are spread over files."""

from datetime import date
from pathlib import Path

import pytest

from tasks import feed_landing
from tasks.feed_landing import write_records
from tasks.source_files import SourceFile
from tasks.specs import load_spec


def test_long_files_are_cut_where_lines_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_landing, "_WAITING_CHARACTERS", 200)
    monkeypatch.setattr(feed_landing, "_FILE_BYTES", 1000)
    source = tmp_path / "tasks.jsonl"
    source.write_text("".join(f'{{"task_id": "{number}"}}\n' for number in range(40)))
    staged = tmp_path / "staged"
    staged.mkdir()
    table = load_spec("coordination").table("processed_tasks")
    found = SourceFile(table.name, table.bronze_name, source, "tasks/tasks.jsonl", "json")
    written = write_records(staged, table, found, landed_on=date(2026, 1, 8))
    (files,) = written.staged.values()
    sizes = [file.stat().st_size for file in files]
    assert len(files) > 3
    assert all(1000 <= size < 1500 for size in sizes[:-1])
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert [f'"source_row": {number}}}' in line for number, line in enumerate(lines, 1)] == [
        True
    ] * 40
