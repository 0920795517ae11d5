"""Claude, if the SDK finds a way to it; otherwise the offline model, said aloud."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from offline_model import MODEL

if TYPE_CHECKING:
    from ssl import SSLContext

    from anthropic import AsyncAnthropic


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
        return ModelChoice(claude, claude_client)
    if os.environ.get("ANTHROPIC_BASE_URL"):
        return ModelChoice(claude, partial(claude_client, api_key="none-needed"))
    return ModelChoice(
        MODEL,
        offline_client,
        "using the built-in offline model, which is rule-based. Set ANTHROPIC_API_KEY to use Claude.",
    )


def claude_client(api_key: str | None = None) -> AsyncAnthropic:
    """An SDK client as the environment configures it."""
    from anthropic import AsyncAnthropic, DefaultAioHttpClient  # noqa: PLC0415 - as long to import as all else

    return AsyncAnthropic(api_key=api_key, http_client=DefaultAioHttpClient(verify=_tls_context()))


@cache
def _tls_context() -> SSLContext:
    """Loading the certificates takes 40 ms, and every event loop has a client of its own."""
    import httpx2  # noqa: PLC0415

    return httpx2.create_ssl_context()


def offline_client() -> AsyncAnthropic:
    """An SDK client whose requests are answered in this process."""
    import httpx2  # noqa: PLC0415
    from anthropic import AsyncAnthropic  # noqa: PLC0415

    from offline_model import OfflineTransport  # noqa: PLC0415

    return AsyncAnthropic(
        api_key="offline",
        base_url="http://offline.invalid",
        http_client=httpx2.AsyncClient(transport=OfflineTransport()),
    )


def _has_credentials() -> bool:
    if os.environ.get("ANTHROPIC_API_KEY") or os.environ.get("ANTHROPIC_AUTH_TOKEN"):
        return True
    if not _may_have_credentials():
        return False
    client = claude_client()
    return bool(client.api_key or client.auth_token or client.credentials)


def _may_have_credentials() -> bool:
    """Whether it is worth asking the SDK, which takes a while to load: it looks in ANTHROPIC_* and in its directory."""
    home = Path(os.environ.get("APPDATA") or Path.home()) if sys.platform == "win32" else Path.home() / ".config"
    return any(name.startswith("ANTHROPIC_") for name in os.environ) or any(
        (home / name).exists() for name in ("anthropic", "Anthropic")
    )
