"""The commands `add`, `remove` and `list`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentloop import ConfigurationError
from agentloop.command_line import print_result
from agentloop.mcp.client.config_file import read_document
from agentloop.narration import clip
from agentloop.redaction import without_passwords
from orchestrator_client import configuration
from orchestrator_client.lines import say


def add_servers(
    name: str | None,
    reached_by: Sequence[str],
    *,
    env: Sequence[str],
    headers: Sequence[str],
    transport: str | None,
    source: str | None,
    force: bool,
) -> None:
    """Write one server, or those of another program, into the user's file.

    Raises:
        ConfigurationError: something is missing or wrong.
    """
    if source is not None:
        if reached_by or env or headers or transport:
            raise ConfigurationError("--from takes servers as they are. Leave out the command or URL and its options.")
        _take_over(name, source, force=force)
        return
    if name is None or not reached_by:
        raise ConfigurationError("Say what to add: a name, and a command or URL. Or --from claude-desktop.")
    entry = _entry(reached_by, env, headers, transport)
    configuration.add(name, entry, force=force)
    say(f"added: {name}, in {configuration.user_file()}")
    command = entry.get("command", "")
    if command and "${" not in command and shutil.which(command) is None:
        say(f"There is no program {clip(command, 80)!r} here now: {name} will not start.")


def remove_server(name: str) -> None:
    configuration.remove(name)
    say(f"removed: {name}")


def list_servers() -> None:
    """Print a line for each configured server: its name, where it is configured, and what it starts or connects to."""
    lines = [*_listed(configuration.user_file(), "yours"), *_listed(configuration.PROJECT, "of this folder")]
    for line in lines:
        print_result(line)
    if not lines:
        say("No server is configured. Add one: orchestrator-client add NAME COMMAND|URL")


def _listed(path: Path, whose: str) -> Iterator[str]:
    if path.exists():
        for name, reached_by in configuration.described(read_document(path)):
            yield f"{name} ({whose}): {reached_by}"


def _take_over(name: str | None, source: str, *, force: bool) -> None:
    path, entries = configuration.servers_of_host(source)
    if name is not None and name not in entries:
        raise ConfigurationError(f"{path} has no server {name!r}. It has: {', '.join(entries)}.")
    added = 0
    for each in entries if name is None else [name]:
        try:
            configuration.add(each, entries[each], force=force)
        except ConfigurationError as error:
            say(f"not added: {each}: {error}")
        else:
            say(f"added: {each}, in {configuration.user_file()}")
            added += 1
    if not added:
        raise ConfigurationError(f"No server of {path} was added.")


def _entry(
    reached_by: Sequence[str], env: Sequence[str], headers: Sequence[str], transport: str | None
) -> dict[str, Any]:
    first, *rest = reached_by
    if first.startswith(("http://", "https://")):
        if rest or env:
            raise ConfigurationError("A URL takes --header and --transport, but neither arguments nor --env.")
        entry: dict[str, Any] = {"url": first}
        entry |= {"type": transport} if transport else {}
        return entry | ({"headers": _pairs(headers, ":", "--header")} if headers else {})
    if headers or transport:
        raise ConfigurationError("--header and --transport are for a URL.")
    if "://" in first:
        raise ConfigurationError(f"{without_passwords(first)} is not an http:// or https:// address.")
    entry = {"command": first}
    entry |= {"args": rest} if rest else {}
    return entry | ({"env": _pairs(env, "=", "--env")} if env else {})


def _pairs(given: Sequence[str], separator: str, option: str) -> Mapping[str, str]:
    found = {}
    for each in given:
        name, is_pair, value = each.partition(separator)
        if not is_pair or not name.strip():
            raise ConfigurationError(f"{option} {name!r}: NAME{separator}VALUE is needed.")
        found[name.strip()] = value.strip() if separator == ":" else value
    return found
