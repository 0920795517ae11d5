"""The answers to several parts -> the one answer to what is asked of them together."""

from collections.abc import Mapping
from fractions import Fraction

from offline_model.lexeme import Unread
from offline_model.number_words import decimal
from offline_model.numerals import Answer, money, plain
from offline_model.problem import Comparison


def combined(problem: Comparison, answers: Mapping[str, Answer]) -> Answer:
    """Raises Unread if the least or the most is not one part alone."""
    values = [each.value for each in answers.values()]
    exact = not any(each.rounded for each in answers.values())
    match problem.ask:
        case "total":
            return _shown(problem, sum(values, Fraction(0)), exact=exact)
        case "average":
            return _shown(problem, sum(values, Fraction(0)) / len(values), exact=exact)
        case "difference":
            return _shown(problem, values[0] - values[1], exact=exact)
        case _:
            return _extreme(problem, answers)


def _shown(problem: Comparison, value: Fraction, *, exact: bool) -> Answer:
    return money(value, problem.currency, exact=exact) if problem.money else plain(decimal(value), exact=exact)


def _extreme(problem: Comparison, answers: Mapping[str, Answer]) -> Answer:
    wanted = (min if problem.ask == "least" else max)(each.value for each in answers.values())
    names = [name for name, each in answers.items() if each.value == wanted]
    if len(names) > 1:
        raise Unread(f"{' and '.join(names)} are the same")
    if not problem.gap:
        return Answer(wanted, names[0], problem.currency)
    one, two = answers.values()
    exact = not (one.rounded or two.rounded)
    by = _shown(problem, one.value - two.value, exact=exact)
    return Answer(wanted, f"{names[0]}, by {by.text}", problem.currency)
