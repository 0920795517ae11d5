"""The wheel, built and installed as a user gets it, away from the checkout."""

import asyncio
import os
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
import pytest_asyncio
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["linked", pytest.param("by pip", marks=pytest.mark.slow)]
)
async def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with the dependencies it names: those of this environment, linked, or, which takes 10 s, by pip."""
    new = Installed(tmp_path_factory.mktemp("installed"))
    wheels = new.folder / "wheels"
    # Where packages come from is set by the machine.
    env = dict(os.environ)
    await asyncio.gather(
        _run(
            new.folder,
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "-o",
            str(wheels),
            str(CHECKOUT),
            env=env,
        ),
        _run(new.folder, sys.executable, "-m", "venv", "--without-pip", str(new.folder / "venv"), env=env),
    )
    (wheel,) = wheels.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "--python", new.command("python"), "--disable-pip-version-check")
    linked = request.param == "linked"
    await _run(new.folder, *pip, "install", "--quiet", *(["--no-deps"] if linked else []), str(wheel), env=env)
    if linked:
        (site,) = (new.folder / "venv" / "lib").glob("python*/site-packages")
        (metadata,) = site.glob("mcp_calc_server-*.dist-info")
        for name in _needed(Distribution.at(metadata), set()):
            _link(distribution(name), site)
    return new


def _needed(by: Distribution, extras: AbstractSet[str]) -> set[str]:
    """The names of what a distribution requires with these extras, and of what that requires."""
    needed: dict[str, set[str]] = {}
    open_ends = [(by, extras)]
    while open_ends:
        by, extras = open_ends.pop()
        for line in by.requires or ():
            wanted = Requirement(line)
            if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                continue
            name = canonicalize_name(wanted.name)
            if name not in needed or wanted.extras - needed[name]:
                needed.setdefault(name, set()).update(wanted.extras)
                open_ends.append((distribution(name), wanted.extras))
    return set(needed)


def _link(package: Distribution, site: Path) -> None:
    """Its packages as a whole, but files one by one where several distributions have a directory together."""
    root = Path(str(package.locate_file("")))
    files = [Path(file) for file in package.files or () if ".." not in file.parts]
    whole = {file.parts[0] for file in files if file.name == "__init__.py" and len(file.parts) == 2}
    for part in {Path(file.parts[0]) if file.parts[0] in whole else file for file in files}:
        (site / part).parent.mkdir(parents=True, exist_ok=True)
        (site / part).symlink_to(root / part)


async def _run(folder: Path, *command: str, env: Mapping[str, str]) -> Finished:
    async with started(command, env=env, cwd=folder) as process:
        end = await finished(process, seconds=200)
    assert end.code == 0, end.err
    return end


@pytest.mark.slow
@pytest.mark.requirement("wheel-finds-contract")
@on_one_loop
async def test_the_installed_package_has_its_contract(installed: Installed) -> None:
    script = "from mcp_calc_server import contract; print(contract.__file__, len(contract.load_specs()))"
    place, count = (await installed.run("python", "-c", script)).out.split()
    assert Path(place).is_relative_to(installed.folder)
    assert count == "7"


@pytest.mark.slow
@pytest.mark.requirement("wheel-finds-contract")
@pytest.mark.requirement("console-scripts")
@on_one_loop
async def test_the_installed_server_lists_its_tools(installed: Installed) -> None:
    assert (await installed.run("mcp-calc-server", "--version")).out.startswith("mcp-calc-server, version ")
    async with OwnedClient([installed.command("mcp-calc-server")], installed.folder / "log") as client:
        assert len((await client.list_tools()).tools) == 7
        (page,) = (await client.list_resources()).resources
        assert (await client.read_resource(page.uri)).contents


@pytest.mark.slow
@pytest.mark.requirement("console-scripts")
@on_one_loop
async def test_the_installed_client_does_the_main_job(installed: Installed) -> None:
    end = await installed.run("orchestrator-client", "--demo", "--quiet", "--timeline", "run.html")
    assert end.out.splitlines()[-1] == "Total: $191.12"
    assert end.err == ""
    assert (installed.folder / "run.html").read_text(encoding="utf-8").endswith("</html>\n")


@pytest.mark.slow
@pytest.mark.requirement("trace-off")
@on_one_loop
async def test_traces_that_are_asked_for_without_the_extra_are_missed_in_one_line(installed: Installed) -> None:
    command = (installed.command("orchestrator-client"), "--local", "--offline", "--quiet", "1 + 2")
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    end = await _run(installed.folder, *command, env=env)
    assert (end.out, len(end.err.splitlines())) == ("Answer: 3\n", 1)
    assert "Install the extra 'trace'" in end.err
