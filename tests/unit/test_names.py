"""Names: what may meet a path or SQL, and what a misspelt one probably meant."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.contracts.names import Name, did_you_mean, is_name

UNSAFE = [
    "",
    "Orders",
    "1orders",
    "_orders",
    "or-ders",
    "or ders",
    "orders\n",
    "orders;",
    "../orders",
    "a/b",
    "a.b",
    "o'",
    'o"',
    "ördes",
]


@pytest.mark.parametrize("text", ["a", "orders", "fct_orders_2", "x" * 63])
def test_names_are_lower_case_words(text: str) -> None:
    assert is_name(text)
    assert TypeAdapter(Name).validate_python(text) == text


@pytest.mark.parametrize("text", UNSAFE)
def test_nothing_else_is_a_name_to_either_check(text: str) -> None:
    assert not is_name(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(text)


def test_a_name_has_63_characters_at_most() -> None:
    with pytest.raises(ValidationError, match="at most 63"):
        TypeAdapter(Name).validate_python("x" * 64)


def test_what_is_near_is_suggested() -> None:
    assert did_you_mean("custmers", ["orders", "customers"]) == "; did you mean 'customers'?"


def test_what_is_known_is_listed_when_nothing_is_near() -> None:
    assert did_you_mean("zzz", ["b", "a", "b"]) == "; known: a, b"


def test_a_list_that_helps_nobody_is_left_out() -> None:
    assert did_you_mean("zzz", [f"a{n}" for n in range(20)]) != ""
    assert did_you_mean("zzz", [f"a{n}" for n in range(21)]) == ""
    assert did_you_mean("zzz", []) == ""
