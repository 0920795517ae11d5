"""The outcome of a question, for the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentloop import AgentError, ApiUnreachable, ModelError
from agentloop.command_line import json_for_stdout, print_result, say
from agentloop.narration import escaped, printable
from orchestrator_client.report import Report

RESULT_SHOWN = 2_000
"""Characters of each result that are printed when there is no answer."""
NO_ACCESS = {401, 403}
"""HTTP statuses of wrong credentials."""


def is_ok(report: Report, policy: str) -> bool:
    """Whether the run succeeded under the `--policy`."""
    if policy == "best-effort":
        return report.answer is not None or bool(report.finished)
    return report.answer is not None and not report.failed


def print_answer(report: Report, policy: str, show: Callable[[str], None]) -> None:
    """Write the answer to stdout. `show` receives one line for each failed part and for the error, each reason once."""
    if report.answer is not None:
        print_result(printable(report.answer))
    reported = f"{report.answer} {report.error}"
    for part in report.failed:
        if part.result not in reported:
            show(f"failed: {part.tool}({part.arguments}): {part.result}")
    if report.error is None:
        return
    for part in report.finished:
        text = f"{part.tool}({part.arguments}):\n{_beginning(part.result)}"
        (print_result if policy == "best-effort" else say)(printable(text))
    for line in f"no answer: {report.error}".splitlines():
        show(line)


def _beginning(result: str) -> str:
    left = len(result) - RESULT_SHOWN
    return result if left <= 0 else f"{result[:RESULT_SHOWN]} ... [{left:,} more characters; --json prints all]"


def printable_json(value: Any) -> str:
    """JSON with every unprintable character escaped; JSON itself requires that only below 0x20."""
    return escaped(json_for_stdout(value))


def advice(error: AgentError) -> str:
    """A sentence to append to the error, which says what to do about it; often empty."""
    if isinstance(error, ApiUnreachable):
        return " Check the network or proxy, or use --offline."
    refused = isinstance(error, ModelError) and error.status in NO_ACCESS
    return " (check ANTHROPIC_API_KEY, or use --offline)" if refused else ""
