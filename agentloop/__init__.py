"""A runtime for agents on the Messages API: one loop, tools that run at once, agents as tools of agents."""

from agentloop.agent import Agent
from agentloop.budget import Budget, Ledger
from agentloop.content import Document, Image
from agentloop.context import CallContext, Cancellation, RunScope
from agentloop.delegate import create_agent_tool_async, create_agent_tool_sync
from agentloop.errors import (
    AgentError,
    ApiUnreachable,
    BudgetExceeded,
    CannotAsk,
    ConfigurationError,
    ContextWindowExceeded,
    DeadlineExceeded,
    InvalidOutput,
    ModelError,
    NoAnswer,
    Refused,
    RunError,
    StreamBroken,
    ToolError,
    ToolUnavailable,
    Truncated,
    TurnLimitExceeded,
)
from agentloop.event_json import event_from_json, event_to_json
from agentloop.events import (
    ContextEdited,
    Event,
    EventHandler,
    NoteReceived,
    Notice,
    RunFinished,
    RunStarted,
    ServerChanged,
    ServerStarting,
    Spent,
    TextDelta,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnRetried,
    TurnStarted,
)
from agentloop.inbox import Inbox
from agentloop.journal import Journal, NoJournal
from agentloop.limits import Limits, deadline_after, seconds_left
from agentloop.messages import Conversation
from agentloop.observers.trace import Trace
from agentloop.questions import Accepted, Answer, Cancelled, Declined, Question, QuestionHandler
from agentloop.results import RunResult, Step
from agentloop.server_tools import server_tool
from agentloop.tool_output import ToolOutput
from agentloop.tools import Tool, ToolSpec, tool
from agentloop.usage import Bill, ModelUsage, Usage
from agentloop.wire import provider_client, sdk_client

__all__ = [
    "Accepted",
    "Agent",
    "AgentError",
    "Answer",
    "ApiUnreachable",
    "Bill",
    "Budget",
    "BudgetExceeded",
    "CallContext",
    "Cancellation",
    "Cancelled",
    "CannotAsk",
    "ConfigurationError",
    "ContextEdited",
    "ContextWindowExceeded",
    "Conversation",
    "DeadlineExceeded",
    "Declined",
    "Document",
    "Event",
    "EventHandler",
    "Image",
    "Inbox",
    "InvalidOutput",
    "Journal",
    "Ledger",
    "Limits",
    "ModelError",
    "ModelUsage",
    "NoAnswer",
    "NoJournal",
    "NoteReceived",
    "Notice",
    "Question",
    "QuestionHandler",
    "Refused",
    "RunError",
    "RunFinished",
    "RunResult",
    "RunScope",
    "RunStarted",
    "ServerChanged",
    "ServerStarting",
    "Spent",
    "Step",
    "StreamBroken",
    "TextDelta",
    "Tool",
    "ToolError",
    "ToolFinished",
    "ToolOutput",
    "ToolProgress",
    "ToolSpec",
    "ToolStarted",
    "ToolUnavailable",
    "Trace",
    "Truncated",
    "TurnFinished",
    "TurnLimitExceeded",
    "TurnRetried",
    "TurnStarted",
    "Usage",
    "create_agent_tool_async",
    "create_agent_tool_sync",
    "deadline_after",
    "event_from_json",
    "event_to_json",
    "provider_client",
    "sdk_client",
    "seconds_left",
    "server_tool",
    "tool",
]
