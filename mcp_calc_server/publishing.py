"""From the options of a command line to tools, agents, an address and a store."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentloop import Agent, ConfigurationError, Tool, prices, sdk_client
from agentloop.command_line import flag
from agentloop.mcp.server.program import default_name, find_published
from agentloop.mcp.server.prompts import Prompt
from agentloop.mcp.server.resources import Resource
from agentloop.mcp.server.serving import Durable, Lifespan, ServerInfo
from mcp_calc_server.calculator import agent_tool_async, calculator_assistant, math_tools_async
from mcp_calc_server.options import NEED_DURABLE, TOKEN_VARIABLE, Options, PublishedOptions
from offline_model.choice import ModelChoice

if TYPE_CHECKING:
    from agentloop.agent_files import AgentFile
    from agentloop.durable.sharing import Sharing
    from agentloop.mcp.server import access, web

Say = Callable[[str], None]
DEFAULT_PATHS = {"streamable-http": "/mcp", "sse": "/sse"}
CALCULATOR = "mcp-calc-server"
"""The name of the server that publishes the calculator."""


@dataclass(slots=True)
class Published:
    """What a server publishes: `items`, and what the `lifespan` yields.

    `agents` are those of the items, also behind tools, and `names` those of all agents and tools that are the user's.
    """

    items: list[Agent | Tool] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    lifespan: Lifespan | None = None
    names: list[str] = field(default_factory=list)
    has_calculator: bool = False
    prompts: list[Prompt] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    modules: list[Path] = field(default_factory=list)
    """The user's modules that were imported: the file of each, or the folder of its package."""
    files: list[AgentFile] = field(default_factory=list)
    """The agents of `--agents`."""
    sources: list[Path] = field(default_factory=list)
    """The files of `--agents` that are published: agents, their schemas, prompts and resources."""
    notice: str = ""
    """What does not work without an API key, if none was found."""

    def info(self, options: PublishedOptions) -> ServerInfo:
        """What clients see of the server: what the options say, and otherwise what follows from what is published."""
        name, title, label = default_name(self.names), None, "0"
        if self.has_calculator:
            name, title, label = CALCULATOR, "Calculator", version(CALCULATOR)
        return ServerInfo(
            options.name or name,
            options.title or (None if options.name else title),
            options.version_label or label,
            options.instructions,
        )

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """The variables for a server that is started in another folder, with the way to the modules of this one."""
        here = Path.cwd()
        if not any(path.is_relative_to(here) for path in self.modules):
            return dict(env)
        paths = [env["PYTHONPATH"]] if "PYTHONPATH" in env else []
        return {**env, "PYTHONPATH": os.pathsep.join([*paths, str(here)])}


def published(options: PublishedOptions, say: Say, *, own_model: bool = False, durable: bool = False) -> Published:
    """What the options say is to be published. With `own_model`, `--model` is for the agents of `--publish` too.

    With `durable`, the servers of agent files have to be up when the process starts.

    Raises:
        ConfigurationError: there is nothing, or something that cannot be published.
    """
    options.apply_costs()
    choice = options.choice()
    prices.register_if_local(choice.model, choice.base_url, is_local=choice.offline)
    found = Published(has_calculator=options.calculator or not (options.publish or options.agents))
    if found.has_calculator:
        agent = calculator_assistant(model=choice.model, client=choice.client)
        found.items += [*math_tools_async(), agent_tool_async(agent)]
        found.agents.append(agent)
        found.notice = choice.notice or ""
    without_key = _add_modules(found, options, choice, own_model=own_model)
    without_key += _add_files(found, options, say, durable=durable) if options.agents else []
    if choice.notice and without_key:  # only the calculator has the offline model instead
        found.notice += (
            f"{' ' if found.notice else ''}no API key found: calls of {', '.join(without_key)} will fail. Set "
            "ANTHROPIC_API_KEY, or name a local model's server with --base-url."
        )
    return found


def _add_modules(found: Published, options: PublishedOptions, choice: ModelChoice, *, own_model: bool) -> list[str]:
    """Add what `--publish` names. Returns the agents that need an API key."""
    named = [each for name in options.publish for each in find_published(name)]
    items = [
        _adapted(each, options, choice, own_model=own_model) if isinstance(each, Agent) else each for each in named
    ]
    agents = [each for each in items if isinstance(each, Agent)]
    for agent in agents:
        if agent.client in (sdk_client, choice.client):
            prices.register_if_local(agent.model, choice.base_url)
    found.items += items
    found.agents += agents
    found.names += [each.name for each in named]
    found.modules += module_files(options.publish)
    return [agent.name for agent in agents if agent.client is sdk_client]


def _add_files(found: Published, options: PublishedOptions, say: Say, *, durable: bool) -> list[str]:
    """Add what `--agents` names. Returns the agents, which need an API key."""
    from mcp_calc_server import files  # noqa: PLC0415 - needs a YAML parser

    checked = files.check_files(options.agents, options)
    alone, found.lifespan = files.published_files(checked, say, durable=durable)
    found.items += [item.tool for item in alone if item.tool is not None]
    found.agents += [item.agent for item in alone if item.agent is not None]
    names = [item.file.name for item in checked.items]
    found.names += names
    found.prompts += checked.prompts.values()
    found.resources += checked.resources.values()
    found.modules += module_files([name for item in checked.items for name in item.file.tools or () if ":" in name])
    found.files += [item.file for item in checked.items]
    found.sources += [path for file in found.files for path in (file.path, *file.schema_files)]
    found.sources += [*checked.prompts, *checked.resources]
    return names


def module_files(names: Sequence[str]) -> list[Path]:
    """Where the modules of `module:attribute` names are, if they are imported: a file, or the folder of a package."""
    found = dict.fromkeys(sys.modules.get(re.split("[.:]", name)[0]) for name in names)
    places = [getattr(module, "__path__", None) or [getattr(module, "__file__", None)] for module in found if module]
    return [Path(place) for (place, *_) in places if place]


def _adapted(agent: Agent, options: PublishedOptions, choice: ModelChoice, *, own_model: bool) -> Agent:
    """A published agent with the model and the server of the model that the options name.

    Raises:
        ConfigurationError: an option is for all agents, and one that this one delegates to cannot be reached by it.
    """
    changes: dict[str, Any] = {}
    if options.offline:
        changes = {"model": choice.model, "client": choice.client}
    else:
        changes |= {"model": options.model} if own_model else {}
        is_named = options.base_url or options.provider != "anthropic"
        changes |= {"client": choice.client} if is_named and agent.client is sdk_client else {}
    inner = next((tool.name for tool in agent.tools if tool.spec.is_agent and tool.served_by == "local"), None)
    if inner and "client" in changes:
        option = "--offline" if options.offline else "--base-url" if options.base_url else "--provider"
        raise ConfigurationError(
            f"{option} cannot be used with {agent.name}: its tool {inner} is an agent that would ask its own model. "
            "Give both agents a client= in the module, or set ANTHROPIC_BASE_URL, which holds for all agents."
        )
    return replace(agent, **changes) if changes else agent


def address(options: Options) -> web.Address | None:
    """Where to listen; None for stdio."""
    if options.transport == "stdio":
        return None
    from agentloop.mcp.server import connections, web  # noqa: PLC0415 - only for HTTP

    path = options.path or DEFAULT_PATHS[options.transport]
    if not path.startswith("/"):
        raise ConfigurationError(f"--path {path}: a path begins with a slash.")
    return web.Address(
        transport=options.transport,
        host=options.host,
        port=options.port,
        path=path,
        names=options.allow_host,
        proxies=connections.Proxies(options.trusted_proxy),
        access=_access(options),
    )


def _access(options: Options) -> access.Access:
    from agentloop.mcp.server import access  # noqa: PLC0415 - only for HTTP

    token = access.read_token(options.token_file) if options.token_file else os.environ.get(TOKEN_VARIABLE) or None
    issuer, audience, jwks = options.oauth_issuer, options.oauth_audience, options.oauth_jwks
    if issuer and audience and jwks:
        oauth = access.OAuth(issuer, audience, jwks, access.Scopes.of(options.oauth_scope))
        return access.access_for(options.host, token=token, oauth=oauth)
    if issuer or audience or jwks or options.oauth_scope:
        raise ConfigurationError("--oauth-issuer, --oauth-audience and --oauth-jwks have to be given together.")
    return access.access_for(options.host, token=token, oauth=None)


def durable(options: Options, agents: Sequence[Agent]) -> Durable | None:
    """The store for the runs of the agents; None without `--durable`."""
    given = [name for name in NEED_DURABLE if getattr(options, name)]
    if not options.durable:
        if given:
            raise ConfigurationError(f"{flag(given[0])} needs --durable: the run has to be stored.")
        return None
    shares = any(name.startswith("queue") for name in given)
    return Durable(options.durable, agents, options.respond_within, sharing(options) if shares else None)


def sharing(options: Options) -> Sharing:
    """How this process shares the runs of a PostgreSQL store with others."""
    from agentloop.durable.sharing import Sharing  # noqa: PLC0415 - only for durable runs

    at_once, per_worker = options.queue_runs or Sharing().at_once, options.queue_runs_per_worker
    if per_worker is not None and per_worker > at_once:
        raise ConfigurationError(f"--queue-runs-per-worker {per_worker} is more than --queue-runs, {at_once}.")
    return Sharing(
        at_once=at_once,
        per_worker=per_worker,
        per_owner=options.queue_runs_per_owner,
        starts_per_minute=options.queue_starts_per_minute,
        works=not options.queue_only,
        version=options.queue_version,
    )
