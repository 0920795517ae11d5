"""`make demo-durable`."""

import re
import sys

import pytest

from tests.processes import environment, run

ANSWER = """\
Toy Town: $59.99
  3 shirts at $12.50 each
  2 hats at $8.25 each
  shipping $5.99
Book Barn: $77.70
  4 novels at $9.75 each
  1 atlas at $34.20
  shipping $4.50
Garden Gate: $53.43
  12 bulbs at $1.35 each
  2 pots at $14.99 each
  shipping $7.25
Total: $191.12
"""


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.requirement("durable-demo")
async def test_the_demo_kills_the_server_and_has_the_answer_and_the_count_of_turns_saved() -> None:
    end = await run(sys.executable, "-m", "examples.durable_demo", env=environment(), seconds=190)
    assert (end.code, end.out) == (0, ANSWER), end.err
    reported = re.search(
        r"has 11 turns\. (\d+) were finished before the kill, (\d+) of them .* (\d+) turns saved", end.err
    )
    assert reported is not None, end.err
    finished, again, saved = map(int, reported.groups())
    assert saved == finished - again >= 4
