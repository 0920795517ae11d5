"""From the options of a command line to who orchestrates with what."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agentloop import ConfigurationError
from mcp_calc_server.calculator import calculator_assistant, local_twins
from offline_model.choice import ModelChoice, choose_model
from orchestrator_client.config import ServerEntry, read_config, servers_to_use
from orchestrator_client.durable import STORE_VARIABLE, DurableRun
from orchestrator_client.orchestrator import Setup

_HANDED_ON = re.compile(r"ANTHROPIC_\w+|OTEL_\w+|(?i:https?|all|no)_(?i:proxy)|SSL_CERT_(FILE|DIR)")


def setup_from(options: Mapping[str, Any], say: Callable[[str], None], run: DurableRun | None = None) -> Setup:
    """What the options ask for, for a `run` that is kept or none. `say` hears which model it is if none was chosen.

    Raises:
        click.UsageError: a server's configuration is wrong.
    """
    way = {"offline": options["offline"], "base_url": options.get("base_url")}
    orchestrator, calculator = choose_model(options["model"], **way), choose_model(options["calculator_model"], **way)
    if orchestrator.notice and not options["quiet"]:
        say(orchestrator.notice)
    return Setup(
        model=orchestrator.model,
        client=orchestrator.client,
        servers={} if options["local"] else servers_from(options["config"], options["words"], calculator, run),
        twins=local_twins(calculator_assistant(model=calculator.model, client=calculator.client)),
        connect_timeout=options["connect_timeout"],
        max_calls=options["max_calls"],
        eager=not options["no_eager"],
        keys=None if run is None else run.id,
    )


def servers_from(
    config: Path | None, words: Sequence[str], calculator: ModelChoice, run: DurableRun | None = None
) -> dict[str, ServerEntry]:
    """The servers that `--config` and `--server` name; `calculator` is whom our own server asks.

    Raises:
        click.UsageError: a server's configuration is wrong.
    """
    try:
        configured = {} if config is None else read_config(config)
        return servers_to_use(words, configured, _own_env(calculator, run))
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None


def _own_env(calculator: ModelChoice, run: DurableRun | None) -> Mapping[str, str]:
    """What our own server is given: the same choice of model, the credentials and the way to the API, a run's store.

    A child inherits none of them by itself.
    """
    passed_on = {name: value for name, value in os.environ.items() if _HANDED_ON.fullmatch(name)}
    choice = {"CALCULATOR_OFFLINE": "1"} if calculator.offline else {"CALCULATOR_MODEL": calculator.model}
    choice |= {"ANTHROPIC_BASE_URL": calculator.base_url} if calculator.base_url else {}
    return passed_on | choice | ({} if run is None else {STORE_VARIABLE: run.server_store})
