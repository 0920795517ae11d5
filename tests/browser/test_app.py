"""The timeline in the chat: the app a real server serves, in a minimal host that speaks the protocol of MCP Apps."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents
from playwright.sync_api import Frame, Page

from mcp_calc_server.calculator import AGENT_TOOL
from tests.browser.conftest import SCHEMES, Watched, axe
from tests.surface import serving

pytestmark = pytest.mark.requirement("timeline-app")
HERE = Path(__file__).parent
PROMPT = "Toy Town: 3 shirts at $12.50 each, 2 hats at $8.25 each, shipping $5.99. What is the total?"


@pytest.fixture(scope="session")
def served() -> tuple[str, Any]:
    """The app, and the result of a call, as a host gets them from the server over stdio."""

    async def get() -> tuple[str, Any]:
        extensions = [advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})]
        async with serving("stdio", "--offline") as server, server.client(extensions=extensions) as client:
            (tool,) = (tool for tool in (await client.list_tools()).tools if tool.name == AGENT_TOOL)
            (content,) = (await client.read_resource((tool.meta or {})["ui"]["resourceUri"])).contents
            assert isinstance(content, TextResourceContents)
            result = await client.call_tool(AGENT_TOOL, {"prompt": PROMPT})
            return content.text, result.model_dump(mode="json", by_alias=True, exclude_none=True)

    with ThreadPoolExecutor() as elsewhere:  # Playwright's event loop runs in this thread
        return elsewhere.submit(asyncio.run, get()).result()


@pytest.fixture
def host(new_page: Callable[..., Watched], served: tuple[str, Any]) -> Callable[..., Watched]:
    """Opens the host with the app in it."""

    def open_(theme: str = "light", width: int = 760) -> Watched:
        watched = new_page(
            viewport={"width": width, "height": 1500}, color_scheme="dark" if theme == "light" else "light"
        )
        watched.page.goto((HERE / "host.html").as_uri())
        watched.page.evaluate("([html, theme]) => host.open(html, {theme, displayMode: 'inline'})", [served[0], theme])
        return watched

    return open_


def view(page: Page) -> Frame:
    return page.frames[1]


def tell(page: Page, method: str, params: Any) -> None:
    page.evaluate("([method, params]) => host.tell(`ui/notifications/${method}`, params)", [method, params])


@pytest.mark.parametrize("theme", SCHEMES)
def test_the_app_shows_the_call_as_it_comes_in_the_hosts_theme(
    host: Callable[..., Watched], served: tuple[str, Any], theme: str
) -> None:
    watched = host(theme)
    page, frame = watched.page, view(watched.page)
    assert frame.locator("#status").inner_text() == "Waiting for the agent."
    tell(page, "tool-input", {"arguments": {"prompt": PROMPT}})
    frame.get_by_text(f"At work on: {PROMPT}").wait_for()
    assert axe(frame) == []
    tell(page, "tool-result", served[1])
    frame.wait_for_selector("#timeline:not([hidden])")
    assert frame.locator("#status").inner_text() == ""
    assert frame.locator(".lane .name b").all_text_contents() == ["calculator_assistant"]
    assert frame.locator(".bar").count() >= 5
    frame.locator(".bar.call").first.dispatch_event("click")  # after a slow start, bars lie on one another
    assert "multiply_numbers" in frame.locator(".details").inner_text()
    frame.locator(".name").click()
    assert "Answer: $59.99" in frame.locator(".details").inner_text()
    assert frame.evaluate("document.documentElement.dataset.theme") == theme
    until(page, frame, "innerHeight > 600 && document.documentElement.scrollHeight <= innerHeight")
    watched.see(f"app-{theme}", full_page=False)
    assert axe(frame) == []
    assert page.evaluate("host.errors") == []
    assert [url for url in watched.requests if not url.startswith(("file:", "about:"))] == []


def until(page: Page, frame: Frame, condition: str, seconds: float = 5) -> None:
    """Wait for a condition in the view, whose content security policy keeps Playwright's own waiting out."""
    give_up = time.monotonic() + seconds
    while not frame.evaluate(condition):
        assert time.monotonic() < give_up, condition
        page.wait_for_timeout(20)


def test_the_app_does_what_a_host_asks_and_refuses_what_it_does_not_know(
    host: Callable[..., Watched], served: tuple[str, Any]
) -> None:
    page = host().page
    assert page.evaluate("host.ask('ui/resource-teardown', {})")["result"] == {}
    assert page.evaluate("host.ask('ping', {})")["result"] == {}
    assert page.evaluate("host.ask('tools/list', {})")["error"]["code"] == -32601
    tell(page, "host-context-changed", {"theme": "dark"})
    tell(page, "from-the-future", {"anything": 1})
    tell(page, "tool-cancelled", {"reason": "the user stopped it"})
    view(page).get_by_text("Cancelled: the user stopped it.").wait_for()
    assert view(page).evaluate("document.documentElement.dataset.theme") == "dark"
    for _ in range(2):  # a host may show another call in the same view
        tell(page, "tool-result", served[1])
        view(page).wait_for_selector("#timeline:not([hidden])")


def test_a_result_without_a_timeline_is_shown_as_its_text(host: Callable[..., Watched]) -> None:
    page = host().page
    tell(page, "tool-result", {"content": [{"type": "text", "text": "<b>It is four.</b>"}], "isError": False})
    view(page).get_by_text("<b>It is four.</b>").wait_for()
    tell(page, "tool-result", {"content": [], "_meta": {"dev.agentloop/timeline": {"too_large": True}}})
    view(page).get_by_text("This timeline is too large to be shown here.").wait_for()


def test_only_the_host_is_listened_to(host: Callable[..., Watched]) -> None:
    page = host().page
    frame = view(page)
    forged = {"jsonrpc": "2.0", "method": "ui/notifications/tool-cancelled", "params": {"reason": "forged"}}
    frame.evaluate("message => window.postMessage(message, '*')", forged)
    tell(page, "tool-input", {"arguments": {"prompt": "next"}})
    frame.get_by_text("At work on: next").wait_for()
    assert "forged" not in frame.content()
