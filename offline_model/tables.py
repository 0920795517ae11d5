"""Tables in a text (markdown, pipes, tabs, CSV with a header) -> a line for each row, and the part it belongs to."""

import csv
import re
from collections.abc import Sequence
from fractions import Fraction

from offline_model.numbers import figures
from offline_model.problem import Unread

_COLUMNS = (  # the words of a heading -> what the column holds; the first that fits
    (r"unit ?price|price ?(?:each|per|/)|unit ?cost|cost ?(?:each|per|/)|^price|^rate|each|\bprice$", "price"),
    (r"line ?total|^total|amount|sub ?total|ext", "total"),
    (r"^cost\b", "cost"),
    (r"qty|quantity|^units?$|count|how many|^no\.?$|^#$|number|pcs|pieces|hours|nights|days", "quantity"),
    (r"item|product|description|name|what|article|goods|service", "item"),
    (
        r"store|shop|vendor|supplier|place|trip|month|department|dept|market|retailer|person|who|where|site|category",
        "part",
    ),
    (r"day|week|seller|team|location|city|event|project|quarter|room", "part"),
)
_BESIDE = re.compile(r"\b(?:date|sku|id|size|code|ref|notes?|when|barcode|year|weight|#)\b|^$", re.IGNORECASE)


def take_tables(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text without its tables, and for each row its part and the row as a line: "4 x towels @ $3.50"."""
    lines = text.split("\n")
    rows: list[tuple[str, str]] = []
    at = 0
    while at < len(lines):
        end = at + 1
        separators = [
            each for each, least in (("|", 2), ("\t", 1), (",", 2), (";", 2)) if lines[at].count(each) >= least
        ]
        if separators and not re.search(r"\d", lines[at]):
            while end < len(lines) and lines[end].count(separators[0]) >= lines[at].count(separators[0]) - 2:
                end += 1
        found = _rows([line for line in lines[at:end] if re.search(r"\w", line)], separators[0]) if end > at + 1 else []
        if found:
            rows += found
            lines[at:end] = [""] * (end - at)
        at = end if found else at + 1
    return "\n".join(lines), rows


def _rows(lines: Sequence[str], separator: str) -> list[tuple[str, str]]:
    """Empty if the first line is no header that is understood."""
    cells = [[cell.strip(" *") for cell in _split(line, separator)] for line in lines]
    titles, body = cells[0], cells[1:]
    header = [next((kind for pattern, kind in _COLUMNS if re.search(pattern, _plain(cell))), "") for cell in titles]
    if header.count("quantity") > 1 and "price" not in header:
        header = ["price" if _plain(title) == "unit" else kind for title, kind in zip(titles, header, strict=True)]
    known = [column for column in header if column]
    if not {"price", "total", "cost"} & set(known) or len(known) != len(set(known)):
        return []
    if any(len(row) != len(header) for row in body):
        return []
    for at, title in enumerate(titles):
        figures_in = [row[at] for row in body if re.search(r"\d", row[at])]
        if not header[at] and figures_in and not _BESIDE.search(title):
            if "price" not in header or "quantity" in header or not all(re.fullmatch(r"\d+", row[at]) for row in body):
                raise Unread(f'the column "{title}"')
            header[at] = "quantity"
    return [_line(dict(zip(header, row, strict=True)), line) for row, line in zip(body, lines[1:], strict=True)]


def _split(line: str, separator: str) -> list[str]:
    if separator == "|":
        return line.strip().strip("|").split("|")
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True))


def _plain(cell: str) -> str:
    return cell.lower().replace("_", " ").strip()


def _line(row: dict[str, str], line: str) -> tuple[str, str]:
    column = next(name for name in ("price", "total", "cost") if name in row)
    quantity, amount = row.get("quantity", ""), row[column]
    numbers = [figures(re.sub(r"[^\d.,]", "", row[name])) for name in ("quantity", "price", "total") if name in row]
    if (
        None in numbers
        or not re.search(r"\d", amount)
        or ("quantity" in row and not re.fullmatch(r"[\d.,]+", quantity))
    ):
        raise Unread(f'a number in "{line.strip()}"')
    if column == "cost" and quantity not in {"", "1"}:
        raise Unread(f'whether the cost in "{line.strip()}" is for one or for all')
    if {"quantity", "price", "total"} <= set(row):
        count, price, total = (Fraction(each or 0) for each in numbers)
        if count * price != total:
            raise Unread(f'the total in "{line.strip()}"')
    item = re.sub(r"[(),;:@=|]| - ", " ", row.get("item", ""))
    if quantity and column == "price":
        return row.get("part", ""), f"{quantity} x {item} @ {amount}"
    if re.match(r"\s*(?:sub|grand)?\s*total\b", line.strip("| "), re.IGNORECASE):
        raise Unread(f'"{line.strip()}"')
    return row.get("part", ""), f"1 x {item} @ {amount}"
