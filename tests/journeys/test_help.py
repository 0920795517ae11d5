"""The help: every option has a text and a group. And what a shell completes."""

from collections.abc import Iterator

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from mcp_calc_server.cli import main as server
from orchestrator_client.cli import main as client

COMMANDS: dict[str, click.Command] = {
    "orchestrator-client": client,
    **{f"orchestrator-client {name}": command for name, command in client.commands.items()},
    "mcp-calc-server": server,
    **{f"mcp-calc-server {name}": command for name, command in server.commands.items()},
}


def options(command: click.Command) -> Iterator[click.Option]:
    return (parameter for parameter in command.params if isinstance(parameter, click.Option))


@pytest.mark.requirement("help")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_text_and_is_in_the_help(name: str) -> None:
    command = COMMANDS[name]
    assert [option.opts for option in options(command) if not option.help] == []
    shown = CliRunner().invoke(command, ["--help"]).stdout
    assert [option.opts for option in options(command) if option.opts[-1] not in shown] == []


@pytest.mark.requirement("help")
@pytest.mark.parametrize("command", [client, server], ids=["client", "server"])
def test_the_help_has_groups_examples_credentials_and_whole_sentences(command: click.Command) -> None:
    shown = CliRunner().invoke(command, ["--help"]).stdout
    assert all(words in shown for words in ("Examples:", "ANTHROPIC_API_KEY", "Shell completion"))
    assert not any(line.endswith("...") for line in shown.splitlines() if not line.startswith(("Usage", " " * 4)))
    assert "\nOptions:\n" not in shown


def completed(command: click.Command, *words: str) -> list[str]:
    complete = ShellComplete(command, {}, command.name or "", "_COMPLETE")
    return [item.value for item in complete.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.requirement("help")
def test_a_shell_completes_commands_and_their_options() -> None:
    assert completed(client, "t") == ["timeline", "tools"]
    assert completed(client, "What", "t") == []
    assert completed(client, "--max-u") == ["--max-usd"]
    assert completed(client, "timeline", "--o") == ["--output"]
    assert completed(client, "tools", "--con") == ["--config", "--connect-timeout"]
    assert completed(server, "in") == ["install"]
    assert completed(server, "install", "cl") == ["claude-desktop", "claude-code"]
