"""Make the pictures of the documentation anew: `python -m tests.browser.pictures`, or `make pictures`.

They show the demo. The offline model plays Claude's part at about the pace of a language model, so the tokens are its
counts of words, and the costs those at Claude's prices.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages
from offline_model.answering import answer
from tests.browser.conftest import FLAGS

SECONDS_PER_EVENT = 0.06
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "run.html"
        with ScriptedMessages(slowly) as model:
            run_demo(model.url, "--quiet", "--timeline", str(page))
        take_timeline(page, PICTURES / "timeline.png")


def slowly(request: RecordedRequest) -> Reply:
    """What the offline model answers, an event at a time."""
    message = answer(request.body)
    counts = {kind: count for kind, count in message["usage"].items() if kind in {"input_tokens", "output_tokens"}}
    return Reply(message["content"], message["stop_reason"], usage=counts, seconds_per_event=SECONDS_PER_EVENT)


def run_demo(url: str, *options: str) -> None:
    """The demo with the model at `url`."""
    env = os.environ | {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "scripted"}
    command = (sys.executable, "-m", "orchestrator_client", "--demo")
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL, env=env, timeout=120)


def take_timeline(page: Path, picture: Path) -> None:
    """The page of the demo as it is drawn, with a calculator's details shown."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        view = browser.new_page(viewport={"width": 1280, "height": 1200}, color_scheme="light", reduced_motion="reduce")
        view.goto(page.as_uri())
        view.locator(".lane").nth(2).locator(".name").click()
        box = view.locator(".work").bounding_box()
        assert box is not None
        clip = {"x": 0.0, "y": 0.0, "width": 1280.0, "height": box["y"] + box["height"] + 20}
        view.screenshot(path=picture, clip=clip)
        browser.close()
    print(f"{picture} is a picture of the demo's timeline", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
