"""What the commands have in common: lines wrapped at words."""

from hypothesis import given
from hypothesis import strategies as st

from agentloop.command_line import wrapped


def test_lines_are_broken_between_words_and_keep_their_indentation() -> None:
    assert wrapped("one two three\nfour", 8) == "one two\nthree\nfour"
    assert wrapped("  one two three", 10) == "  one two\n  three"
    assert wrapped("/help   this list of commands", 18, indent=8) == "/help   this list\n        of\n        commands"


@given(st.text(st.sampled_from("ab \n")), st.integers(5, 40))
def test_no_word_is_broken_and_none_is_lost(text: str, columns: int) -> None:
    after = wrapped(text, columns)
    assert after.split() == text.split()
    assert all(len(line) <= columns or " " not in line.strip() for line in after.split("\n"))
