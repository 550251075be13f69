"""Changed settings are Prefect's settings meanwhile, and what was not named stays."""

from __future__ import annotations

import pytest

from tasks.prefect_settings import changed_settings


def test_they_are_changed_meanwhile_only() -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY
    from prefect.settings import get_current_settings as now

    before = now()
    url = "http://127.0.0.1:1/api"
    with changed_settings({"api": {"url": url}, "flows": {"heartbeat_frequency": None}}):
        assert PREFECT_API_URL.value() == now().api.url == url
        assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() is None
        assert now().flows.default_retries == before.flows.default_retries
        with changed_settings({"client": {"max_retries": 10}}):
            assert now().client.max_retries == 10
            assert now().api.url == url
    assert now() == before


def test_a_section_that_prefect_does_not_have_is_an_error() -> None:
    with pytest.raises(AttributeError), changed_settings({"flow": {}}):
        pass
