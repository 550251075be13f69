"""Names of flow runs: what runs, and for which day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tasks.run_names import told

TODAY = date(2024, 1, 15)


@pytest.mark.parametrize(
    ("template", "parameters", "name"),
    [
        ("{pipeline} {run_date}", {"run_date": date(2024, 1, 14)}, "ecommerce 2024-01-14"),
        ("{pipeline} {run_date}", {"run_date": None}, "ecommerce 2024-01-15"),
        ("{pipeline} ingest of {source}", {"source": "/srv/inbox/"}, "ecommerce ingest of inbox"),
        ("{pipeline} ingest of {source}", {"source": "/"}, "ecommerce ingest of /"),
        ("{pipeline} rollback to release {to}", {"to": 3}, "ecommerce rollback to release 3"),
        ("{pipeline} maintenance", {"pipeline": None}, "maintenance"),
    ],
)
def test_a_name_tells_what_runs(template: str, parameters: dict[str, Any], name: str) -> None:
    assert told(template, {"pipeline": "ecommerce", **parameters}, today=TODAY) == name
