"""An agent of somebody else: Sonnet with answers of 8,192 tokens, as an agent has them that says nothing."""

from agentloop import Agent

writer = Agent("writer", "writer")
