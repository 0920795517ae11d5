"""The orchestrator's two turns: hand every independent part to the agent at once, then put the answers together."""

from collections.abc import Mapping
from fractions import Fraction

from offline_model.combining import combined
from offline_model.conversation import Asked, Call, Outcome
from offline_model.lexeme import Unread
from offline_model.numerals import Answer, answered, explained, money
from offline_model.problem import Calculation, Comparison, Problem, Purchases
from offline_model.reading import read


def orchestrate(conversation: Asked, agent: str) -> str | list[Call]:
    """The delegations, or the final text. Raises Unread if the problem or an answer to a part cannot be read."""
    problem = read(conversation.question)
    calls = {name: Call(agent, {"prompt": prompt}) for name, prompt in _prompts(problem).items()}
    pending = [call for call in calls.values() if call.key not in conversation.outcomes]
    if pending and conversation.turns >= len(calls):
        raise Unread("the calls in this conversation are not the ones that were asked for")
    if pending:
        return pending
    outcomes = {name: conversation.outcomes[call.key] for name, call in calls.items()}
    answers = _answers(outcomes, problem.currency)
    if isinstance(problem, Calculation) and problem.read:
        return "\n".join([*explained(next(iter(outcomes.values())).texts), _final(problem, answers)])
    return _final(problem, answers)


def _prompts(problem: Problem) -> dict[str, str]:
    """A prompt that can be read by itself for each part, by the part's name."""
    if isinstance(problem, Calculation):
        return {"": str(problem)}
    if isinstance(problem, Comparison):
        return {part.name: part.source for part in problem.parts}
    return {part.name: str(part) for part in problem.parts}


def _answers(outcomes: Mapping[str, Outcome], currency: str) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    failures: list[str] = []
    for name, outcome in outcomes.items():
        found = None if outcome.is_error else answered(outcome.texts)
        if found is None or found.currency != currency:
            said = " ".join(outcome.texts)[:1000] or "nothing"
            failures.append(f"{name or 'the calculation'} was not worked out, the agent said: {said}")
        else:
            answers[name] = found
    if failures:
        finished = [f"{name}: {each.text}" for name, each in answers.items()]
        raise Unread("; ".join(failures + ([f"finished were {', '.join(finished)}"] if finished else [])))
    return answers


def _final(problem: Problem, answers: Mapping[str, Answer]) -> str:
    lines = [f"{name}: {each.text}" for name, each in answers.items() if name]
    if isinstance(problem, Comparison):
        found = combined(problem, answers)
        return "\n".join([*lines, f"Total: {found.text}" if problem.ask == "total" else found.line])
    if isinstance(problem, Purchases) and len(answers) > 1:
        total = sum((each.value for each in answers.values()), Fraction(0))
        exact = not any(each.rounded for each in answers.values())
        return "\n".join([*lines, f"Total: {money(total, problem.currency, exact=exact).text}"])
    return "\n".join([*lines, *(each.line for each in answers.values())])
