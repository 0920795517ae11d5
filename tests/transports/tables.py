"""The tables of docs/cancel-and-shutdown.md, made of what the tests have measured."""

import os
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs" / "cancel-and-shutdown.md"

_cells: dict[str, dict[str, dict[str, float]]] = {}


def record(table: str, row: str, column: str, seconds: float) -> None:
    """Note a cell; of several measurements the slowest counts."""
    cells = _cells.setdefault(table, {}).setdefault(row, {})
    cells[column] = max(seconds, cells.get(column, 0.0))


def write() -> None:
    """Put the tables in the page, each between its markers, if `WRITE_TABLES` is set."""
    if not os.environ.get("WRITE_TABLES"):
        return
    page = PAGE.read_text(encoding="utf-8")
    for table, rows in _cells.items():
        begin, end = f"<!-- {table} -->\n", f"<!-- end of {table} -->"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        assert tail, f"{PAGE} has no place for the table {table!r}"
        page = f"{head}{begin}{_table(rows)}{end}{tail}"
    PAGE.write_text(page, encoding="utf-8")


def _table(rows: dict[str, dict[str, float]]) -> str:
    columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[row, *(_cell(cells.get(column)) for column in columns)] for row, cells in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(seconds: float | None) -> str:
    return "-" if seconds is None else f"yes, {seconds * 1000:.0f} ms"
