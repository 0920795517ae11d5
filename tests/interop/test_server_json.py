"""`server.json` for the MCP registry: the official schema accepts it, and it says what the project says."""

import json
import tomllib
from pathlib import Path

from jsonschema import Draft7Validator, FormatChecker

from mcp_calc_server.calculator import CALCULATOR_MODEL
from tests.interop.clients import ROOT, output, pip_version, python_of
from tests.interop.conftest import Begin

# The registry's released schemas come with a linter that checks such files; they are not copied here.
FIND_SCHEMA = (
    "import importlib.resources as r; "
    "print((r.files('skillsaw') / 'schemas/mcp_registry/v2025_12_11/server.schema.json').read_text())"
)


async def test_the_registry_schema_accepts_server_json(row: Begin) -> None:
    report = row(f"registry schema 2025-12-11 (skillsaw {pip_version('skillsaw')})", "-", "-", "server.json")
    schema = json.loads(await output([python_of("skillsaw"), "-c", FIND_SCHEMA]))
    server = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    assert schema["$id"] == server["$schema"]
    assert [
        error.message for error in Draft7Validator(schema, format_checker=FormatChecker()).iter_errors(server)
    ] == []
    report("valid")


def test_server_json_says_what_the_project_says(row: Begin) -> None:
    report = row("server.json", "-", "-", "name, version, model")
    server = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (package,) = server["packages"]
    assert (package["identifier"], package["version"]) == (project["name"], project["version"])
    assert server["version"] == project["version"]
    key, model = package["environmentVariables"]
    assert (key["name"], key["isSecret"], key["isRequired"]) == ("ANTHROPIC_API_KEY", True, False)
    assert (model["name"], model["default"]) == ("CALCULATOR_MODEL", CALCULATOR_MODEL)
    # The registry looks for this in the package's description before it believes that the two belong together.
    assert f"mcp-name: {server['name']}" in Path(ROOT / "README.md").read_text(encoding="utf-8")
    report("same as pyproject.toml and README.md")
