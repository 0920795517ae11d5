"""An agent that asks, published with a store: its runs are executed again after a crash."""

from agentloop import Agent
from agentloop.question_tools import ask_user

asker = Agent("asker", "You ask.", [ask_user], model="claude-haiku-5-5")
