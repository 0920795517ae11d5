"""fast-agent: agents as tools (`agents=[...]`), the maths as function tools; quiet, no history kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fast_agent import FastAgent
from fast_agent.types import RequestParams

from benchmarks.measuring import CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, Ask, as_async, main

CONFIG = "logger:\n  type: none\n  progress_display: false\n  show_chat: false\n  show_tools: false\n"


@asynccontextmanager
async def session(_base_url: str) -> AsyncIterator[Ask]:
    with tempfile.TemporaryDirectory(prefix="bench_fast_agent_") as home:
        os.environ["FAST_AGENT_HOME"] = home
        config = Path(home) / "fast-agent.yaml"
        config.write_text(CONFIG, "utf-8")
        fast = FastAgent("bench", parse_cli_args=False, quiet=True, isolated=True, config_path=str(config))
        _declare(fast)
        async with fast.run() as app:

            async def ask(prompt: str) -> str:
                app.orchestrator.clear(clear_prompts=True)
                return await app.orchestrator.send(prompt)

            yield ask


def _declare(fast: FastAgent) -> None:
    params = RequestParams(maxTokens=MAX_TOKENS, use_history=False)

    @fast.agent(
        name="calculator",
        instruction=CALC_SYSTEM,
        model=MODEL,
        request_params=params,
        use_history=False,
        function_tools=[as_async(function) for function in TOOLS],
    )
    async def calculator() -> None: ...

    @fast.agent(
        name="orchestrator",
        instruction=ORCH_SYSTEM,
        model=MODEL,
        request_params=params,
        use_history=False,
        default=True,
        agents=["calculator"],
    )
    async def orchestrator() -> None: ...


if __name__ == "__main__":
    main(session, ["fast-agent-mcp"])
