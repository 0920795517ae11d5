"""A client and its server that have connected and do nothing, until a line comes on stdin. `starting` measures them."""

import asyncio
import sys

from mcp_calc_server.calculator import calculator_assistant, local_fallbacks
from offline_model.choice import choose_model
from orchestrator_client.orchestrator import Session
from orchestrator_client.setting_up import own_server


async def main() -> None:
    choice = choose_model("small")
    fallbacks = local_fallbacks(calculator_assistant(model=choice.model, client=choice.client))
    servers = own_server({"ANTHROPIC_API_KEY": "a-key-of-nobody"})
    async with Session(servers, model="big", client=choice.client, fallback=fallbacks, warn=print):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
