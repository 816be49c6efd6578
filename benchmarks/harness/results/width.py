"""Fits text to the width of the terminal."""

import shutil
import textwrap
from collections.abc import Sequence
from typing import Any

OFF_TERMINAL = 100


def width() -> int:
    """The number of columns: `$COLUMNS` if set, else the terminal's; 100 for a file or a pipe."""
    return max(40, shutil.get_terminal_size((OFF_TERMINAL, 24)).columns)


def folded(text: str, width: int | None) -> str:
    """Break a paragraph into lines of at most `width` characters; None leaves it unchanged."""
    return text if width is None else textwrap.fill(text, width, break_on_hyphens=False)


def column_groups(
    headers: Sequence[Any], rows: Sequence[Sequence[Any]], width: int
) -> list[list[int]]:
    """Divide a table's columns into parts that fit; every part includes the first column."""
    sizes = [
        max(len(line) for cell in column for line in f"{cell}".split("\n"))
        for column in zip(headers, *rows, strict=True)
    ]
    parts: list[list[int]] = [[0]]
    for column in range(1, len(sizes)):
        taken = sum(sizes[c] + 2 for c in parts[-1]) + sizes[column]
        if taken > width and len(parts[-1]) > 1:
            parts.append([0])
        parts[-1].append(column)
    return parts
