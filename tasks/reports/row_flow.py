"""Where the rows of bronze went, and the shape of the picture that shows it.

Belongs here: the accounting of each silver table and its totals, and the geometry of the flow
picture (pixels down, hundredths of the width across). Does not belong here: SVG text, which the
template writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.contracts.run_record import RunRecord

QUARANTINE_SUFFIX = "_quarantine"

# Of the picture, in pixels: enough for two lines of text beside the thinnest node.
_ROWS_HEIGHT = 260.0
_SLOT = 36.0
_GAP = 8.0
_RIGHT_SLOT = 64.0
_THINNEST = 1.5
_TOP = 28.0


@dataclass(frozen=True)
class TableFlow:
    """One silver table: its rows in bronze and what became of them."""

    table: str
    bronze: int
    silver: int
    quarantined: int
    superseded: int

    @property
    def unexplained(self) -> int:
        """Rows that the accounting lost (positive) or made up (negative); 0 when it holds."""
        return self.bronze - self.silver - self.quarantined - self.superseded

    @property
    def quarantine_rate(self) -> float | None:
        return self.quarantined / self.bronze if self.bronze else None


@dataclass(frozen=True)
class Ribbon:
    """The rows of one table that went one way; `path` is SVG path data, 100 wide."""

    table: str
    to: str
    rows: int
    path: str


@dataclass(frozen=True)
class Node:
    """A bar at either side of the picture; `top` and `height` in pixels."""

    name: str
    rows: int
    top: float
    height: float

    @property
    def middle(self) -> float:
        return round(self.top + self.height / 2, 2)


@dataclass(frozen=True)
class FlowPicture:
    """All that the template needs: bronze at the left, destinations at the right."""

    height: float
    sources: tuple[Node, ...]
    targets: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]


def bare_name(table: str) -> str:
    """`silver.orders` is `orders`; a name without a layer stays as it is."""
    return table.split(".", 1)[-1]


def table_flows(record: RunRecord) -> tuple[TableFlow, ...]:
    """The silver tables whose bronze rows are known, in the order of the record."""
    return tuple(
        TableFlow(
            table=bare_name(table.table),
            bronze=table.rows_in,
            silver=table.rows_out + (table.rows_merged or 0),
            quarantined=table.quarantined or 0,
            superseded=table.superseded or 0,
        )
        for table in record.tables
        if table.layer == "silver"
        and table.rows_in is not None
        and not table.table.endswith(QUARANTINE_SUFFIX)
    )


def total_flow(flows: Sequence[TableFlow]) -> TableFlow:
    """The sums over all tables."""
    return TableFlow(
        table="all tables",
        bronze=sum(flow.bronze for flow in flows),
        silver=sum(flow.silver for flow in flows),
        quarantined=sum(flow.quarantined for flow in flows),
        superseded=sum(flow.superseded for flow in flows),
    )


def flow_picture(flows: Sequence[TableFlow]) -> FlowPicture | None:
    """The picture, largest table first, or None when there is no row to draw.

    Widths are proportional to rows, but never thinner than can be seen; the true number stands in
    `rows` of every ribbon and node.
    """
    drawn = sorted((f for f in flows if f.bronze > 0), key=lambda f: (-f.bronze, f.table))
    if not drawn:
        return None
    scale = _ROWS_HEIGHT / sum(flow.bronze for flow in drawn)

    def thickness(rows: int) -> float:
        return max(_THINNEST, rows * scale) if rows > 0 else 0.0

    parts = {flow.table: _destinations(flow) for flow in drawn}
    names = ("silver", "superseded", "quarantined", "unexplained")
    heights = {n: sum(thickness(parts[f.table][n]) for f in drawn) for n in names}
    # The three ways are always shown, so that "none" is seen too; a loss only when there is one.
    shown = [n for n in names if n != "unexplained" or heights[n]]

    left = [sum(thickness(rows) for rows in parts[f.table].values()) for f in drawn]
    left_slots = [max(_SLOT, height) for height in left]
    right_slots = [max(_RIGHT_SLOT, heights[name]) for name in shown]
    inner = max(
        sum(left_slots) + _GAP * (len(left_slots) - 1),
        sum(right_slots) + _GAP * (len(right_slots) - 1),
    )
    left_tops = _stacked(left, left_slots, inner)
    right_tops = _stacked([heights[n] for n in shown], right_slots, inner)

    targets = tuple(
        Node(name, sum(parts[f.table][name] for f in drawn), top, round(heights[name], 2))
        for name, top in zip(shown, right_tops, strict=True)
    )
    sources = tuple(
        Node(flow.table, flow.bronze, top, round(height, 2))
        for flow, top, height in zip(drawn, left_tops, left, strict=True)
    )
    arrival = {node.name: node.top for node in targets}
    ribbons = []
    for source in sources:
        departure = source.top
        for name in shown:
            rows = parts[source.name][name]
            if rows <= 0:
                continue
            thick = thickness(rows)
            path = _ribbon_path(departure, arrival[name], thick)
            ribbons.append(Ribbon(source.name, name, rows, path))
            departure += thick
            arrival[name] += thick
    return FlowPicture(round(inner + _TOP + _GAP, 2), sources, targets, tuple(ribbons))


def _destinations(flow: TableFlow) -> dict[str, int]:
    return {
        "silver": flow.silver,
        "superseded": flow.superseded,
        "quarantined": flow.quarantined,
        "unexplained": max(0, flow.unexplained),
    }


def _stacked(heights: Sequence[float], slots: Sequence[float], inner: float) -> list[float]:
    """Tops of bars that stand in the middle of their slots, spread over the whole height."""
    spare = inner - sum(slots)
    gap = spare / (len(slots) - 1) if len(slots) > 1 else 0.0
    offset = spare / 2 if len(slots) == 1 else 0.0
    tops = []
    position = _TOP + offset
    for height, slot in zip(heights, slots, strict=True):
        tops.append(round(position + (slot - height) / 2, 2))
        position += slot + gap
    return tops


def _ribbon_path(start: float, end: float, thick: float) -> str:
    a, b, c, d = (round(v, 2) for v in (start, end, start + thick, end + thick))
    return f"M0 {a}C50 {a} 50 {b} 100 {b}V{d}C50 {d} 50 {c} 0 {c}Z"
