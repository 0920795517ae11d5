"""What is measured: how the model answers, and the least time any client could take.

A  three stores: 0.4 s to the first token, 80 tokens/s, every sub-agent alike
S  the same, but the first sub-agent's answer takes 1.5 s longer: only an eager client starts it in time
B  an instant model: what the client itself costs, for growing numbers of sub-agents
C  100 sub-agents at 0.2 s, 200 tokens/s, all asked for at once
D  the same with 500
P  120 sub-agents of 33 s: finds connection pools that are smaller than the fan-out and give up waiting
"""

from __future__ import annotations

from dataclasses import dataclass, field

TOKENS = {"orch_text": 20, "orch_tool": 60, "mult": 25, "sum": 30, "calc_text": 25, "orch_answer": 80}
"""Output tokens of each part of the scripted answers, as in `fake_messages`."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`ttft` is in seconds, `tps` in tokens a second (0: at once), `tps_orch` the orchestrator's first turn's (-1: as `tps`),
    `skew` further tokens of the first sub-agent's answer. `sizes` are numbers of sub-agents.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    ttft: float = 0.0
    tps: float = 0.0
    tps_orch: float = -1.0
    skew: int = 0
    runs: int = 5
    limit: float = 90.0
    is_instant: bool = field(default=False)

    def knobs(self, n: int) -> str:
        """The query that sets the fake up."""
        values = {
            "ttft": self.ttft,
            "tps": self.tps,
            "tps_orch": self.tps_orch,
            "n": n,
            "skew": self.skew,
            "per_delta": 4,
        }
        return "&".join(f"{name}={value}" for name, value in values.items())

    def ideal(self, n: int, *, eager: bool) -> float:
        """Seconds of the critical path when nothing but the model takes time."""
        each = _per_token(self.tps)
        first = each if self.tps_orch < 0 else _per_token(self.tps_orch)
        part = 3 * self.ttft + (3 * TOKENS["mult"] + TOKENS["sum"] + TOKENS["calc_text"]) * each
        spoken = self.ttft + (TOKENS["orch_text"] + n * TOKENS["orch_tool"]) * first
        end = spoken
        for number in range(1, n + 1):
            started = self.ttft + (TOKENS["orch_text"] + number * TOKENS["orch_tool"]) * first if eager else spoken
            end = max(end, started + part + (self.skew * each if number == 1 else 0))
        return end + self.ttft + TOKENS["orch_answer"] * each


def _per_token(tokens_a_second: float) -> float:
    return 1 / tokens_a_second if tokens_a_second else 0.0


WARM = "ttft=0&tps=0&tps_orch=-1&n=1&skew=0&per_delta=4"

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("A", "three stores", (3,), 0.4, 80),
        Scenario("S", "three stores, the first 1.5 s longer", (3,), 0.4, 80, skew=120),
        Scenario("B", "an instant model", (10, 100, 500, 1000, 2000), runs=3, is_instant=True),
        Scenario("C", "100 at 0.2 s, 200 tokens/s", (100,), 0.2, 200, 0, runs=3),
        Scenario("D", "500 at 0.2 s, 200 tokens/s", (500,), 0.2, 200, 0, runs=3),
        Scenario("P", "120 sub-agents of 33 s", (120,), 11.0, runs=1, limit=180),
    )
}
