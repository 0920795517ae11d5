"""The options of `orchestrator-client`: each is declared once, for click and for the rest of the program."""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import click

from agentloop import Budget, ConfigurationError
from agentloop.command_line import (
    FILE,
    ModelOptions,
    Seconds,
    Usd,
    log_file,
    log_level,
    option,
    option_field,
    provider,
)
from agentloop.mcp.client.config_file import read_env_file
from agentloop.mcp.client.connection import MAX_CALLS
from agentloop.mcp.client.servers import CONNECT_TIMEOUT
from agentloop.wire import Provider
from mcp_calc_server.calculator import CALCULATOR_MODEL
from orchestrator_client.orchestrator import ORCHESTRATOR_MODEL

_COUNT = click.IntRange(min=0)
_servers, _models, _limits = (
    partial(option_field, "Servers"),
    partial(option_field, "Models"),
    partial(option_field, "Limits"),
)
_output, _durable = partial(option_field, "Output"), partial(option_field, "Runs that can be resumed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(ModelOptions):
    """One command line. Each field declares the option of that name, and has its value."""

    agent: Path | None = _servers(
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="Let the agent of this Markdown file orchestrate, with the MCP servers it names.",
    )
    config: Path | None = _servers(
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A file with `mcpServers`, in the format of Claude Desktop.",
    )
    servers: tuple[str, ...] = _servers(
        "--server",
        multiple=True,
        metavar="NAME|URL|COMMAND",
        help="Use this server: a name from --config, a URL, or a command to start. Can be repeated.",
    )
    connect_timeout: float = _servers(
        type=Seconds(least=0.1),
        default=CONNECT_TIMEOUT,
        help="How long starting a server or connecting to one may take.",
    )
    local: bool = _servers(is_flag=True, help="Run all tools in this process, without servers.")
    allow: tuple[str, ...] = _servers(
        multiple=True,
        metavar="PATTERN",
        help="Allow tools of untrusted servers to change things: a name, server__name, or a pattern such as git_*. Can "
        "be repeated.",
    )
    deny: tuple[str, ...] = _servers(
        multiple=True,
        metavar="PATTERN",
        help="Do not use these tools of servers: a name, server__name, or a pattern. Can be repeated.",
    )
    prompt: str | None = _servers(
        metavar="SERVER:PROMPT",
        help="Ask with this prompt of a server. The words of the command line are its arguments, each NAME=VALUE.",
    )
    tool_search: str = _servers(
        type=click.Choice(["auto", "local", "never"]),
        default="auto",
        help="Where to search for tools if there are too many to list: in Anthropic's API if possible (auto), or here.",
    )
    max_calls: int = _servers(
        type=click.IntRange(min=1),
        default=MAX_CALLS,
        help="Concurrent calls to each server; further calls wait.",
    )
    model: str = _models(
        envvar="ORCHESTRATOR_MODEL",
        default=ORCHESTRATOR_MODEL,
        help="The model that splits the question and delegates its parts.",
    )
    calculator_model: str = _models(
        envvar="CALCULATOR_MODEL",
        default=CALCULATOR_MODEL,
        help="The model of the calculator agents.",
    )
    provider: Provider = provider()
    offline: bool = _models(is_flag=True, help="Use the built-in reader: fixed rules, not a language model.")
    max_usd: Decimal | None = _limits(
        type=Usd(),
        help="What the run and its agents may cost, in US dollars, estimated from list prices.",
    )
    max_tokens: int | None = _limits(type=_COUNT, help="Tokens of all prompts and answers, including the agents'.")
    max_turns: int | None = _limits(type=_COUNT, help="Turns of all models, including the agents'.")
    deadline: float | None = _limits(type=Seconds(), help="Seconds the run may take; in a chat, each question.")
    policy: str = _limits(
        type=click.Choice(["all", "best-effort"]),
        default="all",
        help="Whether a run fails if one part of it fails, or answers with the parts that succeeded.",
    )
    no_early_tool_calls: bool = _limits(
        is_flag=True,
        help="Start tool calls only when the model's message is complete.",
    )
    answers: Path | None = _limits(
        type=FILE,
        help="Answer questions of agents from this JSON file, for scripts: an object of patterns and answers.",
    )
    as_json: bool = _output("--json", is_flag=True, help="Print one JSON object instead of text.")
    quiet: bool = _output(is_flag=True, help="Show no progress on stderr.")
    events: Path | None = _output(type=FILE, help="Record every event in this file, as JSON lines.")
    timeline: Path | None = _output(type=FILE, help="Write a timeline of the run to this file, as one HTML page.")
    force: bool = _output(is_flag=True, help="Let --events and --timeline overwrite files of any kind.")
    demo: bool = _output(is_flag=True, help="Ask a sample question about three stores.")
    durable: bool = _durable(is_flag=True, help="Store the run, so that `resume` can finish it after a crash.")
    durable_dir: Path | None = _durable(
        type=click.Path(path_type=Path, file_okay=False),
        envvar="ORCHESTRATOR_RUNS",
        help="The folder in which runs are stored.",
    )
    log_file: Path | None = log_file()
    log_level: str | None = log_level()

    @property
    def budget(self) -> Budget:
        return Budget(self.max_usd, self.max_tokens, self.max_turns)


def _read_env(path: Path | None) -> None:
    if path is None:
        return
    try:
        for name, value in read_env_file(path).items():
            os.environ.setdefault(name, value)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


env_file = option(
    "Servers",
    "--env-file",
    type=FILE,
    is_eager=True,
    expose_value=False,
    callback=lambda _context, _parameter, path: _read_env(path),
    help="Read environment variables from this file, such as .env. Variables that are set already keep their value.",
)
