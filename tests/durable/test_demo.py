"""`make demo-durable`."""

import re
import sys

import pytest

from tests.processes import environment, run

ANSWER = "Toy Town: $59.99\nBook Barn: $77.70\nGarden Gate: $53.43\nTotal: $191.12\n"


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.requirement("durable-demo")
async def test_the_demo_kills_the_server_and_has_the_answer_and_the_count_of_turns_saved() -> None:
    end = await run(sys.executable, "-m", "orchestrator_client.durable_demo", env=environment(), seconds=190)
    assert (end.code, end.out) == (0, ANSWER), end.err
    told = re.search(r"has 11 turns\. (\d+) were finished before the kill, (\d+) of them .* (\d+) turns saved", end.err)
    assert told is not None, end.err
    finished, again, saved = map(int, told.groups())
    assert saved == finished - again >= 4
