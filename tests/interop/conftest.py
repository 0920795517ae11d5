"""One row of the table for each test, printed at the end and written to docs/interop.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conformance import scenarios_text

HEAD = ("client", "transport", "revision", "called", "result")
DOCUMENT = Path(__file__).resolve().parents[2] / "docs/interop.md"
INTRODUCTION = """\
# Interoperability

Real clients against the real server, as `make interop` ran them last; it writes this file. HTTP is streamable HTTP.
The agent's model is the offline one. A result tells what the client got: the number of tools, the product of 4 and
9.75, and the agent's answer to the same question.

"""

SERVERS = """\
## Servers of others

Servers from the registries, and one of ours on FastMCP, with `orchestrator-client` between them and a scripted model.
What the model got was compared with what the official client got of the same calls: names, descriptions and arguments
of tools, texts, pixels of images, documents, saved files, links and structured content.

"""
SERVER_HEAD = ("server", *HEAD[1:])

Row = tuple[str, str, str, str]
Begin = Callable[[str, str, str, str], Callable[[str], None]]

_rows: dict[str, tuple[Row, str]] = {}


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> Begin:
    """What begins the row of a test, and gives what then tells the result."""

    def begin(client: str, transport: str, revision: str, called: str) -> Callable[[str], None]:
        record_property("row", (client, transport, revision, called))
        return lambda result: record_property("result", result)

    return begin


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties: dict[str, Any] = dict(report.user_properties)
    if report.when == "call" and "row" in properties:
        _rows[report.nodeid] = (properties["row"], _result(report, properties))


def _result(report: pytest.TestReport, properties: dict[str, Any]) -> str:
    if report.passed:
        return f"ok: {properties.get('result', '')}".rstrip(": ")
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return f"skipped: {reason.removeprefix('Skipped: ')}"
    return "FAILED"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = [HEAD, *sorted((*row, result) for row, result in _rows.values())]
    if len(table) == 1:
        return
    widths = [max(len(line[column]) for line in table) for column in range(len(HEAD))]
    terminalreporter.section("interoperability")
    for line in table:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    terminalreporter.write_line("docs/interop.md says which scenarios these are, and which do not apply and why.")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Only a run of everything is worth writing down."""
    if len(_rows) < session.testscollected or session.testscollected == 0 or not _is_whole(session):
        return
    servers = {name: row for name, row in _rows.items() if "test_servers.py" in name}
    clients = [row for name, row in _rows.items() if name not in servers]
    text = INTRODUCTION + _table(HEAD, clients) + SERVERS + _table(SERVER_HEAD, servers.values())
    DOCUMENT.write_text(text + "\n".join(scenarios_text()) + "\n", encoding="utf-8")


def _table(head: tuple[str, ...], rows: Iterable[tuple[Row, str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    lines += [f"| {' | '.join((*row, result))} |" for row, result in sorted(rows)]
    return "\n".join(lines) + "\n\n"


def _is_whole(session: pytest.Session) -> bool:
    arguments = [Path(argument).resolve() for argument in session.config.args]
    return arguments == [Path(__file__).resolve().parent] and not session.config.option.keyword
