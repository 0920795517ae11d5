"""The options of `orchestrator-client`: as click declares them, and as the rest of the program reads them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import click

from agentloop import Budget, ConfigurationError
from agentloop.command_line import PROVIDER_HELP, Seconds, Url, Usd, cost_options, log_options, option, together
from agentloop.mcp.client.config_file import read_env_file
from agentloop.mcp.client.connection import MAX_CALLS
from agentloop.mcp.client.servers import CONNECT_TIMEOUT
from agentloop.wire import PROVIDERS, Provider
from mcp_calc_server.calculator import CALCULATOR_MODEL
from orchestrator_client.orchestrator import ORCHESTRATOR_MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One command line. Each field has the value of the option of that name, with the option's default."""

    agent: Path | None
    config: Path | None
    servers: tuple[str, ...]
    connect_timeout: float
    local: bool
    allow: tuple[str, ...]
    deny: tuple[str, ...] = ()
    tool_search: str = "auto"
    prompt: str | None = None
    max_calls: int
    model: str
    calculator_model: str
    base_url: str | None
    provider: Provider
    offline: bool
    max_usd: Decimal | None
    max_tokens: int | None
    max_turns: int | None
    deadline: float | None
    policy: str
    no_early_tool_calls: bool
    no_cache: bool
    prices: Path | None
    as_json: bool
    quiet: bool
    events: Path | None
    timeline: Path | None
    force: bool
    demo: bool
    answers: Path | None = None
    durable: bool
    durable_dir: Path | None
    log_file: Path | None = None
    log_level: str | None = None

    @property
    def budget(self) -> Budget:
        return Budget(self.max_usd, self.max_tokens, self.max_turns)


WITH_DEFAULTS = (
    "allow",
    "base_url",
    "calculator_model",
    "connect_timeout",
    "deadline",
    "deny",
    "max_calls",
    "max_tokens",
    "max_turns",
    "max_usd",
    "model",
    "no_early_tool_calls",
    "policy",
    "provider",
    "quiet",
    "tool_search",
)
"""Options whose values may be in the user's configuration."""

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_COUNT = click.IntRange(min=0)
_servers, _models, _limits = partial(option, "Servers"), partial(option, "Models"), partial(option, "Limits")
_output, _durable = partial(option, "Output"), partial(option, "Runs that can be resumed")


def _read_env(path: Path | None) -> None:
    if path is None:
        return
    try:
        for name, value in read_env_file(path).items():
            os.environ.setdefault(name, value)
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


config_file = _servers(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file with `mcpServers`, in the format of Claude Desktop.",
)
env_file = _servers(
    "--env-file",
    type=_FILE,
    is_eager=True,
    expose_value=False,
    callback=lambda _context, _parameter, path: _read_env(path),
    help="Read environment variables from this file, such as .env. Variables that are set already keep their value.",
)
no_browser = _servers(
    "--no-browser", is_flag=True, help="Only print the address of the login page, and open no browser."
)
which_servers = together(
    config_file,
    env_file,
    _servers(
        "--server",
        "servers",
        multiple=True,
        metavar="NAME|URL|COMMAND",
        help="Use this server: a name from --config, a URL, or a command to start. Can be repeated.",
    ),
    _servers(
        "--connect-timeout",
        type=Seconds(least=0.1),
        default=CONNECT_TIMEOUT,
        help="How long starting a server or connecting to one may take.",
    ),
)
new_server = together(
    _servers("--env", "env", multiple=True, metavar="NAME=VALUE", help="A variable for the command."),
    _servers("--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header for the URL."),
    _servers(
        "--transport",
        type=click.Choice(["http", "sse"]),
        help="The transport of the URL.  [default: http]",
        show_default=False,
    ),
    _servers(
        "--from",
        "source",
        metavar="PROGRAM|FILE",
        help="Take servers from claude-desktop, claude-code, cursor or vscode, or from a file in their format.",
    ),
    _servers("--force", is_flag=True, help="Replace a server of the same name."),
)
as_json = _output("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
output_files = together(
    _output("--quiet", is_flag=True, help="Show no progress on stderr."),
    _output("--events", type=_FILE, help="Record every event in this file, as JSON lines."),
    _output("--timeline", type=_FILE, help="Write a timeline of the run to this file, as one HTML page."),
    _output("--force", is_flag=True, help="Let --events and --timeline overwrite files of any kind."),
    *log_options(),
)
durable_dir = _durable(
    "--durable-dir", type=_FOLDER, envvar="ORCHESTRATOR_RUNS", help="The folder in which runs are stored."
)
timeline_output = together(
    _output("-o", "--output", type=_FILE, help="The page to write.  [default: RECORDING, ending in .html]"),
    _output("--force", is_flag=True, help="Overwrite a file of any kind, not only an earlier timeline."),
)
all_options = together(
    _servers(
        "--agent",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="Let the agent of this Markdown file orchestrate, with the MCP servers it names.",
    ),
    which_servers,
    _servers("--local", is_flag=True, help="Run all tools in this process, without servers."),
    _servers(
        "--allow",
        multiple=True,
        metavar="PATTERN",
        help="Allow tools of untrusted servers to change things: a name, server__name, or a pattern such as git_*. Can "
        "be repeated.",
    ),
    _servers(
        "--deny",
        multiple=True,
        metavar="PATTERN",
        help="Do not use these tools of servers: a name, server__name, or a pattern. Can be repeated.",
    ),
    _servers(
        "--prompt",
        metavar="SERVER:PROMPT",
        help="Ask with this prompt of a server. The words of the command line are its arguments, each NAME=VALUE.",
    ),
    _servers(
        "--tool-search",
        type=click.Choice(["auto", "local", "never"]),
        default="auto",
        help="Where to search for tools if there are too many to list: in Anthropic's API if possible (auto), or here.",
    ),
    _servers(
        "--max-calls",
        type=click.IntRange(min=1),
        default=MAX_CALLS,
        help="Concurrent calls to each server; further calls wait.",
    ),
    _models(
        "--model",
        envvar="ORCHESTRATOR_MODEL",
        default=ORCHESTRATOR_MODEL,
        help="The model that splits the question and delegates its parts.",
    ),
    _models(
        "--calculator-model",
        envvar="CALCULATOR_MODEL",
        default=CALCULATOR_MODEL,
        help="The model of the calculator agents.",
    ),
    _models(
        "--base-url",
        type=Url(),
        metavar="URL",
        help="The server of the model, for example a local one without a key.",
    ),
    _models("--provider", type=click.Choice(PROVIDERS), default="anthropic", help=PROVIDER_HELP),
    _models("--offline", is_flag=True, help="Use the built-in reader: fixed rules, not a language model."),
    _limits(
        "--max-usd",
        type=Usd(),
        help="What the run and its agents may cost, in US dollars, estimated from list prices.",
    ),
    _limits("--max-tokens", type=_COUNT, help="Tokens of all prompts and answers, including the agents'."),
    _limits("--max-turns", type=_COUNT, help="Turns of all models, including the agents'."),
    _limits("--deadline", type=Seconds(), help="Seconds the run may take; in a chat, each question."),
    _limits(
        "--policy",
        type=click.Choice(["all", "best-effort"]),
        default="all",
        help="Whether a run fails if one part of it fails, or answers with the parts that succeeded.",
    ),
    _limits(
        "--no-early-tool-calls",
        is_flag=True,
        help="Start tool calls only when the model's message is complete.",
    ),
    *cost_options("Limits"),
    as_json,
    output_files,
    _limits(
        "--answers",
        type=_FILE,
        help="Answer questions of agents from this JSON file, for scripts: an object of patterns and answers.",
    ),
    _output("--demo", is_flag=True, help="Ask a sample question about three stores."),
    _durable("--durable", is_flag=True, help="Store the run, so that `resume` can finish it after a crash."),
    durable_dir,
)
