"""Questions as the orchestrator's user sees them, and the answers that they and the file of `--answers` give."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from agentloop import Accepted, Answer, Cancelled, ConfigurationError, Declined, Question
from agentloop.questions import form_schema
from orchestrator_client.person import Person
from orchestrator_client.questions import Answers, Questions
from tests.journeys.asking_server import Order

ORDER = Question("How?", form_schema(Order), agent="seller", server="shop")


class Typist:
    """Types prepared lines. None is Ctrl-D."""

    def __init__(self, *lines: str | None) -> None:
        self.lines = list(lines)
        self.labels: list[str] = []

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[str], Awaitable[str | None]]]:
        async def read(label: str) -> str | None:
            self.labels.append(label)
            return self.lines.pop(0)

        yield read


async def asked(question: Question, *lines: str | None) -> tuple[Answer[Any], list[str], Typist]:
    said: list[str] = []
    typist = Typist(*lines)
    questions = Questions(said.append, person=cast("Person", typist))
    return await questions.ask(question), said, typist


@pytest.mark.requirement("questions-at-the-terminal")
async def test_a_form_is_asked_field_by_field_until_each_fits() -> None:
    lines = ("A", "Ada", "L", "2", "bow, card", "many", "3", "maybe", "y", "")
    answer, said, typist = await asked(ORDER, *lines)
    assert answer == Accepted({"name": "Ada", "size": "M", "extras": ["bow", "card"], "count": 3, "is_gift": True})
    assert said[0] == "seller on shop asks:"
    assert [line.strip() for line in said if "Type" in line or "not one" in line or "short" in line] == [
        "'A' is too short",
        "L is not one of the choices.",
        "Type a whole number.",
        "Type yes or no.",
    ]
    assert typist.labels[2] == "Size (1 S, 2 M): "
    assert typist.labels[4] == "Extras (some of 1 bow, 2 card) []: "
    assert any("Careful: this form asks for something like a password" in line for line in said)


@pytest.mark.requirement("questions-at-the-terminal")
@pytest.mark.parametrize(
    ("schema", "lines", "value"),
    [
        ({"enum": ["10", "5", "2"]}, ["2"], "2"),
        ({"enum": ["10", "5", "2"]}, ["3"], "2"),
        ({"enum": ["mit", "MIT"]}, ["MIT"], "MIT"),
        ({"type": "array", "items": {"enum": ["3", "1"]}}, ["1, 3"], ["1", "3"]),
        ({"oneOf": [{"const": "a", "title": "Same"}, {"const": "b", "title": "Same"}]}, ["Same (b)"], "b"),
        ({"type": "number"}, ["nan", "-inf", "1e999", "2.5"], 2.5),
        ({"type": "integer"}, ["9" * 5000, "2.5", "7"], 7),
    ],
)
async def test_what_is_typed_is_that_choice_or_number(schema: dict[str, Any], lines: list[str], value: Any) -> None:
    form = {"type": "object", "properties": {"answer": schema}, "required": ["answer"]}
    assert (await asked(Question("Which?", form), *lines))[0] == Accepted({"answer": value})


@pytest.mark.requirement("questions-at-the-terminal")
async def test_a_person_can_refuse_and_dismiss() -> None:
    assert (await asked(ORDER, "Ada", "/decline"))[0] == Declined()
    assert (await asked(ORDER, None))[0] == Cancelled()


@pytest.mark.requirement("questions-at-the-terminal")
async def test_the_host_of_a_page_is_shown_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("orchestrator_client.login.webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    url = "http://good.example.org@evil.example.net/now"
    answer, said, _ = await asked(Question("Pay.", url=url, server="shop"), "no")
    assert answer == Declined()
    assert not opened
    assert said[0] == "shop asks you to open a web page at evil.example.net:"
    assert any("not encrypted" in line for line in said)
    assert (await asked(Question("Pay.", url="https://a.example.org/"), "yes"))[0] == Accepted({})
    assert opened == ["https://a.example.org/"]


@pytest.mark.requirement("questions-at-the-terminal")
async def test_a_file_answers_by_pattern_and_without_anybody_a_question_is_declined(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    given = {"which*": "MIT", "seller: how*": {"name": "Ada", "size": "S", "is_gift": False}, "pay*": "cancel"}
    path.write_text(json.dumps(given), encoding="utf-8")
    said: list[str] = []
    questions = Questions(said.append, Answers(path))
    licence = Question("Which licence?", {"type": "object", "properties": {"licence": {"enum": ["MIT", "BSD"]}}})
    assert await questions.ask(licence) == Accepted({"licence": "MIT"})
    assert cast("Any", await questions.ask(ORDER)).value["count"] == 1
    assert await questions.ask(Question("Pay now", url="https://a.example.org")) == Cancelled()
    assert not said
    assert await questions.ask(Question("Who?", agent="a", server="s")) == Declined()
    assert said == [
        "a on s asked: Who?",
        "Nobody is here, so it was declined. To answer such questions without a terminal: --answers FILE",
    ]
    assert [(each["answer"], each["answered_by"]) for each in questions.asked] == [
        ("accepted", "file"),
        ("accepted", "file"),
        ("cancelled", "file"),
        ("declined", "nobody"),
    ]
    misfit = Question("Which?", {"type": "object", "properties": {"licence": {"enum": ["BSD"]}}})
    assert await questions.ask(misfit) == Declined()
    assert "does not fit the form: licence" in said[2]


@pytest.mark.requirement("questions-at-the-terminal")
async def test_it_is_said_once_how_to_answer_without_a_terminal() -> None:
    said: list[str] = []
    questions = Questions(said.append)
    assert [await questions.ask(Question(each)) for each in ("One?", "Two?")] == [Declined(), Declined()]
    assert said == [
        "An agent asked: One?",
        "Nobody is here, so it was declined. To answer such questions without a terminal: --answers FILE",
        "An agent asked: Two?",
        "Nobody is here, so it was declined.",
    ]


@pytest.mark.requirement("questions-at-the-terminal")
async def test_a_page_that_the_file_agrees_to_is_shown(tmp_path: Path) -> None:
    path, said = tmp_path / "answers.json", list[str]()
    path.write_text('{"Pay*": true}', encoding="utf-8")
    questions = Questions(said.append, Answers(path))
    assert await questions.ask(Question("Pay.", url="https://a.example.org/x")) == Accepted({})
    assert said == ["An agent asks you to open this page: https://a.example.org/x"]
    assert questions.asked[0]["url"] == "https://a.example.org/x"


@pytest.mark.requirement("questions-at-the-terminal")
@pytest.mark.parametrize("question", [Question("Pay?", url="https://a.example.org"), Question("Go on?")])
async def test_only_true_agrees_to_open_a_page_or_to_a_form_without_fields(tmp_path: Path, question: Question) -> None:
    path, said = tmp_path / "answers.json", list[str]()
    for given, answer in ((True, Accepted({})), ({"name": "Ada"}, Declined()), ("no", Declined()), (1, Declined())):
        path.write_text(json.dumps({"*": given}), encoding="utf-8")
        assert await Questions(said.append, Answers(path)).ask(question) == answer
    assert any("nothing to fill in: give true" in line for line in said)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[1]", "has to be an object"), ("{", "not JSON"), ('{"*": NaN}', "NaN is not a number")],
)
def test_a_file_of_answers_that_cannot_be_read_says_so(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=problem):
        Answers(path)
