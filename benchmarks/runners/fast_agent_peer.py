"""(f) fast-agent: agents-as-tools (agents=[...]), tools as Python function tools; quiet, isolated (no history on disk)."""

import _path
import os
import tempfile
from contextlib import asynccontextmanager

HOME = tempfile.mkdtemp(prefix="bench_fast_agent_")
os.environ["FAST_AGENT_HOME"] = HOME
os.environ.setdefault("FAST_AGENT_DISABLE_TELEMETRY", "1")
CONFIG = os.path.join(HOME, "fast-agent.yaml")
with open(CONFIG, "w") as f:
    f.write("logger:\n  type: none\n  progress_display: false\n  show_chat: false\n  show_tools: false\n")

from fast_agent import FastAgent
from fast_agent.types import RequestParams

from measuring import CALC_DESCRIPTION, CALC_SYSTEM, MAX_TOKENS, MODEL, ORCH_SYSTEM, TOOLS, as_async, main


@asynccontextmanager
async def session(base_url: str):
    os.environ["ANTHROPIC_BASE_URL"] = base_url
    fast = FastAgent("bench", parse_cli_args=False, quiet=True, isolated=True, config_path=CONFIG)
    params = RequestParams(maxTokens=MAX_TOKENS, use_history=False)

    @fast.agent(
        name="calculator",
        instruction=CALC_SYSTEM,
        model=MODEL,
        request_params=params,
        use_history=False,
        function_tools=[as_async(f) for f in TOOLS],
    )
    async def calculator():
        pass

    @fast.agent(
        name="orchestrator",
        instruction=ORCH_SYSTEM,
        model=MODEL,
        request_params=params,
        use_history=False,
        default=True,
        agents=["calculator"],
    )
    async def orchestrator():
        pass

    async with fast.run() as app:

        async def ask(prompt: str) -> str:
            app.orchestrator.clear(clear_prompts=True)
            return await app.orchestrator.send(prompt)

        yield ask


if __name__ == "__main__":
    main("fast_agent", session, ["fast-agent-mcp"])
