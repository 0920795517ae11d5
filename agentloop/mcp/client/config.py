"""Servers to use: entries of an `mcpServers` configuration, and values of `--server`."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from agentloop import ConfigurationError
from agentloop.mcp.client.oauth_settings import OAuthSettings
from agentloop.redaction import without_passwords

LONGEST_NAME = 100
"""Characters of a server's name."""
SHORTEST_TIMEOUT = 1000.0
"""Milliseconds. Claude Code ignores a smaller `timeout`; other hosts mean seconds by it."""
SHORTEST_SECRET = 6
"""Characters. Shorter values are not removed from messages: they occur in too many words."""

_STREAMABLE = {"streamable-http", "streamablehttp", "streamable_http"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _transport(value: Any) -> Any:
    name = value.lower() if isinstance(value, str) else value
    return "http" if isinstance(name, str) and name in _STREAMABLE else name


def _patterns(value: Any) -> Any:
    """One pattern, or `true` for all tools, as a list."""
    if isinstance(value, bool):
        return ("*",) if value else ()
    return (value,) if isinstance(value, str) else value


def _variables(value: Any) -> Any:
    """VS Code allows numbers, and `null` for a variable that is not set."""
    if not isinstance(value, dict):
        return value
    return {
        name: str(each) if isinstance(each, int | float) and not isinstance(each, bool) else each
        for name, each in value.items()
        if each is not None
    }


def _protocol(value: Any) -> Any:
    """Every older revision is agreed on by the handshake."""
    return "handshake" if value == "legacy" or value in HANDSHAKE_PROTOCOL_VERSIONS else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_patterns)]


class ServerEntry(BaseModel):
    """One entry of `mcpServers`: a `command` to start, or a `url` to connect to.

    A started server gets its `env` and a few harmless variables (PATH, HOME, ...), never a key it was not given.
    Aliases of a field are the names that hosts use. Patterns for names of tools are those of `fnmatch`.

    Example:
        ServerEntry(command="uvx", args=("mcp-server-git",), disabled_tools=("git_reset",))
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    command: str | None = None
    args: tuple[str, ...] = Field(default=(), repr=False)
    env: Annotated[Mapping[str, str], BeforeValidator(_variables)] = Field(default_factory=dict, repr=False)
    cwd: Path | None = None
    url: str | None = Field(default=None, repr=False, validation_alias=AliasChoices("url", "serverUrl", "httpUrl"))
    type: Annotated[Literal["stdio", "http", "sse"] | None, BeforeValidator(_transport)] = Field(
        default=None, validation_alias=AliasChoices("type", "transport")
    )
    headers: Mapping[str, str] = Field(default_factory=dict, repr=False)
    disabled: bool = False
    enabled: bool = True
    tools: Patterns = Field(
        default=("*",), validation_alias=AliasChoices("tools", "allowedTools", "enabledTools", "includeTools")
    )
    """The tools that are used; all others are left out."""
    disabled_tools: Patterns = Field(default=(), validation_alias=AliasChoices("disabledTools", "excludeTools"))
    """Tools that are left out."""
    allow: Patterns = Field(default=(), validation_alias=AliasChoices("allow", "alwaysAllow", "autoApprove"))
    """Tools that may change things without asking."""
    oauth: OAuthSettings = Field(default_factory=OAuthSettings, repr=False)
    """What a login at the server needs besides what the server says itself."""
    timeout: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Milliseconds one call may take."""
    protocol: Annotated[Literal["auto", "handshake", "2026-07-28"], BeforeValidator(_protocol)] = "auto"
    """How the revision of the protocol is agreed on: by the probe of 2026-07-28, and by the older handshake if that
    fails (`auto`); by the handshake at once; or not at all, because the revision is known."""
    trusted: bool = False
    """Whether the annotations of its tools (read-only, idempotent, ...) are believed."""

    @model_validator(mode="before")
    @classmethod
    def _split_tools(cls, given: Any) -> Any:
        """`tools: {allow, deny}` as the two lists."""
        tools = given.get("tools") if isinstance(given, dict) else None
        if not isinstance(tools, dict):
            return given
        if unknown := set(tools) - {"allow", "deny"}:
            raise ValueError(f"`tools` has `allow` and `deny`, and no `{min(unknown)}`")
        both = {"tools": tools.get("allow", True)}
        if "deny" in tools:
            both["disabledTools"] = tools["deny"]
        return {**given, **both}

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of an HTTP header")
            if not (value.isascii() and value.replace("\t", " ").isprintable()):
                raise ValueError(f"{name}: its value has characters that no HTTP header can have")
        return headers

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        if url is not None and not _is_url(url):
            raise ValueError("is not an http:// or https:// address")
        return url

    @model_validator(mode="after")
    def _one_way_to_reach_it(self) -> ServerEntry:
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either a `command` to start or a `url` to connect to")
        if self.type is not None and (self.type == "stdio") != (self.command is not None):
            raise ValueError(f"`type` is {self.type}, which needs a `{'command' if self.type == 'stdio' else 'url'}`")
        return self

    @property
    def is_enabled(self) -> bool:
        return self.enabled and not self.disabled

    @property
    def mode(self) -> str:
        """The `protocol` in the SDK's terms."""
        return "legacy" if self.protocol == "handshake" else self.protocol

    def uses(self, server: str, tool: str) -> bool:
        """Whether a tool of the server of that name is used."""
        return matches(server, tool, self.tools) and not matches(server, tool, self.disabled_tools)

    @property
    def seconds(self) -> float | None:
        """The `timeout` in seconds; None without one, or if it is too short to be meant."""
        return None if self.timeout is None or self.timeout < SHORTEST_TIMEOUT else self.timeout / 1000

    @property
    def address(self) -> str:
        """The URL without its user and password, which go into a header."""
        parts = urlsplit(str(self.url))
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers, with an `Authorization` made of the URL's user and password."""
        parts = urlsplit(self.url or "")
        headers = dict(self.headers)
        if parts.username is not None and "authorization" not in {name.lower() for name in headers}:
            userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(userinfo.encode()).decode()}"
        return headers

    def without_secrets(self, text: str) -> str:
        """The text without values of `env` and `headers`, and without the secrets of the URL."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _secrets(self) -> Collection[str]:
        parts = urlsplit(self.url or "")
        values = [*self.env.values(), *self.all_headers.values(), *(value for _, value in parse_qsl(parts.query))]
        words = [word for value in self.all_headers.values() for word in value.split()]
        userinfo = [parts.netloc.rpartition("@")[0], parts.password or "", unquote(parts.password or ""), parts.query]
        others = (*words, *userinfo, self.oauth.client_secret or "")
        return {each for each in (*values, *others) if len(each) >= SHORTEST_SECRET}


def matches(server: str, tool: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern matches the tool's name, or the name that Claude Code uses: `mcp__server__tool`."""
    own = f"mcp__{server}__"
    return any(fnmatchcase(tool, pattern) or fnmatchcase(tool, pattern.removeprefix(own)) for pattern in patterns)


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable() and " " not in url


def servers_to_use(
    servers: Sequence[str], configured: Mapping[str, ServerEntry], builtin: Mapping[str, ServerEntry] | None = None
) -> dict[str, ServerEntry]:
    """The servers named by `--server`, or all configured ones that are enabled, or else those that are `builtin`.

    Each of `servers` is the name of a configured server, a URL, or a command line. A command line that begins with the
    name of a `builtin` server starts that one, with the arguments added.

    Raises:
        ConfigurationError: one is none of these, or is disabled in the configuration.
    """
    builtin = builtin or {}
    if not servers and configured:
        chosen = {name: entry for name, entry in configured.items() if entry.is_enabled}
        if not chosen:
            raise ConfigurationError(f"All servers of the configuration are disabled: {', '.join(configured)}.")
        return chosen
    chosen = {}
    for given in servers or builtin:
        if given not in configured:
            try:
                name, entry = named_server(given, builtin)
            except ConfigurationError as error:
                raise ConfigurationError(f"--server: {error}") from None
            also = {each: configured[each] for each in servers if each in configured}
            chosen[unused_name(name, {**also, **chosen})] = entry
        elif configured[given].is_enabled:
            chosen[given] = configured[given]
        else:
            raise ConfigurationError(f"--server {given}: this server is disabled in the configuration.")
    return chosen


def named_server(given: str, builtin: Mapping[str, ServerEntry] | None = None) -> tuple[str, ServerEntry]:
    """A name and an entry for a URL, or for a command line; one that begins with the name of a `builtin` starts that.

    Raises:
        ConfigurationError: it is neither.
    """
    builtin = builtin or {}
    url = given.removeprefix("sse+")
    if url.lower().startswith(("http://", "https://")):
        if not _is_url(url):
            raise ConfigurationError("this is not an http:// or https:// address with a host.")
        entry = ServerEntry(url=url, type=None if url == given else "sse")
        name = urlsplit(entry.address)._replace(query="", fragment="").geturl()
        return (name if url == given else f"sse+{name}")[:LONGEST_NAME], entry
    try:
        command, *args = shlex.split(given) or [""]
        problem = "" if command else "it is empty"
    except ValueError as error:
        command, args, problem = "", [], str(error)
    if problem:
        raise ConfigurationError(f"{given!r} is neither a configured server, a URL nor a command: {problem}")
    if "://" in command:
        raise ConfigurationError(f"{without_passwords(command)} is not an http:// or https:// address.")
    if command in builtin:
        entry = builtin[command]
        return command, entry.model_copy(update={"args": (*entry.args, *args)})
    name = "".join(each if each.isprintable() else "?" for each in Path(command).name)
    return name[:LONGEST_NAME] or "server", ServerEntry(command=command, args=tuple(args))


def unused_name(name: str, taken: Mapping[str, ServerEntry]) -> str:
    """The name, with a number if it is taken."""
    candidates = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
