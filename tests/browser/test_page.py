"""The timeline's page as a person has it: seen, pointed at, walked with the keyboard, and read out."""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from agentloop.events import RunStarted
from agentloop.observers.timeline import Timeline
from agentloop.observers.timeline_page import timeline_page
from tests.browser.conftest import PIXELS, SCHEMES, Watched, axe
from tests.browser.runs import NASTY, drawn, fan_out, hostile, many_calls, started

Open = Callable[..., Watched]
in_both_schemes = pytest.mark.parametrize("scheme", SCHEMES)

GOLDEN = Path(__file__).parent / "timeline.aria.yml"
DRAWN_SECONDS = 5.0
"""A page of 1,000 calls takes about 0.7 s on two quiet cores; these are shared."""
MAX_PAGE = 2_000_000
"""Bytes of a page with 1,000 agents of four bars each: 1.3 MB measured."""


@pytest.fixture(scope="session")
def ten() -> Timeline:
    return drawn(fan_out(10))


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = page.eval_on_selector_all(
        selector,
        "all => all.map(e => e.getBoundingClientRect()).map(b => ({x: b.x, y: b.y + scrollY, w: b.width}))",
    )
    return found


@pytest.mark.requirement("timeline-browser")
def test_the_page_has_the_structure_it_had(opened: Open) -> None:
    """To accept a new one, delete the file and run again."""
    page = opened(drawn(fan_out(2))).page
    seen = page.locator("main").aria_snapshot()
    if not GOLDEN.exists():
        GOLDEN.write_text(seen + "\n", encoding="utf-8")
        pytest.fail(f"{GOLDEN.name} was missing and is written now.")
    assert seen + "\n" == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.requirement("timeline-browser")
@in_both_schemes
def test_what_is_seen_is_lanes_of_bars_that_overlap(opened: Open, new_page: Open, ten: Timeline, scheme: str) -> None:
    watched = opened(ten, color_scheme=scheme, viewport={"width": 1400, "height": 1400})
    page = watched.page
    picture = watched.see(f"ten-{scheme}")
    turns, calls = boxes(page, ".bar.turn"), boxes(page, ".bar.call")
    assert (len(turns), len(calls)) == (2 + 2 * 10, 2 * 10)
    around = boxes(page, ".around")
    assert len(around) == 10
    assert max(box["x"] for box in around) < min(box["x"] + box["w"] for box in around)
    ends = [[box["x"] + box["w"] - 3, box["y"] + 4] for box in turns + calls]
    elsewhere = [[1.0, 1.0], *([box["x"] + 2, box["y"] - 3] for box in boxes(page, ".lane .tracks")[:1])]
    colours = new_page().page.evaluate(PIXELS, [base64.b64encode(picture).decode(), ends + elsewhere])
    turn_colours, call_colours = colours[: len(turns)], colours[len(turns) : len(ends)]
    assert len({tuple(colour) for colour in turn_colours}) == 1, "every turn has the colour of turns"
    assert len({tuple(colour) for colour in call_colours}) == 1, "every call has the colour of calls"
    assert turn_colours[0] != call_colours[0] != colours[-1] != turn_colours[0]
    assert (sum(colours[len(ends)]) > 600) == (scheme == "light"), "the page is light, or dark"


@pytest.mark.requirement("timeline-browser")
@in_both_schemes
@pytest.mark.parametrize("run", [fan_out, hostile], ids=["ten", "hostile"])
def test_axe_finds_nothing_wrong(opened: Open, scheme: str, run: Any) -> None:
    watched = opened(drawn(run(10) if run is fan_out else run()), color_scheme=scheme)
    page = watched.page
    assert axe(page) == []
    page.locator(".bar").nth(1).click()
    page.locator(".table summary").click()
    page.wait_for_selector(".table tbody tr")
    watched.see(f"{run.__name__}-chosen-{scheme}")
    assert axe(page) == []


@pytest.mark.requirement("timeline-browser")
@pytest.mark.parametrize("width", [360, 800, 1920])
def test_nothing_sticks_out_of_the_page_at_any_width(opened: Open, width: int) -> None:
    watched = opened(drawn(hostile()), viewport={"width": width, "height": 800})
    page = watched.page
    page.locator(".bar").nth(1).click()
    watched.see(f"hostile-{width}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.requirement("timeline-hostile")
@pytest.mark.requirement("timeline-browser")
def test_hostile_text_is_shown_as_it_is_and_does_nothing(opened: Open) -> None:
    watched = opened(drawn(hostile()))
    page = watched.page
    visible = NASTY.replace("\x00", "⟨U+0000⟩").replace("\x1b", "⟨U+001B⟩").replace("\u202e", "⟨U+202E⟩")
    assert page.locator(".question").inner_text() == visible
    page.locator(".bar.failed").click()
    assert "⟨U+202E⟩gnp.exe" in page.locator(".details").inner_text()
    assert page.locator(".details pre").nth(1).inner_text() == visible
    page.locator(".table summary").click()
    page.wait_for_selector(".table tbody tr")
    assert page.locator("img").count() == 0
    assert page.title() == f"{visible} · timeline"
    assert [url for url in watched.requests if not url.startswith("file:")] == []


@pytest.mark.requirement("timeline-browser")
def test_the_policy_stops_a_script_that_is_not_the_pages_own(opened: Open, ten: Timeline) -> None:
    watched = opened(ten)
    watched.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'document.title = 1'}))"
    )
    assert watched.page.title() == "Ask 10 workers. · timeline"
    assert "Content Security Policy" in watched.errors[0]
    watched.errors.clear()


@pytest.mark.requirement("timeline-file")
@pytest.mark.requirement("timeline-browser")
def test_the_sums_that_are_seen_are_those_of_the_usage(opened: Open, ten: Timeline) -> None:
    page = opened(ten).page
    cards = dict(
        zip(page.locator(".totals dt").all_inner_texts(), page.locator(".totals dd").all_inner_texts(), strict=True)
    )
    usage = ten.usage.by_model["scripted-model"]
    assert cards["Tokens"].startswith(f"{usage.tokens:,}\n{usage.requests} requests")
    assert cards["Cost"].startswith(f"${usage.usd}\n")
    assert cards["Wall time"].startswith("6.00 s")
    assert cards["Speed-up"].startswith(f"{ten.work / ten.at_work:.2f}\N{MULTIPLICATION SIGN}")
    row = page.locator(".models tbody tr").inner_text().split("\t")
    assert row == ["scripted-model", "22", "19,800", "2,200", "0", "0", f"${usage.usd}"]


@pytest.mark.requirement("timeline-browser")
def test_the_top_has_the_question_the_answer_and_the_date(new_page: Open, tmp_path: Path, ten: Timeline) -> None:
    file = tmp_path / "run.html"
    file.write_text(timeline_page(ten, datetime(2026, 11, 28, 12, 0, tzinfo=UTC)), encoding="utf-8")
    page = new_page(timezone_id="Europe/Oslo").page
    page.goto(file.as_uri())
    assert page.locator(".question").inner_text() == "Ask 10 workers."
    assert page.locator(".answer").inner_text() == "It is 3.5."
    assert page.locator("time").inner_text() == "28 November 2026 at 13:00:00"


@pytest.mark.requirement("timeline-browser")
def test_the_start_of_a_server_is_a_lane_and_agents_can_be_sorted_and_filtered(opened: Open) -> None:
    watched = opened(drawn(started(10)))
    page = watched.page
    tasks = page.locator(".lane:visible .task")
    assert tasks.all_text_contents()[:4] == ["server, started", "Ask 10 workers.", "Part 0", "Part 1"]
    assert focused_text(page, ".bar.start") == "starting the server, 2.00 s from 0 s"
    cards = dict(
        zip(page.locator(".totals dt").all_inner_texts(), page.locator(".totals dd").all_inner_texts(), strict=True)
    )
    assert cards["Starting servers"].startswith("2.00 s")
    page.get_by_role("button", name="Slowest first").click()
    assert tasks.all_text_contents()[:5] == ["server, started", "Ask 10 workers.", "Part 1", "Part 9", "Part 8"]
    page.locator(".name").nth(1).focus()
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("worker #1\n")
    page.get_by_role("button", name="Failed only").click()
    assert tasks.all_text_contents() == ["Ask 10 workers.", "Part 9"]
    watched.see("failed-only")
    page.get_by_role("button", name="Follow critical path").click()
    assert len(tasks.all_text_contents()) == 12
    page.get_by_role("button", name="Slowest first").click()
    assert tasks.all_text_contents()[2:4] == ["Part 0", "Part 1"]


@pytest.mark.requirement("timeline-browser")
def test_on_a_phone_everything_can_be_read(opened: Open) -> None:
    question = "What do 3 shirts at $12.50 each, 2 hats at $8.25 each and shipping of $5.99 cost in all? " * 3
    timeline = Timeline()
    for event in started(5):
        is_root = isinstance(event, RunStarted) and event.parent_call is None
        timeline.on_event(replace(event, prompt=question) if is_root and isinstance(event, RunStarted) else event)
    watched = opened(timeline, viewport={"width": 390, "height": 800})
    page = watched.page
    page.locator(".table summary").click()
    page.wait_for_selector(".table tbody tr")
    watched.see("phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1).length"
    assert page.locator(".question, .answer, .name .agent, .totals dd, .scroll").evaluate_all(cut) == 0
    right = max(box["x"] + box["w"] for box in boxes(page, ".scroll td, .scroll th, .name, .bar"))
    assert right <= 390
    assert axe(page) == []


@pytest.mark.requirement("timeline-browser")
def test_on_paper_there_is_no_scrollbar_no_grey_and_no_lane_on_two_pages(opened: Open) -> None:
    watched = opened(drawn(started(30)), color_scheme="dark")
    page = watched.page
    page.emulate_media(media="print")
    watched.see("print")
    scrolled = "all => all.filter(e => /auto|scroll/.test(getComputedStyle(e).overflow)).map(e => e.className)"
    assert page.locator("main *:visible").evaluate_all(scrolled) == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    broken = "all => new Set(all.map(e => getComputedStyle(e).breakInside)).size"
    assert page.locator(".lane").evaluate_all(broken) == 1
    assert page.locator(".lane").first.evaluate("e => getComputedStyle(e).breakInside") == "avoid"
    assert not page.locator(".details").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def focused_text(page: Page, selector: str) -> str:
    return page.locator(selector).first.get_attribute("aria-label") or ""


def focused(page: Page) -> str:
    """What a screen reader says of it."""
    label: str = page.evaluate("(e => e.getAttribute('aria-label') || e.innerText)(document.activeElement)")
    return label


@pytest.mark.requirement("timeline-browser")
def test_the_keyboard_reaches_everything(opened: Open, ten: Timeline) -> None:
    page = opened(ten).page

    def press(*keys: str) -> str:
        for key in keys:
            page.keyboard.press(key)
        return focused(page)

    page.locator(".question").focus()
    stops = [press("Tab") for _ in range(9)]
    assert stops[-1].startswith("boss\nAsk 10 workers.\n6.00 s · ")
    assert press("ArrowRight").startswith("Turn 1 of scripted-model, 1.00 s from 0 s, on the critical path")
    assert press("ArrowRight").startswith("Turn 2 of scripted-model")
    assert press("ArrowDown").startswith("Turn 2 of scripted-model")
    assert press("Home").startswith("worker #0\nPart 0\n3.10 s · ")
    assert press("End").startswith("Turn 2")
    assert press("ArrowDown", "ArrowDown", "ArrowUp", "Home").startswith("worker #1\n")
    assert press("ArrowRight", "ArrowRight").startswith("sum_numbers, 500 ms from")
    assert page.locator(".details h3").inner_text() == "sum_numbers"
    assert press("Enter") == "Details"
    assert press("Escape").startswith("sum_numbers, 500 ms from")
    path = [press("c") for _ in range(6)]
    assert [label.partition(",")[0] for label in path] == [
        "Turn 1 of scripted-model",
        "Turn 1 of scripted-model",
        "sum_numbers",
        "Turn 2 of scripted-model",
        "Turn 2 of scripted-model",
        "Turn 1 of scripted-model",
    ]
    assert all("on the critical path" in label for label in path)
    press("+", "+")
    assert page.locator(".zoom").inner_text() == "400%"
    press("0")
    assert page.locator(".zoom").inner_text() == "100%"
    assert page.locator("[tabindex='0'].bar, [tabindex='0'].name").count() == 1


@pytest.mark.requirement("timeline-browser")
def test_pointing_shows_and_clicking_keeps_what_a_bar_did(opened: Open, ten: Timeline) -> None:
    page = opened(ten).page
    call = page.locator(".lane").nth(1).locator(".bar.call").first
    call.hover()
    details = page.locator(".details")
    assert '{"numbers":[1,"2.50"]}' in details.inner_text()
    assert '{"result": "3.5"}' in details.inner_text()
    call.click()
    page.locator(".name").nth(3).hover()
    assert details.locator("h3").inner_text() == "sum_numbers"
    page.locator(".name").nth(3).click()
    assert details.locator("h3").inner_text() == "worker #2"
    assert "Part 2" in details.inner_text()


@pytest.mark.requirement("timeline-browser")
def test_agents_fold_and_zooming_keeps_the_names_in_sight(opened: Open, ten: Timeline) -> None:
    page = opened(ten).page
    page.get_by_role("button", name="Agents below boss").click()
    assert page.locator(".lane:visible").count() == 1
    page.get_by_role("button", name="Agents below boss").click()
    assert page.locator(".lane:visible").count() == 11
    before = page.locator(".name").first.bounding_box()
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    assert page.locator(".chart").evaluate("e => e.scrollLeft") > 0
    assert page.locator(".name").first.bounding_box() == before


@pytest.mark.requirement("timeline-browser")
@pytest.mark.parametrize(("run", "bars"), [(fan_out, 4002), (many_calls, 1002)], ids=["agents", "functions"])
def test_a_thousand_calls_are_drawn_soon_and_walked_at_ease(opened: Open, tmp_path: Path, run: Any, bars: int) -> None:
    timeline = drawn(run(1000))
    began = time.monotonic()
    watched = opened(timeline)
    page = watched.page
    page.wait_for_selector(".lane")
    took = time.monotonic() - began
    size = (tmp_path / "run.html").stat().st_size
    print(f"{run.__name__}(1000): {size:,} bytes, written and drawn in {took:.2f} s")  # noqa: T201 - the figure
    assert page.locator(".bar").count() == bars
    assert took < DRAWN_SECONDS
    assert size < MAX_PAGE
    began = time.monotonic()
    page.get_by_role("button", name="Follow critical path").click()
    for key in ("c", "c", "End", "ArrowDown", "ArrowUp", "+", "0"):
        page.keyboard.press(key)
    assert time.monotonic() - began < DRAWN_SECONDS
    watched.see(f"{run.__name__}-1000")
    assert re.match(r"(Turn|sum_numbers|worker)", focused(page))


@pytest.mark.requirement("timeline-browser")
def test_whoever_wants_less_motion_gets_none(opened: Open, ten: Timeline) -> None:
    still = opened(ten).page
    moving = opened(ten, reduced_motion="no-preference").page
    transition = "e => getComputedStyle(e).transitionDuration"
    assert still.locator(".bar").first.evaluate(transition) == "0s"
    assert moving.locator(".bar").first.evaluate(transition) != "0s"
