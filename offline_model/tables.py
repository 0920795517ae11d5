"""Tables in a text: markdown, pipes, tabs and CSV with a header -> rows of cells under known headings."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from offline_model.problem import Unread

_COLUMNS = (
    # the words of a heading -> what the column holds; the first that fits
    (r"unit\s?price|price\s?(?:each|per|/)|unit\s?cost|cost\s?(?:each|per|/)|^price|^rate|each|\bprice$", "price"),
    (r"line\s?total|^total|amount|sub\s?total|ext", "total"),
    (r"^cost$|^cost\W", "cost"),
    (r"qty|quantity|^units?$|count|how many|^no\.?$|^#$|number|pcs|pieces|hours|nights|days", "quantity"),
    (r"item|product|description|name|what|article|goods|service", "item"),
    (
        r"store|shop|vendor|supplier|place|trip|month|department|dept|market|retailer|person|who|where|site|category|day|week|seller|team|location|city|event|project|quarter|room",
        "part",
    ),
)

_BESIDE = re.compile(r"\b(?:date|sku|id|size|code|ref|notes?|when|barcode|year|weight|#)\b|^$", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    cells: dict[str, str]
    written: str


def take_tables(text: str) -> tuple[str, list[Row]]:
    """The text without its tables, and their rows."""
    lines = text.split("\n")
    rows: list[Row] = []
    at = 0
    while at < len(lines):
        block = _block(lines, at)
        found = _rows(block) if len(block) > 1 else []
        if found:
            rows += found
            lines[at : at + len(block)] = [""] * len(block)
        at += len(block) if found else 1
    return "\n".join(lines), rows


def _block(lines: Sequence[str], at: int) -> list[str]:
    """The lines from here on that have the separator of the first."""
    first = lines[at]
    for separator, least in (("|", 2), ("\t", 1), (",", 2), (";", 2)):
        if first.count(separator) >= least and not re.search(r"\d", first):
            end = at + 1
            while end < len(lines) and lines[end].count(separator) >= least:
                end += 1
            return list(lines[at:end])
    return [first]


def _rows(block: Sequence[str]) -> list[Row]:
    """Empty if the first line is no header that is understood."""
    cells = [_cells(line) for line in block]
    header = [_column(cell) for cell in cells[0]]
    if "price" not in header and "total" not in header and "cost" not in header:
        return []
    known = [column for column in header if column]
    if len(known) != len(set(known)):
        return []
    body = [(row, line) for row, line in zip(cells[1:], block[1:], strict=True) if not _is_rule(line)]
    if any(len(row) != len(header) for row, _ in body):
        return []
    for at, name in enumerate(header):
        counts = (
            {"price"} <= set(header)
            and "quantity" not in header
            and all(re.fullmatch(r"\d+", row[at]) for row, _ in body)
        )
        if not name and counts and not _BESIDE.search(cells[0][at]):
            header[at] = name = "quantity"
        strange = not name and any(re.search(r"\d", row[at]) for row, _ in body)
        if strange and not _BESIDE.search(cells[0][at]):
            raise Unread(f'the column "{cells[0][at]}"')
    return [Row({name: cell for name, cell in zip(header, row, strict=True) if name}, line) for row, line in body]


def _is_rule(line: str) -> bool:
    return not re.search(r"\w", line)


def _cells(line: str) -> list[str]:
    if "|" in line:
        return [cell.strip(" *") for cell in line.strip().strip("|").split("|")]
    separator = "\t" if "\t" in line else ";" if line.count(";") > line.count(",") else ","
    return [cell.strip(" *") for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]


def _column(cell: str) -> str:
    heading = cell.lower().replace("_", " ").strip()
    return next((kind for pattern, kind in _COLUMNS if re.search(pattern, heading)), "")
