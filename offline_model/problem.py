"""The typed form between reading and planning: what a text says, once nothing about it is in doubt."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias


@dataclass(frozen=True)
class Number:
    text: str
    """A decimal number as the tools take it."""
    currency: str = ""

    @property
    def value(self) -> Fraction:
        return Fraction(self.text)

    def __str__(self) -> str:
        return self.currency + self.text


@dataclass(frozen=True)
class Unknown:
    """What an equation is solved for."""

    name: str


@dataclass(frozen=True)
class Negation:
    operand: "Expression"


@dataclass(frozen=True)
class Sum:
    terms: tuple[tuple[bool, "Expression"], ...]
    """Each with whether it is added (True) or taken away."""


@dataclass(frozen=True)
class Product:
    factors: tuple[tuple[bool, "Expression"], ...]
    """Each with whether it multiplies (True) or divides."""


@dataclass(frozen=True)
class Power:
    base: "Expression"
    exponent: "Expression"


@dataclass(frozen=True)
class Root:
    operand: "Expression"


Expression: TypeAlias = Number | Unknown | Negation | Sum | Product | Power | Root


@dataclass(frozen=True)
class Item:
    quantity: Number
    goods: str
    price: Number

    def __str__(self) -> str:
        each = "" if self.quantity.value == 1 else " each"
        return f"{self.quantity} {self.goods} at {self.price}{each}"


@dataclass(frozen=True)
class Fee:
    name: str
    amount: Number

    def __str__(self) -> str:
        return f"{self.name} {self.amount}"


@dataclass(frozen=True)
class Part:
    """What is bought in one place; `name` is empty if the text names none."""

    name: str
    entries: tuple[Item | Fee, ...]

    def __str__(self) -> str:
        heading = f"{self.name}: " if self.name else ""
        return f"{heading}{', '.join(map(str, self.entries))}. What is the total?"


@dataclass(frozen=True)
class Purchases:
    parts: tuple[Part, ...]
    currency: str

    @property
    def read(self) -> tuple[str, ...]:
        """What was taken from the text, in words."""
        return tuple(str(entry) for part in self.parts for entry in part.entries)


@dataclass(frozen=True)
class Shown:
    """How one of several answers is shown: currency and unit as in `Calculation`, and whose it is, if of somebody."""

    currency: str
    unit: str
    name: str = ""


@dataclass(frozen=True)
class Calculation:
    """One value, the several solutions of an equation, or the answers to several questions."""

    expressions: tuple[Expression, ...]
    source: str
    """The text it was read from; read again it gives the same calculation."""
    currency: str = ""
    unit: str = ""
    """"%" if the value is to be shown as a percentage, "money" if as an amount of money."""
    read: tuple[str, ...] = ()
    """What was taken from the text, in words."""
    shown: tuple[Shown, ...] = ()
    """How each value is shown, if there are answers to several questions, or for several."""
    unused: tuple[str, ...] = ()
    """What is beside the point, in words."""

    @property
    def money(self) -> bool:
        return self.unit == "money"

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True)
class Share:
    """One of several things that are worked out independently: a store, a person, a trip, a month."""

    name: str
    expression: Expression
    source: str
    """A text that asks for this part alone."""


@dataclass(frozen=True)
class Comparison:
    """Several parts and what is asked of them together."""

    parts: tuple[Share, ...]
    ask: str
    """ "total", "average", "least" or "most", or "difference": of the first and the second part."""
    currency: str = ""
    unit: str = ""
    read: tuple[str, ...] = ()
    gap: bool = False
    """Whether it is also asked by how much the least or the most of two differs: the first part is the greater."""

    @property
    def money(self) -> bool:
        return self.unit == "money"


Problem: TypeAlias = Purchases | Calculation | Comparison
