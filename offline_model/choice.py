"""Claude, if the SDK finds a way to it; otherwise the offline model, said aloud."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import httpx2
from anthropic import AsyncAnthropic

from offline_model.answering import MODEL
from offline_model.transport import OfflineTransport


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model id, a maker of clients that reach it, and what to tell the user about it, if anything."""

    model: str
    client: Callable[[], AsyncAnthropic]
    notice: str | None = None

    @property
    def offline(self) -> bool:
        return self.model == MODEL


def choose_model(claude: str, *, offline: bool = False) -> ModelChoice:
    """Decide who answers: the model named `claude`, or the offline model.

    Claude needs credentials the anthropic SDK finds in the environment or on disk. With `ANTHROPIC_BASE_URL` alone,
    a server there is taken to need none.
    """
    if offline:
        return ModelChoice(MODEL, offline_client)
    if _has_credentials():
        return ModelChoice(claude, AsyncAnthropic)
    if os.environ.get("ANTHROPIC_BASE_URL"):
        return ModelChoice(claude, partial(AsyncAnthropic, api_key="none-needed"))
    return ModelChoice(
        MODEL,
        offline_client,
        "using the built-in offline model, which is rule-based. Set ANTHROPIC_API_KEY to use Claude.",
    )


def offline_client() -> AsyncAnthropic:
    """An SDK client whose requests are answered in this process."""
    return AsyncAnthropic(
        api_key="offline",
        base_url="http://offline.invalid",
        http_client=httpx2.AsyncClient(transport=OfflineTransport()),
    )


def _has_credentials() -> bool:
    if os.environ.get("ANTHROPIC_API_KEY") or os.environ.get("ANTHROPIC_AUTH_TOKEN"):
        return True
    client = AsyncAnthropic()
    return bool(client.api_key or client.auth_token or client.credentials)
