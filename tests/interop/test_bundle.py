"""The bundle for Claude Desktop: the official validator accepts it, and its command serves the tools."""

import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bundle.build import build, contents, manifest
from tests.interop.clients import (
    HANDSHAKE,
    MODERN,
    PROMPT,
    ROOT,
    TOOLS,
    check_answer,
    npm_command,
    npm_version,
    output,
    pip_version,
    python_of,
    scratch_home,
)
from tests.interop.conftest import Begin
from tests.processes import SERVER, OwnedClient

MCPB = "@anthropic-ai/mcpb"


def test_the_manifest_says_what_the_project_and_the_contract_say(row: Begin) -> None:
    report = row("bundle", "-", "-", "manifest")
    made = manifest()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    contract = json.loads((ROOT / "schemas.json").read_text(encoding="utf-8"))["tools"]
    assert (made["name"], made["version"]) == (project["name"], project["version"])
    assert [tool["name"] for tool in made["tools"]] == [tool["name"] for tool in contract]
    assert all("default" in setting for setting in made["user_config"].values())
    assert made["user_config"]["anthropic_api_key"]["sensitive"] is True
    assert contents()[made["icon"]].startswith(b"\x89PNG")
    assert all(made[link].startswith("https://") for link in ("homepage", "documentation", "support"))
    assert (ROOT / made["documentation"].rpartition("/main/")[2]).is_file()
    assert made["privacy_policies"]
    report("same version and tools as pyproject.toml and schemas.json")


def test_the_same_sources_make_the_same_bundle(row: Begin, tmp_path: Path) -> None:
    report = row("bundle", "-", "-", "built twice")
    assert build(tmp_path / "one").read_bytes() == build(tmp_path / "two").read_bytes()
    report("same bytes")


async def test_the_official_tool_accepts_the_bundle(row: Begin, tmp_path: Path) -> None:
    report = row(f"mcpb {npm_version(MCPB)}", "-", "-", "validate, unpack")
    mcpb = npm_command(MCPB, "dist/cli/cli.js")
    env = scratch_home(tmp_path)
    await output([*mcpb, "unpack", str(build(tmp_path)), str(tmp_path / "unpacked")], env=env)
    await output([*mcpb, "validate", str(tmp_path / "unpacked/manifest.json")], env=env)
    assert json.loads((tmp_path / "unpacked/manifest.json").read_text(encoding="utf-8")) == manifest()
    report("valid")


async def test_the_official_tool_accepts_a_bundle_of_the_users_agents(row: Begin, tmp_path: Path) -> None:
    report = row(f"mcpb {npm_version(MCPB)}", "-", "-", "validate a bundle of examples/agents")
    mcpb, path = npm_command(MCPB, "dist/cli/cli.js"), tmp_path / "my.mcpb"
    env = scratch_home(tmp_path, PYTHONPATH=f"{ROOT}:{ROOT / 'examples'}")
    await output([*SERVER, "bundle", "--agents", str(ROOT / "examples/agents"), "-o", str(path)], env=env)
    await output([*mcpb, "unpack", str(path), str(tmp_path / "unpacked")], env=env)
    await output([*mcpb, "validate", str(tmp_path / "unpacked/manifest.json")], env=env)
    report("valid")


@pytest.mark.timeout(400)
async def test_the_unpacked_bundle_serves_the_tools_in_a_clean_environment(row: Begin, tmp_path: Path) -> None:
    report = row(
        f"bundle, uv {pip_version('uv')}", "stdio", f"{HANDSHAKE}, {MODERN}", "tools/list, calculator_assistant_agent"
    )
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(build(tmp_path)) as archive:
        archive.extractall(folder)
    made = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    command, env = _as_the_host_starts_it(made, folder)
    env = scratch_home(tmp_path, **env)
    env["PATH"] = f"{Path(python_of('uv')).parent}:{env['PATH']}"
    # Hosts wait for the packages to be installed; this is what takes long the first time.
    await output([*command, "--version"], env=env, seconds=300)
    for mode in ("legacy", "auto"):
        async with OwnedClient(command, tmp_path / "log", env=env, mode=mode) as client:
            assert len((await client.list_tools()).tools) == TOOLS
            check_answer((await client.call_tool("calculator_assistant_agent", {"prompt": PROMPT})).structured_content)
    report("7 tools, 39 without a key")


def _as_the_host_starts_it(made: dict[str, Any], folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command and its environment with what was not configured at its default."""
    known = {"__dirname": str(folder)}
    known |= {f"user_config.{name}": setting["default"] for name, setting in made["user_config"].items()}

    def filled(text: str) -> str:
        for name, value in known.items():
            text = text.replace(f"${{{name}}}", value)
        assert "${" not in text
        return text

    config = made["server"]["mcp_config"]
    return (
        [config["command"], *map(filled, config["args"])],
        {name: filled(value) for name, value in config["env"].items()},
    )
