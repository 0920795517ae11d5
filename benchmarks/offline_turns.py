"""What a turn of the offline model costs in processor time: `python -m benchmarks.offline_turns`, on a quiet machine.

The first turn of a process, of several processes; every turn of every problem of the corpus; texts made to be slow.
"""

import json
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from typing import Any

from offline_model.reading import _read
from offline_model.score import converse, corpus, out_of_scope
from offline_model.service import respond

HEADERS = {"x-api-key": "any", "anthropic-version": "2023-06-01"}
PROMPT = {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}
AGENT = [{"name": "calculator_assistant_agent", "input_schema": PROMPT}]
IMPORT = "import time; t = time.process_time(); import offline_model.service; print((time.process_time() - t) * 1e3)"
PROCESSES = 5
REPEATS = 5
FIRST = {
    "a purchase": "3 shirts at $12.50 each and 2 hats at $8 each",
    "a calculation": "What is 2 + 3 * 4?",
    "an equation": "3x + 4 = 10",
    "a story": "Sam has 12 apples. He buys 8 more and eats 5. How many apples does he have?",
    "not read": "What is the capital of France?",
}
HOSTILE = {
    "10 MB of words": "Sam has 3 apples. " * 600_000,
    "10 MB of digits": "1" * 10_000_000,
    "10 MB of control characters": "\0" * 10_000_000,
    "5 MB of accents": "\N{LATIN SMALL LETTER E WITH ACUTE}" * 5_000_000,
    "parentheses": "(" * 4_900,
    "800 words": "add 1 then " * 250,
    "numerals": "one hundred and " * 190,
    "purchases": "I buy 3 pens at $2 " + "and 3 pens at $2 each " * 220,
    "items": "I buy 3 pens at $2 " + "and 3 pens at $2 each " * 110,
    "19 sentences": "Sam has 3 apples. " * 19 + "How many?",
    "19 people": " ".join(f"P{chr(97 + n)} has {n + 2} pens." for n in range(19))
    + " How many pens do they have together?",
    "19 trips": "".join(f"Trip {n}: {n + 2} km. " for n in range(19)) + "What is the total?",
    "150 words": "Sam has 3 apples and 4 pears and 5 nuts. " * 12 + "How many?",
    "parses beyond number": "How many " + "drinks charges $2 prints " * 13 + "?",
    "nouns that are verbs": "plants walks boxes cuts packs drives runs " * 8 + ". How many?",
    "one such noun": "at " + "drinks " * 56 + "?",
    "another": "How many " + "work " * 56 + "?",
}


def turn(body: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    """Milliseconds of processor time, and the message."""
    request = json.dumps({"model": "any", "max_tokens": 99, "tools": AGENT, **body}).encode()
    started = time.process_time()
    reply = respond("POST", "/v1/messages", HEADERS, request)
    content = b"".join(reply.pieces)
    return (time.process_time() - started) * 1e3, json.loads(content)


def asked(text: str) -> float:
    _read.cache_clear()
    return turn({"messages": [{"role": "user", "content": text}]})[0]


def first_turns() -> None:
    found = [float(subprocess.check_output([sys.executable, "-c", IMPORT], text=True)) for _ in range(PROCESSES)]
    print(f"import of the offline model, before that {min(found):6.1f} to {max(found):.1f} ms")
    for name, text in FIRST.items():
        command = [sys.executable, "-m", "benchmarks.offline_turns", text]
        found = [float(subprocess.check_output(command, text=True)) for _ in range(PROCESSES)]
        print(f"first turn of a process, {name:14} {min(found):6.1f} to {max(found):.1f} ms")


def corpus_turns() -> None:
    times: list[float] = []

    def answer(body: Mapping[str, Any]) -> dict[str, Any]:
        took, message = turn(body)
        times.append(took)
        return message

    dearest = []
    for entry in [*corpus(), *out_of_scope()]:
        before = len(times)
        converse(entry.problem, AGENT, answer)
        dearest.append(max(times[before:]))
    print(f"{len(times)} turns of the corpus: {distribution(times)}")
    print(f"the dearest turn of each of its {len(dearest)} problems: {distribution(dearest)}")


def distribution(times: Sequence[float]) -> str:
    ordered = sorted(times)
    last = ordered[int(len(ordered) * 0.99)]
    return f"median {statistics.median(ordered):.1f}, 99 % {last:.1f}, most {ordered[-1]:.1f} ms"


def hostile_turns() -> None:
    for name, text in HOSTILE.items():
        took = min(asked(text) for _ in range(REPEATS))
        _read.cache_clear()
        body = {"model": "any", "max_tokens": 99, "tools": AGENT, "messages": [{"role": "user", "content": text}]}
        request = json.dumps(body).encode()
        tracemalloc.start()
        respond("POST", "/v1/messages", HEADERS, request)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        print(f"{name:30} {len(request) / 1e6:6.2f} MB asked  {took:6.1f} ms  {peak:6.1f} MB")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(asked(sys.argv[1]))
    else:
        first_turns()
        corpus_turns()
        hostile_turns()
