"""From the options of a command line to tools, agents, an address and a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agentloop import Agent, ConfigurationError, Tool, prices
from agentloop.mcp.server.publish import find_agents
from agentloop.mcp.server.serving import Durable
from agentloop.prompt_cache import CACHE_VARIABLE
from mcp_calc_server.calculator import agent_tool_async, calculator_assistant, math_tools_async
from mcp_calc_server.options import NEED_DURABLE, TOKEN_VARIABLE, Options, flag
from offline_model.choice import ModelChoice, choose_model

if TYPE_CHECKING:
    from agentloop.durable.sharing import Sharing
    from agentloop.mcp.server import access, web

Say = Callable[[str], None]
DEFAULT_PATHS = {"streamable-http": "/mcp", "sse": "/sse"}


def published(options: Options, say: Say) -> tuple[list[Tool], list[Agent], list[Agent]]:
    """The tools to publish, the user's agents, and the agents behind the tools."""
    if options.no_calculator and not (options.publish or options.agents):
        raise ConfigurationError("--no-calculator without --publish or --agents leaves nothing to publish.")
    if options.no_cache:
        os.environ[CACHE_VARIABLE] = "off"
    if options.prices:
        prices.register_file(options.prices)
    modules = [agent for name in options.publish for agent in find_agents(name)]
    if options.no_calculator and not options.agents:
        return [], modules, []
    choice = choose_model(options.model, offline=options.offline, base_url=options.base_url, provider=options.provider)
    prices.register_if_local(choice.model, choice.base_url)
    tools, behind = _of_files(options, choice, say) if options.agents else ([], [])
    if options.no_calculator:
        return tools, modules, behind
    if choice.offline:
        prices.register(choice.model, input=0, output=0)
    if choice.notice:
        say(choice.notice)
    calculator = calculator_assistant(model=choice.model, client=choice.client)
    return [*math_tools_async(), agent_tool_async(calculator), *tools], modules, [calculator, *behind]


def _of_files(options: Options, choice: ModelChoice, say: Say) -> tuple[list[Tool], list[Agent]]:
    """The tools of agent files and the agents behind them."""
    from mcp_calc_server import files  # noqa: PLC0415 - needs a YAML parser

    checked = files.check_files(options.agents, choice, model=options.model, offline=options.offline)
    return files.published_files(checked, say)


def address(options: Options) -> web.Address | None:
    """Where to listen; None for stdio."""
    if options.transport == "stdio":
        return None
    from agentloop.mcp.server import proxies, web  # noqa: PLC0415 - only for HTTP

    path = options.path or DEFAULT_PATHS[options.transport]
    if not path.startswith("/"):
        raise ConfigurationError(f"--path {path}: a path begins with a slash.")
    return web.Address(
        transport=options.transport,
        host=options.host,
        port=options.port,
        path=path,
        names=options.allow_host,
        proxies=proxies.Proxies(options.trusted_proxy),
        access=_access(options),
    )


def _access(options: Options) -> access.Access:
    from agentloop.mcp.server import access  # noqa: PLC0415 - only for HTTP

    token = access.read_token(options.token_file) if options.token_file else os.environ.get(TOKEN_VARIABLE) or None
    issuer, audience, jwks = options.oauth_issuer, options.oauth_audience, options.oauth_jwks
    if issuer and audience and jwks:
        return access.access_for(options.host, token=token, oauth=access.OAuth(issuer, audience, jwks))
    if issuer or audience or jwks:
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
