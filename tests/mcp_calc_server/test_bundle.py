"""`mcp-calc-server bundle`: one file of a folder of agents, started as its manifest says, with what is in it alone."""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.in_process import server
from tests.processes import OwnedClient, environment
from tests.surface import ROOT

EXAMPLES = ROOT / "examples"


def as_the_host_starts_it(made: dict[str, Any], folder: Path) -> tuple[list[str], dict[str, str]]:
    """The arguments after the name of the command, and the environment, with nothing configured."""
    config = made["server"]["mcp_config"]
    known = {"${__dirname}": str(folder), "${user_config.anthropic_api_key}": ""}

    def filled(text: str) -> str:
        for name, value in known.items():
            text = text.replace(name, value)
        return text

    arguments = [filled(word) for word in config["args"]]
    command = arguments.index("mcp-calc-server")
    assert arguments[:command] == ["run", "--directory", str(folder), "--no-dev"]
    return arguments[command + 1 :], {name: filled(value) for name, value in config["env"].items()}


@pytest.mark.slow
@pytest.mark.requirement("bundle")
async def test_the_agents_of_a_folder_are_served_from_the_unpacked_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES)
    path, folder = tmp_path / "my.mcpb", tmp_path / "unpacked"
    done = server("bundle", "--agents", "agents", "-o", str(path), "--name", "desk", "--version-label", "1.2.0")
    assert (done.exit_code, done.stdout) == (0, f"Wrote {path}: historian_agent, researcher_agent, reviewer_agent.\n")
    first = path.read_bytes()
    server("bundle", "--agents", "agents", "-o", str(path), "--name", "desk", "--version-label", "1.2.0")
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    made = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (made["name"], made["display_name"], made["version"]) == ("desk", "desk", "1.2.0")
    assert "calculator" not in json.dumps({**made, "server": None}).lower()
    arguments, env = as_the_host_starts_it(made, folder)
    env = environment(**env | {"PYTHONPATH": f"{folder}:{env['PYTHONPATH']}"})
    program = "import mcp_calc_server as m; assert m.__file__.startswith(sys.argv.pop(1)); m_main()"
    program = f"import sys; from mcp_calc_server.__main__ import main as m_main; {program}"
    command = ["env", "-C", str(folder), sys.executable, "-c", program, str(folder), *arguments]
    async with OwnedClient(command, tmp_path / "log", env=env) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [
            "researcher_agent",
            "reviewer_agent",
            "historian_agent",
        ]
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("desk", "1.2.0")
        assert (await client.list_prompts()).prompts
        assert len((await client.list_resources()).resources) == 2


@pytest.mark.requirement("bundle")
def test_a_package_of_functions_is_bundled_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for path, text in {
        "agents/a.md": "---\nname: a\ndescription: A.\ntools: bundled_package.inner.texts:shout\n---\nShout.",
        "bundled_package/inner/texts.py": "from bundled_package.common import END\n\ndef shout(text: str) -> str:\n"
        "    return text.upper() + END\n",
        "bundled_package/__init__.py": "",
        "bundled_package/common.py": "END = '!'",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    done = server("bundle", "--agents", "agents", "-o", "my.mcpb")
    assert done.exit_code == 0, done.stderr
    with zipfile.ZipFile("my.mcpb") as archive:
        names = {name for name in archive.namelist() if name.startswith("published/bundled_package/")}
    assert names == {f"published/bundled_package/{name}" for name in ("__init__.py", "common.py", "inner/texts.py")}


@pytest.mark.requirement("bundle")
def test_a_bundle_has_what_is_published_and_what_that_imports_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.txt"
    folder = tmp_path / "project"
    monkeypatch.syspath_prepend(folder)
    published = {
        "agents/a.md": "---\nname: a\ndescription: A.\ntools: bundled_caller:shout\noutput: b/text.json\n---\nShout.",
        "agents/b/text.json": '{"type": "object", "properties": {"text": {"type": "string"}}}',
        "agents/prompts/p.md": "Say it.",
        "agents/resources/r.txt": "A text.",
        "bundled_caller.py": "from bundled_helper import END\n\ndef shout(text: str) -> str:\n    return text + END\n",
        "bundled_helper.py": "END = '!'",
    }
    for name, text in (published | {"agents/key.pem": "secret", "unused.py": ""}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    secret.write_text("secret", encoding="utf-8")
    (folder / "agents/resources/link.txt").symlink_to(secret)
    monkeypatch.chdir(folder)
    done = server("bundle", "--agents", "agents", "-o", "my.mcpb")
    assert done.exit_code == 0, done.stderr
    with zipfile.ZipFile("my.mcpb") as archive:
        names = {name for name in archive.namelist() if name.startswith("published/")}
    assert names == {f"published/{name}" for name in published}


@pytest.mark.requirement("bundle")
def test_a_schema_that_is_not_in_the_directory_cannot_be_bundled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("agents").mkdir()
    Path("text.json").write_text('{"type": "object", "properties": {}}', encoding="utf-8")
    agent = "---\nname: a\ndescription: A.\noutput: ../text.json\n---\nShout."
    Path("agents/a.md").write_text(agent, encoding="utf-8")
    done = server("bundle", "--agents", "agents", "-o", "my.mcpb")
    assert "agents/../text.json is not in a directory of agents" in " ".join(done.stderr.split())
    assert (done.exit_code, Path("my.mcpb").exists()) == (2, False)


@pytest.mark.requirement("bundle")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agents", "agents", "--version-label", "new"], "hosts take a semantic version, such as 1.2.0"),
        (["--agents", "none"], "Path 'none' does not exist"),
        (["--agents", "wrong"], "wrong/a.md:3: error: effort"),
        (["--agents", "agents", "--agents", "other/agents"], "Two of the directories have the same name"),
        pytest.param(
            ["--agents", "odd"],
            "published/odd/resources/b\\udcff: the name of the file is not UTF-8 text",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have such names"),
        ),
        ([], "Missing option '--agents'"),
    ],
)
def test_what_cannot_be_bundled_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, more in (("agents", ""), ("wrong", "effort: huge\n"), ("other/agents", ""), ("odd", "")):
        (tmp_path / name).mkdir(parents=True)
        text = f"---\nname: {name.replace('/', '-')}\n{more}description: Does a.\n---\nDo."
        (tmp_path / name / "a.md").write_text(text, encoding="utf-8")
    if "odd" in arguments:
        (tmp_path / "odd/resources").mkdir()
        (tmp_path / "odd/resources/b\udcff").touch()
    done = server("bundle", *arguments)
    assert (done.exit_code in {1, 2}, done.stdout) == (True, "")
    assert said in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("*.mcpb"))
