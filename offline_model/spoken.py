"""Where spoken arithmetic has two readings."""

from collections.abc import Sequence

from offline_model.lexeme import Lexeme, Unread
from offline_model.lexing import MAX_NESTING

_OPERATORS = frozenset({"PLUS", "MINUS", "TIMES", "OVER", "POWER", "X"})


def check_spoken(text: str, lexemes: Sequence[Lexeme]) -> None:
    """In words it is open how far a root or an exponent reaches ("the square root of 16 plus 9"), unless it is last."""
    if sum(lexeme.kind in {"POWER", "SQRT", "ROOT"} for lexeme in lexemes) > MAX_NESTING:
        raise Unread(f"powers and roots are nested more than {MAX_NESTING} deep")
    run = 0
    for index, lexeme in enumerate(lexemes):
        run = run + 1 if lexeme.kind == "MINUS" else 0
        if run > MAX_NESTING:
            raise Unread(f"minus signs are nested more than {MAX_NESTING} deep")
        spoken = lexeme.kind in {"ROOT", "POWER", "SQRT"} and lexeme.text[0].isalpha()
        if spoken and _goes_on(lexemes[index + 1 :]):
            raise Unread(f'"{text[lexeme.start :].strip()[:200]}": it has two readings; parentheses would tell')


def _goes_on(lexemes: Sequence[Lexeme]) -> bool:
    """Whether an operator follows the bare number that the lexemes begin with."""
    kinds = [lexeme.kind for lexeme in lexemes]
    kinds = kinds[kinds[0] == "MINUS" :]
    return kinds[0] in {"NUMBER", "MONEY"} and len(kinds) > 1 and kinds[1] in _OPERATORS
