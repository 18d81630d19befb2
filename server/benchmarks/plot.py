"""Lines over logarithmic axes as an SVG text, so that a plot needs nothing but this file."""

# ruff: noqa: INP001 - a module of the scripts beside it

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 440, 70, 150, 40, 50
COLOURS = ("#0b6e99", "#c9542c", "#4a7c3a", "#7a4b94")
STYLE = "font-family='sans-serif' font-size='13' fill='#333'"

Line = Sequence[tuple[float, float]]


def _decades(values: Iterable[float]) -> tuple[int, int]:
    """The powers of ten around the values."""
    found = list(values)
    low, high = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    return low, max(high, low + 1)


def plot(title: str, x_title: str, y_title: str, lines: Mapping[str, Line]) -> str:
    """The picture of lines by their names; all coordinates are above zero."""
    x_low, x_high = _decades(x for line in lines.values() for x, _ in line)
    y_low, y_high = _decades(y for line in lines.values() for _, y in line)

    def across(x: float) -> float:
        return LEFT + (math.log10(x) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def up(y: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(y) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    middle = (TOP + bottom) // 2
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}'>",
        f"<rect width='{WIDTH}' height='{HEIGHT}' fill='white'/>",
        f"<text x='{LEFT}' y='24' {STYLE} font-weight='bold'>{title}</text>",
        f"<text x='{(LEFT + right) / 2:.0f}' y='{HEIGHT - 10}' text-anchor='middle' {STYLE}>{x_title}</text>",
        f"<text x='18' y='{middle}' text-anchor='middle' {STYLE} transform='rotate(-90 18 {middle})'>{y_title}</text>",
    ]
    for power in range(x_low, x_high + 1):
        x = across(10**power)
        parts.append(f"<line x1='{x:.1f}' y1='{TOP}' x2='{x:.1f}' y2='{bottom}' stroke='#ddd'/>")
        parts.append(f"<text x='{x:.1f}' y='{bottom + 18}' text-anchor='middle' {STYLE}>{10**power:,g}</text>")
    for power in range(y_low, y_high + 1):
        y = up(10**power)
        parts.append(f"<line x1='{LEFT}' y1='{y:.1f}' x2='{right}' y2='{y:.1f}' stroke='#ddd'/>")
        parts.append(f"<text x='{LEFT - 8}' y='{y + 4:.1f}' text-anchor='end' {STYLE}>{10**power:,g}</text>")
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in line)
        parts.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{across(x):.1f}' cy='{up(y):.1f}' r='3' fill='{colour}'/>" for x, y in line]
        y = TOP + 20 + 22 * number
        parts.append(f"<line x1='{right + 12}' y1='{y}' x2='{right + 36}' y2='{y}' stroke='{colour}' stroke-width='2'/>")
        parts.append(f"<text x='{right + 42}' y='{y + 4}' {STYLE}>{name}</text>")
    return "\n".join([*parts, "</svg>", ""])
