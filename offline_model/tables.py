"""Tables in a text (markdown, pipes, tabs, CSV, aligned columns) -> for each row its part and a line to read."""

import csv
import re
from collections.abc import Sequence
from fractions import Fraction

from offline_model.layout import name_of
from offline_model.numbers import figures
from offline_model.problem import Unread

_COLUMNS = (  # the words of a heading -> what the column holds; the first that fits
    (
        (
            r"unit ?(?:price|cost|usd|eur|gbp)|(?:price|cost) ?(?:each|per|/)|(?:[$€£]|eur|usd|gbp|chf)? ?(?:/"
            r"|\bper\b) ?\w+"
        ),
        "price",
    ),
    (r"^price|^rate|each|\bprice$|^(?:einzel|stück)?(?:preis|prijs)|^prix|^precio", "price"),
    (r"line ?total|^total|amount|sub ?total|ext", "total"),
    (r"cost cent(?:re|er)", "part"),
    (r"^cost\b", "cost"),
    (
        (
            r"qty|quantity|^units?$|count|copies|how many|^no\.?$|^#$|number|pcs|pieces|hours|nights|days|menge|anzahl"
            r"|cantidad|aantal"
        ),
        "quantity",
    ),
    (r"item|^part\b|^line$|title|material|product|description|name|what|arti[ck]\w+|goods|service", "item"),
    (
        (
            r"store|shop|vendor|supplier|place|trip|month|dep(?:artmen)?t|market|retailer|person|who|where|lieferant"
            r"|geschäft|laden"
        ),
        "part",
    ),
    (r"site|category|aisle|cent(?:re|er)|day|week|seller|team|location|city|event|project|quarter|room", "part"),
)
_BESIDE = re.compile(
    r"\b(?:po|invoice|date|sku|id|size|code|ref|notes?|when|barcode|year|weight|#)\b|^$", re.IGNORECASE
)
_SEPARATORS = (("|", r"\|", 2), ("\t", r"\t", 1), (",", ",", 2), (";", ";", 2), (" / ", " / ", 2), ("  ", r"\s{2,}", 2))

_LINE_TOTAL = re.compile(
    r"^(.*(?<![\w.])(\d+)\b[^\d\n]*@ ?[$£€]?(\d+\.\d\d)(?: ?(?:ea|each))?) +=? ?[$£€]?(\d+\.\d\d)$", re.MULTILINE
)


def take_tables(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text without its tables, and for each row its part and the row as a line: "4 x towels @ $3.50"."""
    lines = _LINE_TOTAL.sub(_without_total, text).split("\n")
    rows: list[tuple[str, str]] = []
    at = 0
    while at < len(lines):
        end = at + 1
        fits = [each for each in _SEPARATORS if len(re.findall(each[1], lines[at].strip())) >= each[2]]
        if fits and not re.search(r"\d", lines[at]):
            while end < len(lines) and _belongs(lines[end], fits[0][0], lines[at]):
                end += 1
        found = _rows([line for line in lines[at:end] if re.search(r"\w", line)], fits[0][0]) if end > at + 1 else []
        if found and (part := _heading(lines[:at])) and not any(each for each, _ in found):
            found = [(part, row) for _, row in found]
        rows += found
        lines[at:end] = [""] * (end - at) if found else lines[at:end]
        at = end if found else at + 1
    return "\n".join(lines), rows


def _without_total(line: re.Match[str]) -> str:
    """ "2 latte @ 4.95  9.90" without the total, if it is right."""
    return line[1] if Fraction(line[2]) * Fraction(line[3]) == Fraction(line[4]) else line[0]


def _heading(lines: Sequence[str]) -> str:
    """The name in a marked heading just before a table."""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    is_heading = last[:1] == "#" or last[:2] == "**" or last[-1:] == ":"
    return name_of(last) if is_heading and not re.search(r"[\d?]", last) else ""


def _belongs(line: str, separator: str, header: str) -> bool:
    cells = _split(line, separator)
    filled = [cell for cell in cells if re.search(r"\w", cell)]
    heading = len(filled) == 1 and re.fullmatch(r"[\W_]+[^\d?]+[\W_]+", line)
    return bool(heading) or (len(cells) >= len(_split(header, separator)) - 2 and len(cells) > 1)


def _rows(lines: Sequence[str], separator: str) -> list[tuple[str, str]]:
    """Empty if the first line is no header that is understood."""
    titles, *body = ([cell.strip(" *") for cell in _split(line, separator)] for line in lines)
    header = [next((kind for pattern, kind in _COLUMNS if re.search(pattern, _plain(cell))), "") for cell in titles]
    _settle(header, [_plain(title) for title in titles])
    unknown = [at for at, kind in enumerate(header) if not kind and not _BESIDE.search(titles[at])]
    full = [row for row in body if len(row) == len(header)]
    unknown = [at for at in unknown if all(re.search(r"[^\W\d_]{3}", row[at]) for row in full)]
    if "item" not in header and unknown:
        header[unknown[-1]] = "item"
    header = _with_part(header, titles, body)
    known = [column for column in header if column]
    if not {"price", "total", "cost"} & set(known) or len(known) != len(set(known)):
        return []
    if any(len(row) != len(header) and len([cell for cell in row if cell]) != 1 for row in body):
        return []
    for at, title in enumerate(titles):
        figures_in = [row[at] for row in full if re.search(r"\d", row[at])]
        if not header[at] and figures_in and not _BESIDE.search(title):
            raise Unread(f'the column "{title}"')
    part, rows = "", []
    for row, line in zip(body, lines[1:], strict=True):
        if len(row) == len(header):
            own, text = _line(dict(zip(header, row, strict=True)), line)
            rows.append((own or part, text))
        else:
            part = next(cell for cell in row if cell).strip(" -=#:*")
    return rows


def _settle(header: list[str], titles: Sequence[str]) -> None:
    """What columns hold whose titles mean one thing or another: "Unit", "Amount"."""
    for at, title in enumerate(titles):
        if title == "unit" and header.count("quantity") > 1:
            header[at] = "part" if "price" in header else "price"
        if not header[at] and re.search(rf"per {re.escape(title.removesuffix('s'))}$", " ".join(titles)):
            header[at] = "quantity"
        if title == "amount" and "price" in header and "quantity" not in header:
            header[at] = "quantity"


def _with_part(header: list[str], titles: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """The header; an unknown first column whose words come again is the part: "Printer | Job | Copies | Unit price"."""
    firsts = [row[0] for row in body if len(row) == len(header)]
    again = len(set(firsts)) < len(firsts) and all(re.search(r"[^\W\d_]", each) for each in firsts)
    if header[0] or "part" in header or not again or _BESIDE.search(titles[0]) or "item" not in header[1:]:
        return header
    return ["part", *header[1:]]


def _split(line: str, separator: str) -> list[str]:
    if len(separator) > 1:
        return re.split(r"\s{2,}" if separator == "  " else separator, line.strip())
    return next(csv.reader([line.strip().strip("|")], delimiter=separator, skipinitialspace=True), [""])


def _plain(cell: str) -> str:
    return cell.lower().replace("_", " ").strip()


def _line(row: dict[str, str], line: str) -> tuple[str, str]:
    column = next(name for name in ("price", "total", "cost") if name in row)
    quantity, amount = row.get("quantity", ""), row[column]
    numbers = [figures(re.sub(r"[^\d.,]", "", row[name])) for name in ("quantity", "price", "total") if name in row]
    counted = "quantity" not in row or re.fullmatch(r"[\d.,]+", quantity)
    if None in numbers or not re.search(r"\d", amount) or not counted:
        raise Unread(f'a number in "{line.strip()}"')
    if column == "cost" and quantity not in {"", "1"}:
        raise Unread(f'whether the cost in "{line.strip()}" is for one or for all')
    if {"quantity", "price", "total"} <= set(row):
        count, price, total = (Fraction(each or 0) for each in numbers)
        if count * price != total:
            raise Unread(f'the total in "{line.strip()}"')
    if re.match(r"\s*(?:sub|grand)?\s*total\b", line.strip("| "), re.IGNORECASE):
        raise Unread(f'"{line.strip()}"')
    item = re.sub(r"\S*\d\S*|[(),;:@=|]| - ", " ", row.get("item", ""))
    return row.get("part", ""), f"{quantity if quantity and column == 'price' else 1} x {item} @ {amount}"
