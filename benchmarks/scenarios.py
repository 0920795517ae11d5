"""What is measured: how the model answers, and the least time any client could take.

A  three stores: 0.4 s to the first token, 80 tokens/s, every sub-agent alike
S  the same, but the first sub-agent's answer takes 1.5 s longer: only a client with early tool calls starts it in time
B  an instant model: what the client itself costs, for growing numbers of sub-agents
C  100 sub-agents at 0.2 s, 200 tokens/s, all asked for at once
D  the same with 500
P  120 sub-agents of 33 s: finds connection pools that are smaller than the fan-out and give up waiting
V  C's model and 200 sub-agents: what the views cost
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TOKENS = {"orch_text": 20, "orch_tool": 60, "mult": 25, "sum": 30, "calc_text": 25, "orch_answer": 80}
"""Output tokens of each part of the scripted answers."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`ttft` is in seconds, `tps` in tokens a second (0: at once), `tps_orch` the orchestrator's first turn's (-1: as `tps`),
    `skew` further tokens of the first sub-agent's answer. `sizes` are numbers of sub-agents, and how often each is run.
    A run that takes longer than `limit` seconds is cut. `who` are the runners, by how their names begin; all without it.
    """

    name: str
    title: str
    sizes: Mapping[int, int]
    ttft: float = 0.0
    tps: float = 0.0
    tps_orch: float = -1.0
    skew: int = 0
    limit: float = 60.0
    who: tuple[str, ...] = ("",)
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

    def ideal(self, n: int, *, early_tool_calls: bool) -> float:
        """Seconds of the critical path when nothing but the model takes time."""
        each = _per_token(self.tps)
        first = each if self.tps_orch < 0 else _per_token(self.tps_orch)
        part = 3 * self.ttft + (3 * TOKENS["mult"] + TOKENS["sum"] + TOKENS["calc_text"]) * each
        spoken = self.ttft + (TOKENS["orch_text"] + n * TOKENS["orch_tool"]) * first
        end = spoken
        for number in range(1, n + 1):
            started = (
                self.ttft + (TOKENS["orch_text"] + number * TOKENS["orch_tool"]) * first if early_tool_calls else spoken
            )
            end = max(end, started + part + (self.skew * each if number == 1 else 0))
        return end + self.ttft + TOKENS["orch_answer"] * each

    @property
    def model(self) -> tuple[float, float, float]:
        """What two scenarios have in common that differ in nothing but size."""
        return self.ttft, self.tps, self.tps_orch


def _per_token(tokens_a_second: float) -> float:
    return 1 / tokens_a_second if tokens_a_second else 0.0


WARM = "ttft=0&tps=0&tps_orch=-1&n=1&skew=0&per_delta=4"

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("A", "three stores", {3: 1}, 0.4, 80),
        Scenario("S", "three stores, the first 1.5 s longer", {3: 1}, 0.4, 80, skew=120),
        Scenario("B", "an instant model", {10: 2, 100: 2, 500: 1, 1000: 1, 2000: 1}, limit=30, is_instant=True),
        Scenario("C", "100 at 0.2 s, 200 tokens/s", {100: 1}, 0.2, 200, 0),
        Scenario("D", "500 at 0.2 s, 200 tokens/s", {500: 1}, 0.2, 200, 0),
        Scenario(
            "P",
            "120 sub-agents of 33 s",
            {120: 1},
            11.0,
            limit=120,
            who=("ours, stdio", "ours, http", "bare sockets", "MCP SDK", "FastMCP"),
        ),
    )
}
VIEWED = Scenario("V", "200 at 0.2 s, 200 tokens/s", {200: 3}, 0.2, 200, 0)
ALL = {**SCENARIOS, VIEWED.name: VIEWED}
