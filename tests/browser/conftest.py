"""Debian's Chromium, driven by Playwright. Run by `make browser`, which installs both."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, sync_playwright

from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import timeline_page

HERE = Path(__file__).parent
SEEN = HERE / "seen"
"""Where the screenshots of the last run are, for people to look at."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Without them Chromium wants a desktop, and calls its maker at every start."""

SCHEMES = ("light", "dark")


class Watched:
    """A page, and what went wrong on it, and what it asked the network for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: self.requests.append(request.url))

    def see(self, name: str, *, full_page: bool = True) -> bytes:
        """Take a screenshot."""
        SEEN.mkdir(exist_ok=True)
        picture: bytes = self.page.screenshot(path=SEEN / f"{name}.png", full_page=full_page)
        return picture


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Makes pages; at the end none of them may have had an error."""
    pages: list[Watched] = []

    def make(**options: Any) -> Watched:
        page = browser.new_page(**{"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce", **options})
        pages.append(Watched(page))
        return pages[-1]

    yield make
    for each in pages:
        each.page.close()
    assert [error for each in pages for error in each.errors] == []


@pytest.fixture
def opened(new_page: Callable[..., Watched], tmp_path: Path) -> Callable[..., Watched]:
    """Opens the page of a timeline, as a file."""

    def open_(timeline: Timeline, **options: Any) -> Watched:
        file = tmp_path / "run.html"
        file.write_text(timeline_page(timeline), encoding="utf-8")
        watched = new_page(**options)
        watched.page.goto(file.as_uri())
        watched.page.wait_for_selector("#timeline:not([hidden])")
        return watched

    return open_


def axe(where: Page | Frame) -> list[str]:
    """What axe finds wrong, by all of its rules."""
    where.evaluate((HERE / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    found: Any = where.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {json.dumps([node['html'][:160] for node in each['nodes'][:3]])}"
        for each in found["violations"]
    ]


PIXELS = """
async ([picture, points]) => {
  const image = await createImageBitmap(await (await fetch("data:image/png;base64," + picture)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return points.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data].slice(0, 3));
}
"""
