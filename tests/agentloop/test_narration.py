"""Text for terminals: nothing in it steers them, and nothing is lost that a language or an emoji needs."""

import pytest

from agentloop.narration import clip, printable


@pytest.mark.requirement("terminal-safe")
@pytest.mark.parametrize(
    "text",
    [
        "12\u00a0\u20ac, 5\u202f000",  # French spaces
        "\u4e00\u3000\u4e8c",  # the space of Japanese
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u0915\u094d\u200d\u0937",  # Hindi
        "\U0001f469\u200d\U0001f467",  # an emoji of two
        "\U0003fffd",  # what this Python's Unicode does not know yet, as a newer emoji
        "one\n\ttwo",
    ],
)
def test_what_languages_need_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.requirement("terminal-safe")
@pytest.mark.parametrize(
    "character", ["\x1b", "\x00", "\r", "\x9b", "\u202e", "\u2066", "\u2028", "\U000e0041", "\ud800"]
)
def test_what_controls_a_terminal_or_turns_text_round_is_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"
    assert clip(f"a{character}b", 9).isprintable()
