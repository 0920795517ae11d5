"""Make the pictures of the documentation anew: `python -m tests.browser.pictures`, or `make pictures`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "run.html"
        command = (sys.executable, "-m", "orchestrator_client", "--demo", "--quiet", "--timeline", page)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        take_timeline(page, PICTURES / "timeline.png")


def take_timeline(page: Path, picture: Path) -> None:
    """The page of the demo as it is drawn, with a calculator's details shown."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        view = browser.new_page(viewport={"width": 1280, "height": 760}, color_scheme="light", reduced_motion="reduce")
        view.goto(page.as_uri())
        view.locator(".lane").nth(1).locator(".name").click()
        box = view.locator(".work").bounding_box()
        assert box is not None
        clip = {"x": 0.0, "y": 0.0, "width": 1280.0, "height": box["y"] + box["height"] + 20}
        view.screenshot(path=picture, clip=clip, full_page=True)  # type: ignore[arg-type]
        browser.close()
    print(f"{picture} is a picture of the demo's timeline", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
