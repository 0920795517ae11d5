"""The wheel, built and installed as a user gets it, away from the checkout."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from tests.processes import Finished, OwnedClient, environment, finished, started

pytestmark = pytest.mark.timeout(300)
on_one_loop = pytest.mark.asyncio(loop_scope="module")

CHECKOUT = Path(__file__).parents[2]


class Installed:
    """A virtual environment that has the wheel and its dependencies, and nothing of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, name: str) -> str:
        return str(self.folder / "venv" / "bin" / name)

    async def run(self, name: str, *arguments: str) -> Finished:
        return await _run(self.folder, self.command(name), *arguments, env=environment())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    new = Installed(tmp_path_factory.mktemp("installed"))
    wheels = new.folder / "wheels"
    # Where packages come from is set by the machine.
    env = dict(os.environ)
    await asyncio.gather(
        _run(new.folder, sys.executable, "-m", "build", "--wheel", "-o", str(wheels), str(CHECKOUT), env=env),
        _run(new.folder, sys.executable, "-m", "venv", str(new.folder / "venv"), env=env),
    )
    (wheel,) = wheels.glob("*.whl")
    pip = (new.command("python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    await _run(new.folder, *pip, str(wheel), env=env)
    return new


async def _run(folder: Path, *command: str, env: Mapping[str, str]) -> Finished:
    async with started(command, env=env, cwd=folder) as process:
        end = await finished(process, seconds=200)
    assert end.code == 0, end.err
    return end


@pytest.mark.requirement("wheel-finds-contract")
@on_one_loop
async def test_the_installed_package_has_its_contract(installed: Installed) -> None:
    script = "from mcp_calc_server import contract; print(contract.__file__, len(contract.load_specs()))"
    place, count = (await installed.run("python", "-c", script)).out.split()
    assert Path(place).is_relative_to(installed.folder)
    assert count == "7"


@pytest.mark.requirement("wheel-finds-contract")
@pytest.mark.requirement("console-scripts")
@on_one_loop
async def test_the_installed_server_lists_its_tools(installed: Installed) -> None:
    assert (await installed.run("mcp-calc-server", "--version")).out.startswith("mcp-calc-server, version ")
    async with OwnedClient([installed.command("mcp-calc-server")], installed.folder / "log") as client:
        assert len((await client.list_tools()).tools) == 7
        (page,) = (await client.list_resources()).resources
        assert (await client.read_resource(page.uri)).contents


@pytest.mark.requirement("console-scripts")
@on_one_loop
async def test_the_installed_client_does_the_main_job(installed: Installed) -> None:
    end = await installed.run("orchestrator-client", "--demo", "--quiet", "--timeline", "run.html")
    assert end.out.splitlines()[-1] == "Total: $191.12"
    assert end.err == ""
    assert (installed.folder / "run.html").read_text(encoding="utf-8").endswith("</html>\n")


@pytest.mark.requirement("trace-off")
@on_one_loop
async def test_traces_that_are_asked_for_without_the_extra_are_missed_in_one_line(installed: Installed) -> None:
    command = (installed.command("orchestrator-client"), "--local", "--offline", "--quiet", "1 + 2")
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    end = await _run(installed.folder, *command, env=env)
    assert (end.out, len(end.err.splitlines())) == ("Answer: 3\n", 1)
    assert "pip install 'mcp-calc-server[trace]'" in end.err
