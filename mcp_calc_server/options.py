"""The options of `mcp-calc-server`: each is declared once, for click and for the rest of the program."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Literal

import click
from click.core import ParameterSource

from agentloop.command_line import FILE, ModelOptions, Seconds, flag, log_file, log_level, option_field, provider
from agentloop.mcp.server.admission import CALLS_PER_MINUTE, MAX_AGENTS
from agentloop.wire import Provider
from mcp_calc_server.calculator import CALCULATOR_MODEL
from offline_model.choice import ModelChoice, choose_model

TOKEN_VARIABLE = "MCP_CALC_TOKEN"  # noqa: S105 - the name of one
NEED_HTTP = (
    *("host", "port", "path", "allow_host", "trusted_proxy"),
    *("token_file", "oauth_issuer", "oauth_audience", "oauth_jwks", "oauth_scope"),
)
NEED_DURABLE = (
    *("respond_within", "queue_runs", "queue_runs_per_worker", "queue_runs_per_owner", "queue_starts_per_minute"),
    *("queue_version", "queue_only"),
)

_models, _publishes = partial(option_field, "Models"), partial(option_field, "What is published")
_identity, _transport = partial(option_field, "What clients see of the server"), partial(option_field, "Transport")
_access, _runs = partial(option_field, "Access and limits"), partial(option_field, "Durable runs")
_queue = partial(option_field, "Durable runs of several processes (PostgreSQL)")
_COUNT = click.IntRange(min=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedOptions(ModelOptions):
    """What is published, and what clients see of it."""

    model: str = _models(
        envvar="CALCULATOR_MODEL",
        default=CALCULATOR_MODEL,
        help="The calculator agent's model, and that of agent files that name none; given on the command line, that of "
        "--publish agents too.",
    )
    provider: Provider = provider(envvar="CALCULATOR_PROVIDER")
    offline: bool = _models(
        is_flag=True,
        envvar="CALCULATOR_OFFLINE",
        help="Use the built-in reader of fixed rules, not a language model.",
    )
    publish: tuple[str, ...] = _publishes(
        multiple=True,
        envvar="MCP_CALC_PUBLISH",
        metavar="MODULE:ATTRIBUTE",
        help="Publish this Agent, Tool or list of them. Can be repeated.",
    )
    agents: tuple[Path, ...] = _publishes(
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        metavar="DIR|FILE",
        help="Publish the agents in this Markdown file, or in all files of this directory. Can be repeated.",
    )
    mcp_config: Path | None = _publishes(
        type=FILE,
        metavar="FILE",
        help="A file that defines, in `mcpServers`, the servers that agent files name.",
    )
    calculator: bool = _publishes(
        is_flag=True, help="Publish the calculator in addition to what --publish and --agents name."
    )
    name: str | None = _identity(help="The server's name.  [default: that of what is published]")
    title: str | None = _identity(help="The server's name for people.")
    instructions: str | None = _identity(help="What clients may tell their model about the server.")
    version_label: str | None = _identity(metavar="VERSION", help="The server's version.")

    def choice(self) -> ModelChoice:
        """Who answers for the calculator, and for agents that name no model."""
        return choose_model(self.model, offline=self.offline, base_url=self.base_url, provider=self.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(PublishedOptions):
    """One command line. Each field declares the option of that name, and has its value."""

    transport: Literal["stdio", "sse", "streamable-http"] = _transport(
        type=click.Choice(["stdio", "sse", "streamable-http"]),
        default="stdio",
        help="How clients reach the server: as a process they start, or over HTTP.",
    )
    host: str = _transport(
        default="127.0.0.1", help="The address to listen on. Any address other than loopback requires a token."
    )
    port: int = _transport(
        type=click.IntRange(0, 65535), default=8000, help="The port to listen on; 0 picks a free one."
    )
    path: str | None = _transport(help="The path of the URL.  [default: /mcp, or /sse for the transport sse]")
    allow_host: tuple[str, ...] = _transport(
        multiple=True, metavar="NAME", help="Another host name of this server. Can be repeated."
    )
    trusted_proxy: tuple[str, ...] = _transport(
        multiple=True,
        metavar="ADDRESS",
        help="A reverse proxy whose X-Forwarded-For header is trusted. Can be repeated.",
    )
    max_agents: int = _access(type=_COUNT, default=MAX_AGENTS, help="Concurrent agent calls; further calls wait.")
    calls_per_minute: int = _access(type=_COUNT, default=CALLS_PER_MINUTE, help="Calls each client may make.")
    token_file: Path | None = _access(
        type=click.Path(path_type=Path),
        help=f"Require the token in this file. ${TOKEN_VARIABLE} can hold it instead.",
    )
    oauth_issuer: str | None = _access(metavar="URL", help="Require a token of this authorization server.")
    oauth_audience: str | None = _access(
        metavar="URL", help="This server's own URL, which tokens must name as audience."
    )
    oauth_jwks: str | None = _access(metavar="URL", help="The authorization server's keys.")
    oauth_scope: tuple[str, ...] = _access(
        multiple=True,
        metavar="[TOOL=]SCOPE",
        help="A scope that tokens need: for every request, or for calls of this tool (a name or pattern). Can be "
        "repeated.",
    )
    durable: str | None = _runs(
        envvar="MCP_CALC_DURABLE",
        is_flag=False,
        flag_value="sqlite:",
        metavar="[STORE]",
        help="Store agent runs in sqlite:PATH or postgresql://..., so that they continue after a crash.",
    )
    respond_within: float | None = _runs(
        type=Seconds(),
        metavar="SECONDS",
        help="Respond to a longer call with a run id, for which the tool get_run returns the result later. Needs "
        "--durable.",
    )
    queue_runs: int | None = _queue(type=_COUNT, help="Concurrent runs in all processes of a PostgreSQL store.")
    queue_runs_per_worker: int | None = _queue(type=_COUNT, help="Of these, concurrent runs in one process.")
    queue_runs_per_owner: int | None = _queue(type=_COUNT, help="Of these, concurrent runs of one owner.")
    queue_starts_per_minute: int | None = _queue(type=_COUNT, help="Runs that all processes together may start.")
    queue_version: str | None = _queue(help="Take only runs of this version, for rolling upgrades.")
    queue_only: bool = _queue(is_flag=True, help="Only take calls and return results; workers execute the runs.")
    log_file: Path | None = log_file()
    log_level: str | None = log_level()


def as_arguments(context: click.Context) -> list[str]:
    """The command line of the server that publishes what was given to a command with `PublishedOptions`."""
    arguments: list[str] = []
    for name in (each.name for each in fields(PublishedOptions)):
        value = context.params[name]
        if context.get_parameter_source(name) not in {ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT}:
            continue
        for each in value if isinstance(value, tuple) else [value]:
            text = [str(each.resolve() if isinstance(each, Path) else each)]
            arguments += [flag(name), *(text if each is not True else [])] if each is not False else []
    return arguments
