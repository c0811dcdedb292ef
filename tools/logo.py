#!/usr/bin/env python3
"""Draw the book's logo: a spiral, the recurrent loop, that unrolls into a row of steps."""

from math import cos, pi, sin
from pathlib import Path

TURNS, SPACING, STEPS = 1.75, 5.2, 3
LOOP, STEP = "#0072b2", "#d55e00"


def spiral(x: float, y: float) -> str:
    """An SVG path that winds outward around (x, y) and leaves to the right along the bottom."""
    points = []
    end = 2 * pi * TURNS
    for i in range(121):
        angle = end * i / 120
        radius = 2 + SPACING * angle / (2 * pi)
        # It ends below the center, moving right (the y axis points down).
        turn = end - angle + pi / 2
        points.append(f"{x + radius * cos(turn):.1f},{y + radius * sin(turn):.1f}")
    return "M" + " L".join(points)


def draw() -> str:
    """The logo as SVG text."""
    x, y = 15.0, 20.0
    ground = y + 2 + SPACING * TURNS
    stops = [34 + 15 * i for i in range(STEPS)]
    circles = "".join(
        f'<circle cx="{stop}" cy="{ground:.1f}" r="4.2" fill="{STEP}"/>'
        for stop in stops
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="3 7 68 29" width="68" height="29">'
        f'<path d="{spiral(x, y)} L{stops[-1]},{ground:.1f}" fill="none" stroke="{LOOP}" '
        f'stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>{circles}</svg>\n'
    )


if __name__ == "__main__":
    target = Path(__file__).parents[1] / "book" / "_static" / "logo.svg"
    target.write_text(draw(), encoding="utf-8")
