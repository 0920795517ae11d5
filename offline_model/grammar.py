"""grammar.lark, loaded once, and what each of its rules means. Lexemes of one segment -> a reading of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from lark import Token, Transformer
from lark.parsers.lalr_parser import LALR_Parser

from offline_model.lexeme import Lexeme, Unread
from offline_model.lexicon import SHOPPING
from offline_model.parsing import Refused, loaded, parsed
from offline_model.problem import Fee, Item, Number
from offline_model.tables import Grammar

_CARRIAGE = frozenset({"shipping", "delivery", "handling", "postage"})  # never a percentage
_PLURAL = frozenset({"buy", "order", "purchase", "get", "need", "take", "grab", "pick"})
STARTS = ("question", "opening", "purchase")
GRAMMAR = Grammar("grammar.lark", STARTS, SHOPPING.terminals)


@dataclass(frozen=True)
class Question:
    """Asks for the total, or for each part and the total: the answer gives both, so the words are not kept."""


@dataclass(frozen=True)
class Opening:
    stores: int | None


@dataclass(frozen=True)
class Purchase:
    place: str
    entries: tuple[Item | Fee, ...]


@dataclass(frozen=True)
class Shopping:
    visits: tuple[Purchase, ...]


Reading: TypeAlias = Question | Opening | Shopping


@dataclass(frozen=True)
class _Place:
    name: str


@dataclass(frozen=True)
class _Owner(_Place):
    """Not a place but who buys; the parts of a problem are told apart by either."""


@dataclass(frozen=True)
class _Goods:
    words: str


@dataclass(frozen=True)
class _Count:
    quantity: Number
    single: bool = False
    dozen: bool = False


@cache
def parser() -> LALR_Parser:
    return loaded(GRAMMAR, _Meaning())


def read_as(start: str, lexemes: Sequence[Lexeme]) -> Reading | Refused:
    """Read a segment as one kind of sentence. Raises Unread if its words fit but its meaning is in doubt."""
    reading: Reading | Refused = parsed(parser(), start, lexemes)
    return reading


def _texts(children: Sequence[Any]) -> str:
    return " ".join(str(child) for child in children if isinstance(child, Token))


class _Meaning(Transformer[Token, Any]):
    """One method per rule of the grammar; children that carry no meaning are passed over by their type."""

    def question(self, _children: list[Any]) -> Question:
        return Question()

    def opening(self, children: list[Any]) -> Opening:
        stated = [child for child in children if isinstance(child, int)]
        return Opening(stated[0] if stated else None)

    def stated(self, children: list[Token]) -> int:
        return int(children[0]) if children[0].isdecimal() else -1

    def purchase(self, children: list[Any]) -> Shopping:
        if any(isinstance(child, _Owner) for child in children):
            verb = next(child for child in children if isinstance(child, Token) and child.type == "BUY")
            if verb.lower().split()[0] in _PLURAL:
                raise Unread(f'"{verb}": it is not said whether each of them does')
        return Shopping(tuple(_visits(children)))

    def place(self, children: list[Any]) -> _Place:
        return _Place(next(child for child in children if not isinstance(child, Token)))

    def owner(self, children: list[str]) -> _Owner:
        return _Owner(children[0])

    def name(self, children: list[Token]) -> str:
        return _texts(children)

    def goods(self, children: list[Token]) -> _Goods:
        return _Goods(_texts(children))

    def amount(self, children: list[Token]) -> Number:
        return self.number(children)

    money = amount

    def number(self, children: list[Token]) -> Number:
        token = children[0]
        return Number(str(token)) if token.type == "NUMBER" else Number(str(token[1:]), str(token[0]))

    def counted(self, children: list[Token]) -> _Count:
        return _Count(Number(str(children[0])), single=children[0] == "1")

    def one(self, _children: list[Any]) -> _Count:
        return _Count(Number("1"), single=True)

    def dozen(self, children: list[Token]) -> _Count:
        return _Count(Number(str(children[0])), dozen=True)

    def item_each(self, children: list[Any]) -> Item:
        count, goods, price = _bought(children)
        return Item(count.quantity, goods, price)

    def item_at(self, children: list[Any]) -> Item:
        """A price "at" is that of one; only "a dozen eggs at $3" may give the dozen's."""
        count, goods, price = _bought(children)
        if count.dozen:
            raise Unread(
                f'"{count.quantity} {goods} at {price}": it is not said whether {price} is for each or for all'
            )
        return Item(count.quantity, goods, price)

    def item_for(self, children: list[Any]) -> Item:
        """A price without "at" or "each": only for a single thing is it clear whether it is for one or for all."""
        count, goods, price = _bought(children)
        if not count.single:
            raise Unread(f'"{count.quantity} {goods}" for {price}: it is not said whether that is for each or for all')
        return Item(count.quantity, goods, price)

    def item_priced(self, children: list[Any]) -> Item:
        count, price, goods = children
        return Item(count.quantity, goods.words, price)

    def item_one_priced(self, children: list[Any]) -> Item:
        _, price, goods = children
        return Item(Number("1"), goods.words, price)

    def fee(self, children: list[Any]) -> Fee:
        name = next(str(child) for child in children if isinstance(child, Token) and child.type == "FEE").lower()
        amount = next(child for child in children if isinstance(child, Number))
        if not amount.currency and _CARRIAGE.isdisjoint(name.split()):
            raise Unread(f'"{name} {amount}": it is not said whether {amount} is an amount of money')
        return Fee(name, amount)


def _visits(children: Sequence[Any]) -> Iterator[Purchase]:
    """Each place with what follows it; a place may also come last, after all that is bought there."""
    place, entries = "", list[Item | Fee]()
    for child in children:
        if isinstance(child, Item | Fee):
            entries.append(child)
        elif isinstance(child, _Place):
            if place:
                yield Purchase(place, tuple(entries))
                entries = []
            place = child.name
    yield Purchase(place, tuple(entries))


def _bought(children: Sequence[Any]) -> tuple[_Count, str, Number]:
    count, goods, price = (child for child in children if not isinstance(child, Token))
    return count, goods.words, price
