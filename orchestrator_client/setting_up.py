"""From the options of a command line to a model, servers and local fallbacks."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from agentloop import ConfigurationError, prices
from agentloop.mcp.client.config import ServerEntry, servers_to_use
from agentloop.mcp.client.config_file import read_config
from agentloop.prompt_cache import DIAGNOSTICS_VARIABLE
from agentloop.tool_search import How
from mcp_calc_server.calculator import CALCULATOR_MODEL, calculator_assistant, local_fallbacks
from offline_model.choice import ModelChoice, choose_model
from orchestrator_client.configuration import project_names, project_servers, user_servers
from orchestrator_client.durable import STORE_VARIABLE, DurableRun
from orchestrator_client.lines import can_ask, say
from orchestrator_client.options import Options
from orchestrator_client.orchestrator import Session
from orchestrator_client.progress import MakeSession

if TYPE_CHECKING:
    from agentloop.agent_files import AgentFile

OWN_SERVER = "mcp-calc-server"

_HANDED_ON = re.compile(r"ANTHROPIC_\w+|AGENTLOOP_\w+|OTEL_\w+|(?i:https?|all|no)_(?i:proxy)|SSL_CERT_(FILE|DIR)")
_OF_PROVIDER = {
    "bedrock": re.compile(r"AWS_\w+"),
    "vertex": re.compile(r"GOOGLE_\w+|CLOUDSDK_\w+|CLOUD_ML_REGION"),
    "foundry": re.compile(r"AZURE_\w+"),
}
"""What a provider's client reads from the environment besides `ANTHROPIC_*`."""


def session_from(options: Options, run: DurableRun | None = None) -> tuple[MakeSession, str | None]:
    """The session that the options describe, and a notice about the model if the user did not choose it.

    With `run`, the calls of the session belong to that durable run.

    Raises:
        ConfigurationError: the configuration of a server, or of the provider, is wrong.
    """
    options.apply_costs()
    if options.events:
        os.environ.setdefault(DIAGNOSTICS_VARIABLE, "1")  # also for its own server
    choose = partial(choose_model, offline=options.offline, base_url=options.base_url, provider=options.provider)
    orchestrator, calculator = choose(options.model), choose(options.calculator_model)
    for choice in (orchestrator, calculator):
        prices.register_if_local(choice.model, choice.base_url, is_local=choice.offline)
    agent, servers = _agent_and_servers(options, calculator, run)
    if agent is not None:
        from agentloop.file_agents import resolve_model  # noqa: PLC0415 - needs a YAML parser

        prices.register_if_local(resolve_model(agent.model, orchestrator.model), orchestrator.base_url)
    has_calculator = agent is None or any(map(is_calculator, servers.values()))
    assistant = calculator_assistant(model=calculator.model, client=calculator.client)
    make_session = partial(
        Session,
        servers,
        model=orchestrator.model,
        client=orchestrator.client,
        fallback=local_fallbacks(assistant) if has_calculator else [],
        fallback_servers=[name for name, entry in servers.items() if is_calculator(entry)],
        allow=(*options.allow, *_allowed_by(agent)),
        deny=options.deny,
        must_match=options.deny if _is_typed("deny") else (),
        tool_search=_tool_search(options.tool_search, orchestrator),
        connect_timeout=options.connect_timeout,
        max_calls=options.max_calls,
        early_tool_calls=not options.no_early_tool_calls,
        keys=None if run is None else run.id,
        agent=replace(agent, model=orchestrator.model) if agent is not None and orchestrator.offline else agent,
    )
    return make_session, orchestrator.notice


def _allowed_by(agent: AgentFile | None) -> Sequence[str]:
    if agent is None:
        return ()
    from agentloop.mcp.file_agents import allowed_by  # noqa: PLC0415 - needs a YAML parser

    return allowed_by(agent)


def _is_typed(option: str) -> bool:
    """Whether the option is on the command line. The defaults of the user's file hold for servers of all runs."""
    context = click.get_current_context(silent=True)
    return context is not None and context.get_parameter_source(option) is ParameterSource.COMMANDLINE


def _tool_search(given: str, model: ModelChoice) -> How:
    """The API's own search on Anthropic's API only: other servers that speak the Messages API rarely have it."""
    if given == "never":
        return "never"
    is_elsewhere = model.offline or model.base_url or os.environ.get("ANTHROPIC_BASE_URL")
    is_anthropic = model.provider == "anthropic" and not is_elsewhere
    return "api" if given == "auto" and is_anthropic else "local"


def _agent_and_servers(
    options: Options, calculator: ModelChoice, run: DurableRun | None
) -> tuple[AgentFile | None, dict[str, ServerEntry]]:
    """The agent of `--agent`, and the servers: those that it names and those of the other options.

    The calculator is not one of an agent's servers unless it is named.
    """
    if options.agent is None:
        return None, {} if options.local else servers_from(options.config, options.servers, calculator, run)
    agent, servers = _read_agent(options.agent, options.config)
    if options.servers or (options.config is not None and not servers):
        servers |= servers_from(options.config, options.servers, calculator, run)
    return agent, {} if options.local else servers


def _read_agent(path: Path, config: Path | None) -> tuple[AgentFile, dict[str, ServerEntry]]:
    """The agent of a file, and the MCP servers that it names. There has to be one, and without errors."""
    from agentloop.agent_files import load_agents  # noqa: PLC0415 - needs a YAML parser
    from agentloop.file_agents import select_tools  # noqa: PLC0415
    from agentloop.mcp.file_agents import read_config_for, servers_of  # noqa: PLC0415

    loaded = load_agents(path)
    configured = read_config_for(loaded.files, config, say)
    problems = list(loaded.problems)
    servers: dict[str, ServerEntry] = {}
    for file in loaded.files:
        servers, found = servers_of(file, configured)
        problems += [*found, *select_tools(file, pending=None).problems]
    if errors := [str(problem) for problem in problems if problem.level == "error"]:
        raise ConfigurationError("\n".join(["--agent:", *errors]))
    if len(loaded.files) != 1:
        raise ConfigurationError(f"--agent {path}: {len(loaded.files)} agents are there; name the file of one.")
    for problem in problems:
        say(str(problem))
    return loaded.files[0], servers


def servers_from(
    config: Path | None,
    servers: Sequence[str],
    calculator: ModelChoice | None = None,
    run: DurableRun | None = None,
) -> dict[str, ServerEntry]:
    """The servers that `--config` and `--server` name. `calculator` is the model for this project's own server.

    Without `--config` they are this project's own server and those of the user's and the folder's files.

    Raises:
        ConfigurationError: the configuration of a server is wrong.
    """
    own = own_server(_own_env(calculator or choose_model(CALCULATOR_MODEL), run))
    servers = [_by_name_if_own(each) for each in servers]
    if config is not None:
        configured = read_config(config, say, servers or None)
        chosen = servers_to_use(servers, configured, own)
    else:
        configured = _configured(servers)
        chosen = servers_to_use(servers, {**own, **configured}, own)
    _check_commands(chosen, configured)
    return chosen


def _configured(servers: Sequence[str]) -> dict[str, ServerEntry]:
    """The servers of the user's file and, if they may be wanted, of the project's; the user's own come first."""
    own = user_servers(say, servers or None)
    if servers and not set(servers) & project_names() - set(own):
        return own
    confirm = partial(click.confirm, err=True) if can_ask() else None
    return {**project_servers(say, confirm, servers or None), **own}


def _check_commands(chosen: Mapping[str, ServerEntry], configured: Mapping[str, ServerEntry]) -> None:
    """Refuse a `--server` whose command does not exist: it may be the misspelled name of a configured server."""
    for name, entry in chosen.items():
        if name in configured or entry.command in {None, sys.executable}:  # the latter is this project's own server
            continue
        if shutil.which(str(entry.command)) is None:
            known = f" Configured servers: {', '.join(configured)}." if configured else ""
            raise ConfigurationError(
                f"--server {entry.command!r} is not a configured server, a URL or an installed command.{known}"
            )


def own_server(env: Mapping[str, str]) -> dict[str, ServerEntry]:
    """The calculator's server of this installation, which need not be on PATH."""
    args = ("-m", "mcp_calc_server")
    return {OWN_SERVER: ServerEntry(command=sys.executable, args=args, env=env, trusted=True)}


def _by_name_if_own(given: str) -> str:
    """A `--server` that is a path of this installation's `mcp-calc-server`, as its name: it then gets the model too."""
    try:
        command, *args = shlex.split(given)
    except ValueError:
        return given
    found = Path(shutil.which(command) or "")
    is_own = found.stem == OWN_SERVER and found.absolute().parent == Path(sys.executable).parent
    return shlex.join([OWN_SERVER, *args]) if is_own and found.name != command else given


def is_calculator(entry: ServerEntry) -> bool:
    """Whether the entry starts the calculator's server, which offers the same tools as the local fallbacks."""
    command = [Path(word).name.removesuffix(".exe") for word in (entry.command or "", *entry.args)]
    is_server = bool({"mcp-calc-server", "mcp_calc_server"} & set(command))
    options = {word.partition("=")[0] for word in entry.args}
    return is_server and ("--calculator" in options or not {"--publish", "--agents"} & options)


def _own_env(calculator: ModelChoice, run: DurableRun | None) -> Mapping[str, str]:
    """The environment of this project's own server: model, credentials, proxies, certificates, and a run's store.

    The MCP SDK passes none of these to a child process.
    """
    passed_on = {name: value for name, value in os.environ.items() if _HANDED_ON.fullmatch(name)}
    choice = {"CALCULATOR_OFFLINE": "1"} if calculator.offline else {"CALCULATOR_MODEL": calculator.model}
    address = "ANTHROPIC_BASE_URL"
    if calculator.provider != "anthropic":
        variables, address = _OF_PROVIDER[calculator.provider], f"ANTHROPIC_{calculator.provider.upper()}_BASE_URL"
        passed_on |= {name: value for name, value in os.environ.items() if variables.fullmatch(name)}
        choice |= {"CALCULATOR_PROVIDER": calculator.provider}
    choice |= {address: calculator.base_url} if calculator.base_url else {}
    return passed_on | choice | ({} if run is None else {STORE_VARIABLE: run.server_store})
