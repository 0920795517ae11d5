"""A server with tools that ask: for a form, and for a page to be opened."""

from typing import Literal

from pydantic import BaseModel, Field

from agentloop import Accepted, CallContext, tool
from agentloop.mcp import serve


class Order(BaseModel):
    name: str = Field(min_length=2)
    size: Literal["S", "M"]
    extras: list[Literal["bow", "card"]] = []
    count: int = 1
    is_gift: bool
    password: str | None = None


@tool(read_only=True)
async def order(context: CallContext, what: str) -> str:
    """Order something."""
    match await context.ask(f"How do you want the {what}?", Order):
        case Accepted(value):
            return f"{what}: {value.model_dump_json()}"
        case refusal:
            return f"{what}: {refusal}"


@tool(read_only=True)
async def pay(context: CallContext) -> str:
    """Pay."""
    return str(await context.ask_to_open("Please pay.", "https://user@pay.example.org/now?id=1"))


if __name__ == "__main__":
    serve([order, pay])
