"""The exceptions.

There are two kinds. Errors that the model can correct are `ToolError`s: their text goes back to the model as an error
result. All others are for the operator:

    AgentError
    ├── ConfigurationError       detected before a request is sent
    └── RunError                 a run ended without an answer; carries its conversation and usage
        ├── ModelError           a request to the Messages API failed
        │   ├── ApiUnreachable   ... without a response
        │   └── StreamBroken     ... in the middle of its response
        ├── Refused              the model declined
        ├── Truncated            the answer did not fit into max_tokens, twice
        ├── ContextWindowExceeded
        ├── InvalidOutput        the answer does not fit the agent's `output_type`
        ├── NoAnswer             the model ended its turn without text, twice
        ├── TurnLimitExceeded
        ├── BudgetExceeded       the remaining budget does not cover the next step
        └── DeadlineExceeded
    ToolError                    for the model
    └── ToolUnavailable          the tool's server cannot be reached; a local fallback may be used
"""

from __future__ import annotations

from typing import Any

from agentloop.messages import Conversation
from agentloop.usage import Bill, Usage


def first_cause(error: BaseException) -> BaseException:
    """The first error in nested groups, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class AgentError(Exception):
    """Base class of the errors for the operator.

    Example:
        try:
            result = await agent.run("Two haikus about rain", max_usd=0.50)
        except BudgetExceeded as error:
            print("too expensive", error.usage)
        except AgentError as error:
            print("no answer:", error)
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle, which would call the class with the message: so a pool of processes can pass every error on."""
        return _unpickled, (type(self), self.args), vars(self)


def _unpickled(kind: type[AgentError], args: tuple[Any, ...]) -> AgentError:
    return kind.__new__(kind, *args)


class ConfigurationError(AgentError, ValueError):
    """The configuration of the agent, its tools, its client or its budget is invalid."""


class RunError(AgentError):
    """A run ended without an answer.

    `conversation` has the messages so far and can be continued; `bill` is the cost report. Both are None only before
    the run has set them.
    """

    conversation: Conversation | None = None
    bill: Bill | None = None

    @property
    def usage(self) -> Usage | None:
        """The usage of the run, including delegated runs."""
        return None if self.bill is None else self.bill.total


class ModelError(RunError):
    """The Messages API returned an error or could not be reached.

    `status` is the HTTP status (None without a response), `kind` the API's error type, `request_id` the id to quote to
    the API's support. `is_passing` is true if the same request may succeed later; `retry_after` is the API's value in
    seconds, if any.
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

    @property
    def is_overload(self) -> bool:
        """Whether it is an overload error: too many requests of this client (429) or of all clients (529)."""
        return self.status in {429, 529} or self.kind in {"rate_limit_error", "overloaded_error"}

    @property
    def reason(self) -> str:
        """The reason in one or two words."""
        if self.status == 429 or self.kind == "rate_limit_error":  # noqa: PLR2004
            return "rate limited"
        if self.is_overload:
            return "overloaded"
        return "failed" if self.status is None else f"status {self.status}"


class ApiUnreachable(ModelError):
    """There was no response."""

    @property
    def reason(self) -> str:
        return "not reachable"


class StreamBroken(ModelError):
    """The response ended early: a lost connection, an error event, or no `message_stop`."""

    def __init__(self, text: str, *, kind: str | None = None) -> None:
        super().__init__(text, kind=kind, is_passing=True)

    @property
    def reason(self) -> str:
        return "overloaded" if self.is_overload else "answer cut off"


class Refused(RunError):
    """The model declined to answer. `category` and `explanation` are from the API; each may be None."""

    def __init__(self, category: str | None, explanation: str | None) -> None:
        super().__init__(explanation or "The model declined to answer" + (f" ({category})." if category else "."))
        self.category = category
        self.explanation = explanation


class Truncated(RunError):
    """The answer reached `max_tokens` twice, the second time with a higher limit. `partial` is its text so far."""

    def __init__(self, max_tokens: int, partial: str) -> None:
        super().__init__(f"The answer was cut off at max_tokens={max_tokens}; allow more or ask for less.")
        self.max_tokens = max_tokens
        self.partial = partial


class ContextWindowExceeded(RunError):
    """The conversation no longer fits the model's context window."""


class NoAnswer(RunError):
    """The model ended its turn without text, even after it was asked for the answer again."""


class InvalidOutput(RunError):
    """The answer did not fit the agent's `output_type`, also after one correction.

    `answer` is its text, `reason` says what does not fit.
    """

    def __init__(self, reason: str, answer: str) -> None:
        super().__init__(f"The answer does not fit the output type, also after a correction: {reason}")
        self.reason = reason
        self.answer = answer


class TurnLimitExceeded(RunError):
    """The model still requested tool calls in its last allowed turn."""


class BudgetExceeded(RunError):
    """The remaining budget does not cover the next step, which was not started."""


class DeadlineExceeded(RunError):
    """The run did not end before its deadline."""


class ToolError(Exception):
    """A tool call failed in a way that the model can correct: the text says what was wrong and what to do.

    Example:
        raise ToolError("There is no city 'Pariss'. Check the spelling.")
    """


class CannotAsk(ToolError):
    """A question cannot be put to a person: nobody is there, or the client does not pass questions on."""


class ToolUnavailable(ToolError):
    """The tool's server could not be reached. Whether the call was executed is unknown."""
