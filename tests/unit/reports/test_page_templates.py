"""Where pages come from, whatever lies among the temporary files."""

import os
from pathlib import Path

import pytest

from tasks.reports.page_templates import page_environment


@pytest.mark.parametrize("is_taken", [False, True])
def test_pages_need_no_folder_for_what_was_compiled(
    is_taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if is_taken:
        (tmp_path / f"_jinja2-cache-{os.getuid()}").write_text("")
    environment = page_environment()
    assert (environment.bytecode_cache is None) == is_taken
    page = environment.from_string("{{ text }}")
    assert page.render(text="<b>") == "&lt;b&gt;"
