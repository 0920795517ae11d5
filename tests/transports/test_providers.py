"""`--provider`: the commands reach Claude at another provider, with the credentials that are used there."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agentloop.testing import calls, says
from mcp_calc_server.calculator import AGENT_TOOL
from tests.processes import CLIENT, SERVER, environment, run
from tests.providers import ProviderServer
from tests.surface import serving

pytestmark = pytest.mark.requirement("providers")

EXTRAS = {"bedrock": "botocore", "vertex": "google.auth"}
REPLIES = [calls(("multiply_numbers", {"numbers": [2, 3]})), says("Answer: 6")]
PATHS = {
    "bedrock": "/model/some.model-v1:0/invoke-with-response-stream",
    "vertex": "/projects/p/locations/r/publishers/anthropic/models/some.model-v1:0:streamRawPredict",
    "foundry": "/v1/messages",
}
CREDENTIALS = {
    "bedrock": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/",
    "vertex": "Bearer a-token-from-google",
    "foundry": "a-key-of-foundry",
}


def settings(provider: str, url: str, folder: Path) -> dict[str, str]:
    """The environment in which the provider's SDK finds the server and credentials for it."""
    address = {f"ANTHROPIC_{provider.upper()}_BASE_URL": url}
    match provider:
        case "bedrock":
            keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "a-secret-that-signs"}
            return {**address, **keys, "AWS_REGION": "eu-west-1"}
        case "vertex":
            account = folder / "account.json"
            account.write_text(json.dumps(_service_account(f"{url}/token")), encoding="utf-8")
            project = {"CLOUD_ML_REGION": "r", "ANTHROPIC_VERTEX_PROJECT_ID": "p"}
            return {**address, **project, "GOOGLE_APPLICATION_CREDENTIALS": str(account)}
    return {**address, "ANTHROPIC_FOUNDRY_API_KEY": "a-key-of-foundry"}


def _service_account(token_uri: str) -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"type": "service_account", "project_id": "p", "private_key_id": "1", "private_key": pem}
    return {**account, "client_email": "tests@p.iam.gserviceaccount.com", "token_uri": token_uri}


@pytest.mark.slow
@pytest.mark.parametrize("provider", PATHS)
async def test_the_calculator_asks_claude_at_the_provider(provider: str, tmp_path: Path) -> None:
    if provider in EXTRAS:
        pytest.importorskip(EXTRAS[provider], reason=f"the extra `{provider}` is not installed")
    options = ("--provider", provider, "--model", "some.model-v1:0")
    with ProviderServer(provider, REPLIES) as server:
        env = environment(**settings(provider, server.url, tmp_path))
        async with serving("stdio", *options, env=env) as served, served.client() as client:
            result = await client.call_tool(AGENT_TOOL, {"prompt": "2 * 3?"})
    assert result.structured_content == {"answer": "Answer: 6", "exact": True}
    assert [path for path, _, _ in server.requests] == [PATHS[provider]] * 2
    assert any(value.startswith(CREDENTIALS[provider]) for value in server.requests[0][1].values())


@pytest.mark.slow
async def test_the_orchestrator_hands_the_provider_on_to_its_server(tmp_path: Path) -> None:
    replies = [calls((AGENT_TOOL, {"prompt": "2 * 3?"})), *REPLIES, says("It is 6.")]
    with ProviderServer("foundry", replies) as server:
        env = environment(**settings("foundry", server.url, tmp_path))
        done = await run(*CLIENT, "--provider", "foundry", "--json", "What is 2 * 3?", env=env)
    report = json.loads(done.out)
    assert (report["ok"], report["answer"]) == (True, "It is 6."), done.err
    assert [call["served_by"] for call in report["delegations"]] == ["mcp-calc-server"]
    assert [path for path, _, _ in server.requests] == [PATHS["foundry"]] * 4


@pytest.mark.slow
@pytest.mark.parametrize("command", [SERVER, [*CLIENT, "What is 2 * 3?"]], ids=["server", "client"])
async def test_a_provider_without_its_settings_is_an_error_at_the_start(command: list[str]) -> None:
    done = await run(*command, "--provider", "foundry", env=environment())
    assert done.code == 2
    assert "The provider foundry is not configured: set ANTHROPIC_FOUNDRY_RESOURCE and" in " ".join(done.err.split())
