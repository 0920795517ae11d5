"""The bound on all results of one message together. Sixty results of 100,000 characters are 1.5 million tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agentloop.messages import Block
from agentloop.tool_output import ToolOutput

MAX_DATA = 20_000_000
"""Characters of images and documents, in base64, in one message. A request may have 32 MB."""


def bounded(outputs: Sequence[ToolOutput], characters: int) -> list[ToolOutput]:
    """The outputs with so many characters of text together: the longest are cut, to the same length, with a notice.

    Images and documents beyond `MAX_DATA` are replaced by a text that says so.
    """
    lengths = [sum(len(block.get("text", "")) for block in output.content) for output in outputs]
    limit = _limit(lengths, characters)
    space = MAX_DATA
    found = []
    for output in outputs:
        blocks = []
        for block in output.content:
            size = _data(block)
            space -= size
            is_too_much = size > 0 and space < 0
            blocks.append(_left_out(block) if is_too_much else block)
        fitting = output if tuple(blocks) == output.content else replace(output, content=tuple(blocks))
        found.append(fitting.cut_to(limit))
    return found


def _limit(lengths: Sequence[int], total: int) -> int:
    """The length such that all texts, each cut to it, have `total` characters at most."""
    left = total
    waiting = sorted(lengths)
    for number, length in enumerate(waiting):
        share = left // (len(waiting) - number)
        if length > share:
            return share
        left -= length
    return max(waiting, default=0)


def _data(block: Block) -> int:
    source = block.get("source")
    data = source.get("data") if isinstance(source, dict) else None
    return len(data) if isinstance(data, str) else 0


def _left_out(block: Block) -> Block:
    return {
        "type": "text",
        "text": f"[{block['type']} left out: the results of one message may have {MAX_DATA:,} characters of data.]",
    }
