"""Hostile text takes little time, and so do ordinary turns; processor time, so that a busy machine changes little."""

import statistics
import subprocess
import sys
import time
from typing import Any

import pytest

from offline_model.answering import answer
from offline_model.reading import read
from orchestrator_client.cli import DEMO

MOST_MS = 1_000
"""Ten times what is promised: docs/offline-model.md has what was measured."""

HOSTILE = {
    "10 MB of words": "word " * 2_000_000,
    "10 MB of digits": "7" * 10_000_000,
    "10 MB of parentheses": "(" * 10_000_000,
    "a long word": "a" * 4_990,
    "a long number": "1" * 4_990,
    "many numbers": "1 " * 2_490,
    "nested parentheses": "(" * 2_490 + ")" * 2_490,
    "nested parentheses that are closed": "(" * 50 + "1" + ")" * 50 + "+1" * 900,
    "minus signs": "-" * 1_990,
    "prices": ("3 shirts at $12.50 each, " * 400)[:4_990],
    "colons": "a: " * 1_660,
    "labels": ("Ab Cd Ef: " * 990)[:4_990],
    "number words": ("twenty " * 1_400)[:4_990],
    "hundreds": ("a hundred " * 990)[:4_990],
    "places": ("at the shop i " * 700)[:4_990],
    "dashes": ("x - " * 2_400)[:4_990],
    "newlines": "a\n" * 2_490,
    "pipes": "|" * 4_990,
    "a table": ("a|b|c|price\n" * 800)[:4_990],
    "halves": ("half of " * 1_240)[:1_990],
    "sums": ("sum of 1 and " * 150)[:1_990],
    "an equation": "x+" * 990 + "1=2",
    "pieces": ("salt and pepper " * 620)[:4_990],
    "phone numbers": ("+1 234 567 " * 900)[:4_990],
    "names": "In The A B C D, " * 300,
    "items without prices": "2 ab at $1 each, " + "cd, " * 590,
    "addresses": ("12 Ab Cd " * 1_100)[:4_990],
}


def turn(text: str, kit: Any) -> tuple[dict[str, Any], float]:
    read.cache_clear()
    body = {"model": "any", "messages": [{"role": "user", "content": text}], "tools": [kit.agent_tool]}
    before = time.process_time()
    message = answer(body)
    return message, (time.process_time() - before) * 1_000


@pytest.mark.requirement("offline-hostile")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_done_with_soon(kit: Any, name: str) -> None:
    message, milliseconds = turn(HOSTILE[name], kit)
    assert milliseconds < MOST_MS
    assert len(message["content"][0].get("text", "")) < 1_000


@pytest.mark.requirement("offline-hostile")
def test_characters_that_mean_something_inside_are_declined(kit: Any) -> None:
    for character in ("\ue000", "\uf100", "\x00"):
        message, _ = turn(f"3 shirts at $2 each{character}", kit)
        assert message["stop_reason"] == "refusal"


@pytest.mark.requirement("offline-turn-time")
def test_turns_take_little_time(kit: Any) -> None:
    texts = [DEMO, "15% of 80", "3x + 7 = 31", "no numbers at all", "At A I bought 3 pens at $2 each. Total?"]
    assert statistics.median(turn(text, kit)[1] for text in texts * 5) < 10


@pytest.mark.slow  # a process of its own
@pytest.mark.requirement("offline-turn-time")
def test_the_first_turn_of_a_process_takes_little_time(kit: Any) -> None:
    program = f"""
import time
from offline_model.choice import offline_client
offline_client()
from offline_model.answering import answer
body = {{"model": "any", "messages": [{{"role": "user", "content": {DEMO!r}}}], "tools": [{kit.agent_tool!r}]}}
before = time.process_time()
answer(body)
print((time.process_time() - before) * 1_000)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=50)
    assert float(done.stdout) < 50 * 4
