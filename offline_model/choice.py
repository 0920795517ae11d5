"""Claude or another language model, if there is a way to one; otherwise the offline model, which is then said."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from offline_model import MODEL

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

    from agentloop.wire import Provider, SdkClient

NOTICE = (
    "no API key found: using the built-in reader, which follows fixed rules and is not a language model. "
    "Set ANTHROPIC_API_KEY, or name a local model's server with --base-url."
)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model id, a maker of clients that reach it, and what to tell the user about it, if anything."""

    model: str
    client: Callable[[], SdkClient]
    notice: str | None = None
    base_url: str | None = None
    """The server that was named, if it was not by the environment."""
    provider: Provider = "anthropic"

    @property
    def offline(self) -> bool:
        return self.model == MODEL


def choose_model(
    model: str, *, offline: bool = False, base_url: str | None = None, provider: Provider = "anthropic"
) -> ModelChoice:
    """Decide who answers: the language model named `model`, or the offline model.

    A language model needs credentials that the anthropic SDK finds in the environment or on disk, or a server: one
    that is named by `base_url` or `ANTHROPIC_BASE_URL` is taken to need no key if none is found. Another `provider`
    than Anthropic is used or is an error.

    Raises:
        ConfigurationError: a package or a setting of the provider is missing.
    """
    if provider != "anthropic" and not offline:
        return _at_provider(model, provider, base_url)
    if offline:
        return ModelChoice(MODEL, offline_client)
    if base_url or os.environ.get("ANTHROPIC_BASE_URL") or _has_credentials():
        return ModelChoice(model, partial(_claude_client, base_url), base_url=base_url)
    return ModelChoice(MODEL, offline_client, NOTICE)


def _at_provider(model: str, provider: Provider, base_url: str | None) -> ModelChoice:
    from agentloop.wire import provider_client  # noqa: PLC0415 - as below

    options = {} if base_url is None else {"base_url": base_url}
    client = partial(provider_client, provider, **options)
    client()  # so that what is missing is said at the start
    return ModelChoice(model, client, base_url=base_url, provider=provider)


def _claude_client(base_url: str | None = None) -> AsyncAnthropic:
    from agentloop.wire import sdk_client  # noqa: PLC0415 - as long to import as all else

    return sdk_client(base_url=base_url)


def offline_client() -> AsyncAnthropic:
    """An SDK client whose requests are answered in this process."""
    import httpx2  # noqa: PLC0415
    from anthropic import AsyncAnthropic  # noqa: PLC0415

    from agentloop.testing.in_process import answer_transport  # noqa: PLC0415
    from offline_model.answering import answer  # noqa: PLC0415

    return AsyncAnthropic(
        api_key="offline",
        base_url="http://offline.invalid",
        http_client=httpx2.AsyncClient(transport=answer_transport(answer)),
    )


def _has_credentials() -> bool:
    if os.environ.get("ANTHROPIC_API_KEY") or os.environ.get("ANTHROPIC_AUTH_TOKEN"):
        return True
    if not _may_have_credentials():
        return False
    client = _claude_client()
    return bool(client.api_key or client.auth_token or client.credentials)


def _may_have_credentials() -> bool:
    """Whether it is worth asking the SDK, which takes a while to load: it looks in ANTHROPIC_* and in its directory."""
    home = Path(os.environ.get("APPDATA") or Path.home()) if sys.platform == "win32" else Path.home() / ".config"
    return any(name.startswith("ANTHROPIC_") for name in os.environ) or any(
        (home / name).exists() for name in ("anthropic", "Anthropic")
    )
