"""The official conformance suite, on our server and on our client. Both have HTTP only in it."""

import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.interop.clients import (
    HANDSHAKE,
    MODERN,
    OFFLINE_SERVER,
    PROGRAMS,
    ROOT,
    listening,
    npm_command,
    npm_version,
    output,
    scratch_home,
)
from tests.interop.conformance import Expected, expected
from tests.interop.conftest import Begin
from tests.processes import finished, started

SUITE = "@modelcontextprotocol/conformance"
FIXTURE = (sys.executable, str(PROGRAMS / "fixture_server.py"))
CALCULATOR = (*OFFLINE_SERVER, "--transport", "streamable-http")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", [MODERN, HANDSHAKE])
@pytest.mark.parametrize(("side", "command"), [("server", FIXTURE), ("calculator", CALCULATOR)])
async def test_the_server_conforms(
    row: Begin, side: str, command: Sequence[str], revision: str, tmp_path: Path
) -> None:
    what = {"server": "fixture server", "calculator": "mcp-calc-server"}[side]
    lists = expected(side, revision)
    report = row(
        f"conformance suite {npm_version(SUITE)}", "HTTP", revision, f"{what}: {len(lists.applicable)} scenarios"
    )
    suite = npm_command(SUITE, "dist/index.js")
    async with listening(*command) as url:
        await run_suite([*suite, "server", "--url", url, "--requirements", revision], tmp_path)
    ran = results(tmp_path, "server-")
    assert set(ran) == {*lists.applicable, *lists.not_applicable}
    check(lists, ran)
    report("all pass")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("revision", [MODERN, HANDSHAKE])
async def test_the_client_conforms(row: Begin, revision: str, tmp_path: Path) -> None:
    lists = expected("client", revision)
    called = f"orchestrator_client: {len(lists.applicable)} scenarios"
    report = row(f"conformance suite {npm_version(SUITE)}", "HTTP", revision, called)
    suite = npm_command(SUITE, "dist/index.js")
    client = shlex.join([sys.executable, str(PROGRAMS / "conformance_client.py")])
    for scenario in lists.applicable:
        command = [*suite, "client", "--command", client, "--scenario", scenario]
        # Without --force, scenarios of extensions, which belong to no revision, are left out.
        await run_suite([*command, "--spec-version", revision, "--force"], tmp_path)
    ran = results(tmp_path, "")
    assert set(ran) == {*lists.applicable}
    check(lists, ran)
    report("all pass")


@pytest.mark.parametrize("revision", [MODERN, HANDSHAKE])
async def test_every_scenario_for_clients_is_on_a_list(row: Begin, revision: str, tmp_path: Path) -> None:
    lists = expected("client", revision)
    report = row(f"conformance suite {npm_version(SUITE)}", "-", revision, "list --client")
    reported = await output([*npm_command(SUITE, "dist/index.js"), "list", "--client"], env=scratch_home(tmp_path))
    scenarios = {name for name, revisions in re.findall(r"- (\S+) \[(.*)\]", reported) if revision in revisions}
    assert scenarios
    assert scenarios - {*lists.applicable, *lists.not_applicable} == set()
    report("each passes above or does not apply")


async def run_suite(command: Sequence[str], folder: Path) -> None:
    """The exit status counts scenarios that do not apply too, so it says nothing."""
    env = scratch_home(folder, PYTHONPATH=str(ROOT), PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    async with started([*command, "-o", str(folder / "results")], env=env, cwd=ROOT) as process:
        await finished(process, seconds=200)


def results(folder: Path, prefix: str) -> dict[str, list[dict[str, Any]]]:
    """The checks of each scenario that ran: `-o` has a folder for each, its name ending in the time."""
    found = {}
    for path in sorted((folder / "results").rglob("checks.json")):
        name = str(path.parent.relative_to(folder / "results")).removeprefix(prefix)
        found[name[: -len("-2026-11-23T19-48-19-621Z")]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def check(lists: Expected, ran: dict[str, list[dict[str, Any]]]) -> None:
    wrong = [
        f"{name}: {found['id']}: {found.get('errorMessage')}"
        for name, excepted in lists.applicable.items()
        for found in ran[name]
        if found["status"] in {"FAILURE", "WARNING"} and found["id"] not in excepted
    ]
    assert wrong == []
    vacuous = [name for name in lists.applicable if all(found["status"] != "SUCCESS" for found in ran[name])]
    assert vacuous == []
