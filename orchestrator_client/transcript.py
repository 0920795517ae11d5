"""The questions and answers of a chat, and their cost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from agentloop import Conversation, Usage
from agentloop.narration import clip, printable
from agentloop.usage import usd_to_json
from orchestrator_client.report import Report


@dataclass
class Transcript:
    """The questions of a chat in order, each with the report of its run, including failed and stopped runs."""

    exchanges: list[tuple[str, Report]] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        return sum((report.usage for _, report in self.exchanges), Usage())

    @property
    def claims(self) -> Usage:
        """The part of the cost that untrusted servers claim."""
        return sum((report.claims for _, report in self.exchanges), Usage())

    def add(self, question: str, report: Report) -> None:
        self.exchanges.append((question, report))

    def to_markdown(self) -> str:
        """The chat as a document for people."""
        return "\n".join(["# Conversation", "", *(line for each in self.exchanges for line in _markdown(*each))])

    def to_json(self, conversation: Conversation) -> str:
        """For programs: the messages of the current conversation, as the Messages API has them, and all usage."""
        value = {
            "messages": conversation.messages,
            "usage": self.usage.to_json(),
            "usd": usd_to_json(self.usage.usd),
        }
        return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"


def usage_lines(usage: Usage, claims: Usage) -> Iterator[str]:
    """A line for each model, their sum if there are several, and a line for claimed usage if there is any."""
    if not usage:
        yield "Nothing has been used yet."
    for model, used in usage.by_model.items():
        tokens = f"{used.prompt_tokens:,} tokens in, {used.output_tokens:,} out"
        yield f"{clip(model, 80)}: {used.requests} requests, {tokens}, {_usd(used.usd)}"
    if len(usage.by_model) > 1:
        yield f"total: {usage.requests} requests, {usage.tokens:,} tokens, {_usd(usage.usd)}"
    if claims:
        about = f"{claims.requests} requests, {claims.tokens:,} tokens, {_usd(claims.usd)}"
        yield f"claimed by untrusted servers: {about}"


def _usd(amount: Decimal | None) -> str:
    return "cost not known" if amount is None else f"${amount:,.4f}"


def _markdown(question: str, report: Report) -> Sequence[str]:
    parts = [f"* {each.tool}({each.arguments}), by {each.served_by}: {each.result}" for each in report.delegations]
    outcome = report.answer if report.answer is not None else f"(no answer: {report.error})"
    return [f"## {printable(question)}", "", *map(printable, parts), "", printable(outcome), ""]
