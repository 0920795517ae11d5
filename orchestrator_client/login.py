"""Logging in to a server in a browser, and what the user sees of it."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from agentloop.command_line import EXIT_FAILED
from agentloop.imports import lazy
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.oauth_store import LoginStore
from agentloop.mcp.client.server_log import server_log
from agentloop.narration import clip
from agentloop.own_files import state_folder
from orchestrator_client.lines import say

if TYPE_CHECKING:
    from agentloop.mcp.client import oauth
    from orchestrator_client.person import Person
else:
    # Loading it takes a while, and only a server by URL may want a login.
    oauth = lazy("agentloop.mcp.client.oauth")

_WITHOUT_DISPLAY = ("SSH_CONNECTION", "SSH_TTY")
_NAME = 64


def logins() -> LoginStore:
    """The logins of this user."""
    return LoginStore(state_folder("orchestrator-client") / "logins")


def login_of(
    name: str, entry: ServerEntry, *, browser: TerminalBrowser | None = None, at_once: bool = False
) -> oauth.ServerLogin | None:
    """The login for a server's requests; None for one that is started or is given its own `Authorization` header."""
    if entry.command is not None or "authorization" in {header.lower() for header in entry.all_headers}:
        return None
    return oauth.ServerLogin(name, entry.address, entry.oauth, logins(), browser=browser, at_once=at_once)


def why_down(connection: Connection) -> str:
    """Why a server is down, and the command that would help if that is known."""
    login = connection.login
    if login is None or not login.is_needed:
        return connection.error or "not connected"
    reason = f" ({login.error})" if login.error else ""
    return f"it requires a login{reason}: orchestrator-client login {connection.name}"


class TerminalBrowser:
    """Opens the login page in the user's browser, and takes the address it ended at if that is on another computer."""

    def __init__(self, person: Person | None, say: Callable[[str], None], *, opens: bool = True) -> None:
        self._person = person
        self._say = say
        self._opens = opens

    async def open(self, server: str, url: str, paste: Callable[[str], str | None]) -> None:
        self._say(f"{clip(server, _NAME)} requires a login. Log in here:")
        print(url, file=sys.stderr, flush=True)  # noqa: T201 - whole, so that it can be copied
        if self._opens:
            open_in_browser(url)
        if self._person is None:
            return
        self._say(
            "If the browser is on another computer, paste the address it ends at (http://127.0.0.1:.../callback?...)."
        )
        while (line := await self._person.line("address: ")) is not None:
            problem = paste(line) if line else None
            if problem:
                self._say(problem)


async def sign_in(name: str, entry: ServerEntry, login: oauth.ServerLogin, log: TextIO) -> str | None:
    """Connect to a server, and log in if it asks for that. Returns what went wrong."""
    async with Connection(name, entry, connect_timeout=oauth.LOGIN_TIMEOUT, server_log=log, login=login) as connection:
        return None if connection.is_up else login.error or connection.error


async def log_in(servers: Mapping[str, ServerEntry], browser: TerminalBrowser) -> int:
    """The command `login`. Returns the exit status."""
    status = 0
    async with server_log(say) as log:
        for name, entry in servers.items():
            login = login_of(name, entry, browser=browser, at_once=True)
            if login is None:
                problem = "there is nothing to log in to: it is started here, or the configuration has its token."
            elif failure := await sign_in(name, entry, login, log):
                problem = f"not logged in: {failure}"
            else:
                problem = f"the login cannot be kept: {login.not_kept}" if login.not_kept else ""
            say(f"{name}: {problem or (login and login.login) or 'it wants no login'}")
            status = EXIT_FAILED if problem else status
    return status


async def log_out(servers: Mapping[str, ServerEntry]) -> int:
    """The command `logout`. Returns the exit status."""
    status = 0
    for name, entry in servers.items():
        login = login_of(name, entry)
        if login is None or await logins().read(entry.address) is None:
            say(f"{name}: there was no login")
            continue
        problem = await login.revoke()
        try:
            await logins().remove(entry.address)
        except OSError as error:
            say(f"{name}: {error}")
            status = EXIT_FAILED
        else:
            revoked = "revoked" if problem is None else f"forgotten here, but not revoked: {problem}"
            say(f"{name}: logged out; the token is {revoked}")
    return status


def open_in_browser(url: str) -> None:
    """Open the page in the user's browser, unless this is a session on another computer."""
    if not _is_remote():
        # Some browsers keep the call until they are closed.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _is_remote() -> bool:
    has_display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return any(name in os.environ for name in _WITHOUT_DISPLAY) and not has_display
