"""A client and its server that have connected and do nothing, until a line comes on stdin. `starting` measures them."""

import asyncio
import sys

from mcp_calc_server.calculator import calculator_assistant, local_fallbacks
from offline_model.choice import choose_model
from orchestrator_client.orchestrator import Session, Setup
from orchestrator_client.setting_up import own_server


async def main() -> None:
    choice = choose_model("small")
    fallbacks = local_fallbacks(calculator_assistant(model=choice.model, client=choice.client))
    setup = Setup("big", choice.client, own_server({"ANTHROPIC_API_KEY": "a-key-of-nobody"}), fallbacks)
    async with Session(setup, print):
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
