"""Gate results in the order in which a person wants them.

Belongs here: the order of layers, breaches before passes, counts by status. Does not belong
here: markup, or deciding whether a check passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.contracts.run_record import GateResult

LAYERS = ("bronze", "dims", "silver", "enriched", "gold")

_SEVERITY = {"fail": 0, "warn": 1, "pass": 2}


@dataclass(frozen=True)
class LayerGates:
    """The checks of one layer: breaches (worst first), then passes, each in the order given."""

    layer: str
    breaches: tuple[GateResult, ...]
    passes: tuple[GateResult, ...]

    @property
    def total(self) -> int:
        return len(self.breaches) + len(self.passes)

    @property
    def failed(self) -> int:
        return sum(gate.status == "fail" for gate in self.breaches)

    @property
    def warned(self) -> int:
        return len(self.breaches) - self.failed


def layer_position(layer: str) -> tuple[int, str]:
    """A sort key: the layers in the order of the flow, unknown ones after them by name."""
    return (LAYERS.index(layer), "") if layer in LAYERS else (len(LAYERS), layer)


def worst_first(gates: Iterable[GateResult]) -> tuple[GateResult, ...]:
    """Fails, then warnings, then passes; within each by layer, then in the order given."""
    return tuple(sorted(gates, key=lambda g: (_SEVERITY[g.status], layer_position(g.layer))))


def breaches(gates: Iterable[GateResult]) -> tuple[GateResult, ...]:
    """Every check that did not pass, worst first."""
    return worst_first(gate for gate in gates if gate.status != "pass")


def by_layer(gates: Iterable[GateResult]) -> tuple[LayerGates, ...]:
    """The checks of each layer that has any, layers in the order of the flow."""
    ordered = worst_first(gates)
    return tuple(
        LayerGates(
            layer=layer,
            breaches=tuple(g for g in ordered if g.layer == layer and g.status != "pass"),
            passes=tuple(g for g in ordered if g.layer == layer and g.status == "pass"),
        )
        for layer in sorted({gate.layer for gate in ordered}, key=layer_position)
    )


def tally(gates: Iterable[GateResult]) -> str:
    """The counts in words: `118 passed, 2 warned, 1 failed`; zeros are left out."""
    statuses: list[str] = [gate.status for gate in gates]
    words = (("fail", "failed"), ("warn", "warned"), ("pass", "passed"))
    parts = [f"{statuses.count(s):,} {word}" for s, word in words if s in statuses]
    return ", ".join(parts) or "none ran"
