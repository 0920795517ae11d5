"""LiteLLM's proxy between the Messages API and a model behind OpenAI's chat completions."""

import itertools
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.interop.chat_completions import ChatCompletions
from tests.interop.clients import pip_version, python_of
from tests.interop.conftest import Begin
from tests.processes import CLIENT, environment, run

MODEL = "local"
START_SECONDS = 60


@contextmanager
def gateway(model: ChatCompletions, folder: Path) -> Iterator[str]:
    """The proxy, once it answers; its URL."""
    config = folder / "litellm.yaml"
    parameters = {"model": f"hosted_vllm/{MODEL}", "api_base": model.base_url, "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": MODEL, "litellm_params": parameters}]}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = Path(python_of("litellm")).with_name("litellm")
    arguments = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    log = folder / "litellm.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [command, *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(
                LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true"
            ),
            cwd=folder,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health/liveliness", process, log)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    transport = httpx2.HTTPTransport(retries=0)
    with httpx2.Client(transport=transport, timeout=2) as client:
        for _ in itertools.repeat(None, START_SECONDS * 2):
            try:
                if client.get(url).status_code == httpx2.codes.OK:
                    return
            except httpx2.TransportError:
                pass
            try:
                process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                continue
            break
    pytest.fail(f"LiteLLM did not start: {log.read_text()[-2000:]}")


@pytest.mark.timeout(180)
async def test_the_demo_runs_through_litellm_without_a_key(row: Begin, tmp_path: Path) -> None:
    record = row(f"LiteLLM {pip_version('litellm')}", "HTTP", "-", "orchestrator-client --base-url --demo")
    with ChatCompletions() as model, gateway(model, tmp_path) as url:
        models = ("--model", MODEL, "--calculator-model", MODEL)
        end = await run(*CLIENT, "--demo", "--json", "--base-url", url, *models, env=environment(), seconds=120)
    report = json.loads(end.out)
    assert (end.code, report["ok"]) == (0, True), end.err
    assert report["answer"].splitlines()[-1] == "Total: $191.12"
    delegations = report["delegations"]
    assert [(each["tool"], each["is_error"]) for each in delegations] == [("calculator_assistant_agent", False)] * 3
    for one, other in itertools.combinations(delegations, 2):
        assert one["started"] < other["finished"]
        assert other["started"] < one["finished"]
    assert {body["model"] for body in model.bodies} == {MODEL}
    assert len(model.bodies) == 2 + 3 * 3
    record("three delegations at once, $191.12")
