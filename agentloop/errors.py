"""What can go wrong, and whom it concerns.

Two planes. What a smarter model could have avoided is a `ToolError`: its text goes back to the model as an error
result. Everything else is for the operator:

    AgentError
    ├── ConfigurationError       wrong before anything was sent
    └── RunError                 a run that ended without an answer; carries its conversation and usage
        ├── ModelError           the Messages API, or the way to it, failed
        │   ├── ApiUnreachable   ... before it answered
        │   └── StreamBroken     ... after it had begun to answer
        ├── Refused              the model declined
        ├── Truncated            the answer did not fit in max_tokens, twice
        ├── ContextWindowExceeded
        ├── NoAnswer             the model ended its turn and said nothing, twice
        ├── InvalidOutput        the answer does not fit the agent's `output_type`
        ├── TurnLimitExceeded
        ├── BudgetExceeded       what the run may spend does not cover its next step
        └── DeadlineExceeded
    ToolError                    for the model
    └── ToolUnavailable          nobody answers at the tool's address; a local fallback may
"""

from __future__ import annotations

from agentloop.messages import Conversation
from agentloop.usage import Bill, Usage


class AgentError(Exception):
    """Base of the errors meant for the operator."""


class ConfigurationError(AgentError, ValueError):
    """The agent, its tools, its client or its budget were put together wrongly."""


class RunError(AgentError):
    """A run ended without an answer.

    `conversation` is what was said and is valid to continue; `bill` is what it cost. Both are None only before the run
    has recorded them.
    """

    conversation: Conversation | None = None
    bill: Bill | None = None

    @property
    def usage(self) -> Usage | None:
        """What the run cost, delegated runs included."""
        return None if self.bill is None else self.bill.total


class ModelError(RunError):
    """The Messages API answered with an error or could not be reached.

    `status` is the HTTP status (None: no answer came), `kind` the API's error type, `request_id` what to quote to the
    API's operator. `is_passing` says whether the same request may succeed later, `retry_after` when, in seconds, if the
    API said so.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        kind: str | None = None,
        request_id: str | None = None,
        is_passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.kind = kind
        self.request_id = request_id
        self.is_passing = is_passing
        self.retry_after = retry_after

    def but(self, text: str) -> ModelError:
        """The same error with one more sentence."""
        return ModelError(
            f"{str(self).rstrip('.')}. {text}",
            status=self.status,
            kind=self.kind,
            request_id=self.request_id,
            is_passing=self.is_passing,
            retry_after=self.retry_after,
        )

    @property
    def is_overload(self) -> bool:
        """Whether the API has too much to do: from this client (429) or altogether (529)."""
        return self.status in {429, 529} or self.kind in {"rate_limit_error", "overloaded_error"}

    @property
    def reason(self) -> str:
        """What went wrong, in one or two words."""
        if self.status == 429 or self.kind == "rate_limit_error":  # noqa: PLR2004
            return "rate limited"
        if self.is_overload:
            return "overloaded"
        return "failed" if self.status is None else f"status {self.status}"


class ApiUnreachable(ModelError):
    """No answer came."""

    @property
    def reason(self) -> str:
        return "not reachable"


class StreamBroken(ModelError):
    """The answer began and did not end: cut connection, error event, or end without `message_stop`."""

    def __init__(self, text: str, *, kind: str | None = None) -> None:
        super().__init__(text, kind=kind, is_passing=True)

    @property
    def reason(self) -> str:
        return "overloaded" if self.is_overload else "answer cut off"


class Refused(RunError):
    """The model declined to answer. `category` and `explanation` are the API's, either may be None."""

    def __init__(self, category: str | None, explanation: str | None) -> None:
        super().__init__(explanation or "The model declined to answer" + (f" ({category})." if category else "."))
        self.category = category
        self.explanation = explanation


class Truncated(RunError):
    """The answer hit `max_tokens` twice, the second time with a larger allowance. `partial` is its text so far."""

    def __init__(self, max_tokens: int, partial: str) -> None:
        super().__init__(f"The answer was cut off at max_tokens={max_tokens}; allow more or ask for less.")
        self.max_tokens = max_tokens
        self.partial = partial


class ContextWindowExceeded(RunError):
    """The conversation no longer fits the model's context window."""


class NoAnswer(RunError):
    """The model ended its turn without text, also after being asked once more for the answer."""


class InvalidOutput(RunError):
    """The answer did not fit the agent's `output_type`, also after one correction.

    `answer` is its text, `reason` says what does not fit.
    """

    def __init__(self, reason: str, answer: str) -> None:
        super().__init__(f"The answer does not fit the output type, also after a correction: {reason}")
        self.reason = reason
        self.answer = answer


class TurnLimitExceeded(RunError):
    """The model still wanted to call tools in the last turn it was allowed."""


class BudgetExceeded(RunError):
    """What is left of the budget does not cover the next step, which was therefore not taken."""


class DeadlineExceeded(RunError):
    """The run took longer than it was given."""


class ToolError(Exception):
    """A tool call failed in a way the model can act on: the text says what was wrong and what to do."""


class ToolUnavailable(ToolError):
    """Nobody answered at the tool's address. Whether the call was executed is unknown."""
