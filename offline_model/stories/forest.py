"""A parse forest -> what it means, in every way. Each node is worked out once, however many parses share it.

Lark would write out the parses as a tree first, whose size grows exponentially with the length of some sentences.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from lark.grammar import Rule
from lark.parsers.earley_forest import TokenNode

from offline_model.effort import READ, spend
from offline_model.lexeme import Unread

_MOST_READINGS = 64

Children = tuple[Any, ...]
Meaning = Callable[[Rule, list[Any]], Any]
"""What a rule makes of the meanings of its children; lexemes are lark's tokens."""


class Node:
    """What lark's parser makes of a symbol, or of the beginning of a rule, between two places.

    It stands for lark's SymbolNode, of which it needs the constructor and `add_family`; made of fewer objects, and none
    that refers back, it is gone when the parse is.
    """

    __slots__ = ("families", "is_intermediate")

    def __init__(self, s: object, _start: int, _end: int) -> None:
        self.is_intermediate = isinstance(s, tuple)
        self.families: list[tuple[Rule, Node | None, Node | TokenNode | None]] = []

    def add_family(
        self, _s: object, rule: Rule, _start: int, left: "Node | None", right: "Node | TokenNode | None"
    ) -> None:
        self.families.append((rule, left, right))


def meanings(root: Node, meaning: Meaning) -> list[Any]:
    """The different meanings of the root. Raises Unread if a node has too many of them."""
    return [found for (found,) in _Forest(meaning).of(root)]


class _Forest:
    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        self._known: dict[int, list[Children]] = {}

    def of(self, node: Node | TokenNode | None) -> list[Children]:
        """Every different row of children that a node stands for in the node above it."""
        if node is None:
            return [()]
        if isinstance(node, TokenNode):
            return [(node.token,)]
        if id(node) not in self._known:
            self._known[id(node)] = []  # a parse that contains itself is none
            self._known[id(node)] = self._worked_out(node)
        return self._known[id(node)]

    def _worked_out(self, node: Node) -> list[Children]:
        found: list[Children] = []
        for rule, one, other in sorted(node.families, key=lambda family: family[0].order):
            rows = product(self.of(one), self.of(other))
            for count, (left, right) in enumerate(rows):
                if count >= _MOST_READINGS:
                    raise Unread("a sentence has too many readings")
                spend(READ)
                children = (*left, *right)
                found.append(children if node.is_intermediate else self._reduced(rule, children))
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    def _reduced(self, rule: Rule, children: Sequence[Any]) -> Children:
        """Lark's shaping of trees: a rule named "_..." gives its children, one with "?" gives way to an only child."""
        if rule.origin.name.startswith("_"):
            return tuple(children)
        if rule.options.expand1 and rule.alias is None and len(children) == 1:
            return (children[0],)
        return (self._meaning(rule, list(children)),)
