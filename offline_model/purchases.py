"""Purchases, fees, discounts and taxes in one or several parts -> Problem. Amounts are read, words passed over."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from offline_model import problem
from offline_model import words as w
from offline_model.asking import Asked, goals_of, read_question
from offline_model.clauses import Clauses
from offline_model.items import HELD_VOUCHER, VOUCHER, Entry, labels_of, stands_alone, without_result
from offline_model.layout import ROW, Piece, lay_out
from offline_model.marking import ANY, M, N, P, mark
from offline_model.numbers import decimal
from offline_model.problem import Expression, Goal, Number, Part, PartTotal, Problem, Unread, changed, total
from offline_model.questions import check_named, check_questions
from offline_model.rates import Rate, Scopes, check_rates
from offline_model.tables import take_tables
from offline_model.tidying import NET, SYMBOLS, plain, tidy
from offline_model.unpriced import Unpriced
from offline_model.words import stem, stems

_TAXED = re.compile(r"(?i)%[^.;\n%]*\b(?:tax|vat|gst|hst)\b|\b(?:tax|vat|gst|hst)\b[^.;\n%]{0,20}(?:\d%|[$£€.]\d)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ue000-\uf8ff]")
_ARE_EACH = re.compile(r"(?i)\b(?:prices?|all|these) (?:(?:are|is) )?(?:for one|each|per \w+)\b|\bunit prices?\b")
_PERIODS = (r"daily|a day", r"weekly|a week", r"monthly|a month", r"yearly|annual\w*|a year|per year")
_OWN_MONEY = re.compile(r"(?i)\b(?:i|we|s?he|they)(?: only| just)?(?:['’]ve| have| had| got| brought)\b|\bwith me\b")
_OWN_SUM = re.compile(rf"(?i)(?:i|we)(?:['’]ve| had| have)(?: got)? {M}(?=\s*(?:$|(?:at|in|to|from|left|on|cash)\b))")
_OTHERS_PAY = re.compile(r"(?i)(?<!\bi )(?<!\bwe )\b(?:pays|gives?|gave|covers?|covered|owes?)\b")
_BEFORE_TAX = re.compile(
    r"(?i)\b(?:before|ignoring|counting|pre|ex)[ -](?:the )?(?:tax|vat|gst|tip|discount)|\bsubtotal"
    r"|\bboth (?:numbers|totals)\b"
)
_SPAN = re.compile(r"(?i)\b(?:\d+|two|three|four|five|six|seven|ten|long)[ -](?:day|night|week|month)")
_THEN = re.compile(r"\b(?:then|after|afterwards|finally|another|further)\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:how much|what|which)\b", re.IGNORECASE)
_EACH_PART = re.compile(
    rf"\b(?:each|every|per|both)\s+(?:of\s+the\s+(?:{N}\s+)?)?(?!of\b)(\w+)|\beach of the\s*$", re.IGNORECASE
)
_SPOKEN = re.compile(r"\b(?:in|all)\s(?:\w+\s)?(euro|dollar|pound|sterling|eur|usd|gbp|rupee|yen)s?\b", re.IGNORECASE)
_TAXES, _FEES = "tax vat gst hst pst", "shipping delivery postage freight fee"
_NEED_AMOUNTS = [set(each.split()) for each in (_TAXES, "tip gratuity", "discount coupon rebate", _FEES)]


def read_purchases(text: str) -> Problem:
    """Raises Unread, naming what has no certain meaning."""
    if found := _CONTROL.search(text):
        raise Unread(f"the control character {found[0]!r}")
    if len([each for each in _PERIODS if re.search(rf"\b(?:{each})\b", text, re.IGNORECASE)]) > 1:
        raise Unread("whether it is by the week, the month or the year")
    text = plain(text)
    text = text if _TAXED.search(text) else w.UNTAXED.sub("", text)
    rest, rows = take_tables(text)
    asked = read_question(rest)
    check_questions(rest, asked)
    lines = [f"{chr(ROW + at)}{line}" for at, (_, line) in enumerate(rows)]
    marked, marks = mark("\n".join([tidy(asked.text), *lines]))
    if change := w.changing(re.sub(r"[ \t]+", " ", re.sub(ANY, lambda match: marks[match[0]].written, marked))):
        raise Unread(f'"{change}"')
    pieces = lay_out(marked, marks, [part for part, _ in rows])
    bill = _Bill(Clauses(pieces, marks, are_each=bool(_ARE_EACH.search(text))), text)
    labels, entries = bill.labels, bill.entries
    if "every" in asked.kinds:  # "per month" asks for the parts if these are months
        times = any(set(each.nouns[:1]) & w.TIMES and each.value != str(len(labels)) for each in bill.clauses.counts)
        if times or (len(labels) == 1 and _SPAN.search(rest)):
            raise Unread("of how many days or months the cost of one is asked")
        asked.kinds = asked.kinds - {"every"} | ({"each"} if len(labels) > 1 else set())
    named = len(labels) > 1 and "" not in labels
    if asked.counts and (len(entries) < max(asked.counts) or (named and set(asked.counts) != {len(labels)})):
        raise Unread(f"which {max(asked.counts)} parts are meant")
    bill.check_parts(asked)
    check_named(rest, labels)
    if len(labels) == 1 and asked.kinds - {"each"}:
        bill.take_entries_for_parts(text)  # "January $450, February $380: which was more?"
    parts = [bill.part(label) for label in bill.labels]
    whole, read = bill.whole(len(parts))
    goals, more = goals_of(asked, parts, whole, bill.currency, is_changed=bool(read))
    if read and not bill.overall and _BEFORE_TAX.search(asked.text):
        goals.insert(0, Goal("Before that", total(*map(PartTotal, range(len(parts))))))
    single = [Goal(part.name, PartTotal(at)) for at, part in enumerate(parts) if _asks_for(part.name, asked.text)]
    if 1 < len(single) < len(parts) and not asked.kinds:
        raise Unread("which of the parts are asked for")
    goals = single + goals if len(single) == len(goals) == 1 < len(parts) else goals
    return Problem(tuple(goals), tuple(parts), (*read, *more), bill.currency, "money")


def _asks_for(name: str, text: str) -> bool:
    """Whether the question names a part: "How much did I spend at Boots?"."""
    asked = rf"(?i)\b(?:how much|what)\b[^.?!\n]*\b{re.escape(name)}(?!\w)[^.!\n]*\?"
    return name != "" and re.search(asked, text) is not None


class _Bill:
    """The entries of a text, and the percentages with what they are of. Raises Unread for what has no certain role."""

    def __init__(self, clauses: Clauses, text: str) -> None:
        self.clauses, self.pieces, self.marks = clauses, clauses.pieces, clauses.marks
        self.minor = "€" if re.search("€|euro", text, re.IGNORECASE) else "£" if "£" in text else "$"
        self.entries: list[Entry] = []
        self.overall: list[Entry] = []
        """Fees and deductions that concern everything."""
        self.late: list[Entry] = []
        """Those that come after the percentages: a tip, "then another $15 off"."""
        every: list[Entry] = []
        if not clauses.priced_sentences:
            raise Unread("any quantity with a price")
        for piece in self.pieces:
            self.add(piece, every)
        if not any(entry.is_counted or entry.currency or "." in entry.price for entry in self.entries):
            raise Unread("any quantity with a price")
        named = [each for each in self.entries if each.name or each.place.label or self.names(each.place)]
        unnamed = [each for each in self.entries if named and each not in named and not each.is_counted]
        if unnamed and len(self.entries) > 1:
            raise Unread(f'what "{unnamed[0].currency}{unnamed[0].price}" is for')
        self.check_counts()
        scopes = Scopes(self.marks, self.pieces, self.entries, fees_too=NET in text)
        self.rates = [scopes.rate(piece) for piece in self.pieces if re.search(P, piece.text)]
        self.check_words()
        self.currency = self.one_currency([*self.entries, *self.overall, *every], text)
        labels = self.labels
        if every and (len(labels) < 2 or "" in labels):  # noqa: PLR2004
            raise Unread("which parts the fee is for")
        self.entries += [replace(entry, place=Piece("", label, -1, -1)) for entry in every for label in labels]
        self.take_late()
        check_rates(self.rates, self.entries, self.overall, fees_too=scopes.fees_too)

    def take_late(self) -> None:
        rated = [at for at, piece in enumerate(self.pieces) if re.search(P, piece.text)]
        for entry in [*self.overall, *self.entries] if rated and not any(each.label for each in self.rates) else []:
            place, words = entry.place, set(stems(entry.place.text))
            goods = [set(stems(each.name)) for each in self.entries if not (each.taken_off or each.is_fee)]
            tip = entry.is_fee and {"tip", "gratuity"} & words and self.rates[-1].name in w.TAXES
            named = len(goods) > 1 and any(each & words for each in goods)
            after = entry.taken_off and not named and place in self.pieces[rated[-1] + 1 :]
            if (tip or (after and _THEN.search(f"{place.joined} {place.text}"))) and len(self.labels) == 1:
                self.late.append(entry)
        for entries in (self.entries, self.overall):
            entries[:] = [each for each in entries if each not in self.late]

    @property
    def labels(self) -> list[str]:
        return labels_of(self.entries)

    def add(self, piece: Piece, every: list[Entry]) -> None:
        """`every` takes what each of the parts pays."""
        text, stated = without_result(re.sub(P, " ", piece.text), self.marks)
        words, shown = set(stems(text)), self.marks.shown(piece.text)
        if not self.clauses.has_price(text):
            if self.lacks_price(piece):
                raise Unread(f'No price found for "{shown}"')
            return
        sums = words & w.STATED - ({"sub"} if "subs" in text.lower() else set())
        only = "subtotal" in words and len([each for each in self.pieces if self.clauses.has_price(each.text)]) == 1
        if sums and not only and words <= w.STATED | w.LEADING | {"card", "the"} and len(re.findall(ANY, text)) == 1:
            raise Unread(f'"{shown}"')
        each_part = self.is_for_each_part(text, words)
        entry = self.clauses.entry(piece, _EACH_PART.sub("", text) if each_part else text)
        entry = replace(entry, currency=self.minor) if entry.currency == "minor" else entry
        if stated and Fraction(stated) != Fraction(entry.quantity) * Fraction(entry.price):
            raise Unread(f'the total in "{shown}"')
        self.check_is_cost(entry, text, shown)
        entry = self.of_its_part(entry, text)
        if self.is_deducted(entry, text, words):
            if entry.is_counted or {"each", "per", "every"} & words or not self.entries:
                raise Unread(f'"{shown}"')
            entry = replace(entry, taken_off=True)
        alone = stands_alone(piece, self.entries)
        whole = (entry.is_fee or entry.taken_off) and w.EVERYTHING & words and alone and entry.place is piece
        (every if each_part else self.overall if whole else self.entries).append(entry)

    def is_for_each_part(self, text: str, words: set[str]) -> bool:
        """Whether each of the parts pays it: "each shop adds $5 shipping", "delivery is $5 from each of the two"."""
        found = _EACH_PART.search(text) if words & w.FEES else None
        parts = found is not None and (not found[1] or stem(found[1].lower()) in w.PARTS)
        return parts and not re.search(N, _EACH_PART.sub("", text))

    def check_is_cost(self, entry: Entry, text: str, shown: str) -> None:
        """Raises Unread for money that somebody has or gets."""
        mine = set(stems(entry.name)) <= {"me", "u", "cash", "i", "we", "on"} and _OWN_MONEY.search(text)
        spoken = set(stems(entry.name or entry.place.label))
        spoken |= set(stems(re.sub(r".*:(?=\W*[^\W\d_])", "", text))) if not entry.is_counted else set()
        others = not entry.name and _OTHERS_PAY.search(text)
        if mine or others or _OWN_SUM.match(text) or (spoken & w.INCOME and entry.quantity == "1"):
            raise Unread(f'what "{shown}" is for')

    def is_deducted(self, entry: Entry, text: str, words: set[str]) -> bool:
        reduced = re.search(rf"\b(?:was|were|been|is|are) (?:reduced|lowered|discounted|cut) by\s+{M}", text)
        counted = {"both", "all"}.union(*(stems(each.name) for each in self.entries if each.quantity != "1"))
        if reduced and counted & words:
            raise Unread(f'whether "{self.marks.shown(text)}" is of each')
        compound = set(stems(" ".join(re.findall(r"\b[a-z]+-[a-z]+\b", text.lower()))))  # "drop-off fee"
        said = (w.DISCOUNTS & words) - compound and not re.search(P, entry.place.text)
        signed = reduced or re.search(rf"(?:^|\s)[-−–](?:{M}|{N})", text)
        return bool(signed or self.is_held(entry, text, words) or said)

    def names(self, place: Piece) -> bool:
        """Whether an amount in parentheses stands after an item: "a drill ($129)"."""
        before = self.pieces[max(0, self.pieces.index(place) - 1)].text
        return place.joined == "¦" and not re.search(r"\b[A-Z][\w'’]*$", before)

    def of_its_part(self, entry: Entry, text: str) -> Entry:
        """A voucher for a part by its name, or a fee from one, whichever part was spoken of last."""
        labels = {each.label for each in self.pieces} - {""}
        named = [each for each in labels if set(stems(each)) & set(stems(text))]
        paid_to = re.search(r"\b(?:from|for|at|to)\s(?:the\s)?[A-Z]", text) and (entry.is_fee or "iscount" in text)
        if paid_to and not named and len(labels) > 1:
            raise Unread(f'what "{self.marks.shown(text)}" is for')
        if (HELD_VOUCHER.search(text) or paid_to) and len(named) == 1:
            return replace(entry, place=replace(entry.place, label=named[0]))
        return entry

    def is_held(self, entry: Entry, text: str, words: set[str]) -> bool:
        """Whether it is a voucher or the like that is paid with. Raises Unread if it may have been bought."""
        held = HELD_VOUCHER.search(text)
        bought = entry.is_counted or words & (w.DISCOUNTS | {"bought"})
        paying = bool(held or (words & w.PAYMENTS and words & w.PAYING))
        if not (paying or bought or not VOUCHER.search(text)):
            raise Unread(f'what "{self.marks.shown(text)}" is for')
        return paying

    def lacks_price(self, piece: Piece) -> bool:
        """Whether a piece without a number is an item among priced ones: "2 lipsticks at $22 each and a palette"."""
        none = {"free", "included", "nothing", "no"} & set(stems(piece.text))
        if piece.text in {each.label for each in self.pieces}:
            return False
        if none or not piece.joined or re.search(P, piece.text) or piece.sentence not in self.clauses.priced_sentences:
            return False
        words = piece.text.lower().split()
        known = w.LEADING | w.NOT_NAMES | w.EVERYTHING | w.FEES | w.PARTS | {"thanks", "at", "from", "shared", "split"}
        if len(words) <= 2 and not known & {*words, *stems(piece.text)}:  # noqa: PLR2004
            at = self.pieces.index(piece)
            near = [each for each in self.pieces[max(0, at - 2) : at + 2] if each.sentence == piece.sentence]
            after = near[-1] if near[-1] is not piece else None
            both = len(near) > 2 and all(self.clauses.has_price(each.text) for each in near if each is not piece)  # noqa: PLR2004
            if piece.joined in {"and", "&"} and re.search(rf"{M}(?: per \w+)? for [^\d]*$", self.pieces[at - 1].text):
                return False  # "$5 for biscuits and tea"
            both = both and (after.text[0].isalpha() if after else piece.text[0].islower())
            certain = piece.label or (not re.search(ANY, piece.text) and (both or piece.joined == ";"))
            if certain and not (after and after.joined in {"and", "&"}):
                return True
        the = words[:1] == ["the"] and not (known | {"amount"}) & {*words[1:], *stems(piece.text)[1:]}
        opens = the or words[:1] in (["a"], ["an"], ["another"], ["one"], ["my"], ["some"])
        return opens and 1 < len(words) < 6  # noqa: PLR2004

    def check_counts(self) -> None:
        """Every number that is no price and no quantity of one stands for something that needs no price."""
        for entry in self.entries:
            if entry.place.sentence in self.clauses.price_lists and not (entry.is_counted or entry.is_fee):
                raise Unread(f'how many "{entry.name}" are bought')
        unpriced = Unpriced(self.clauses, self.entries)
        for count in self.clauses.counts:
            if not (count.is_priced or count.is_used or unpriced.passes(count)):
                raise Unread(f'No price found for "{self.marks.shown(count.place.text)}"')

    def check_words(self) -> None:
        """A tax, tip, discount or fee that is spoken of has its amount somewhere; no part of the items is asked for."""
        used = {word for piece in self.pieces if re.search(ANY, piece.text) for word in stems(piece.text)}
        used.update(*(stems(entry.name) for entry in self.entries))
        filling = w.EVERYTHING | w.FEES | w.PARTS | w.PEOPLE | {"of", "the", "and", "in"}
        names = [set(stems(entry.name)) - filling for entry in self.entries]
        none = {each.label for each in self.pieces if {"nothing", "free", "no", "none"} & set(stems(each.text))}
        labels = {*self.labels, *none, ""}
        partly = self.overall or not self.rates or any(each.label or each.entry for each in self.rates)
        changes = partly and used & (w.ADDITIONS | w.DISCOUNTS)
        for piece in self.pieces:
            words, asks = set(stems(piece.text)), _ASKING.search(piece.text)
            if changes and _BEFORE_TAX.search(piece.text) and not re.search(ANY, piece.text):
                raise Unread(f'"{piece.text}"')
            whole = _ASKING.match(piece.text) or words & (w.EVERYTHING | {"average"})
            if set(self.labels) - {""} and piece.label not in labels and not whole:
                raise Unread(f'No price found for "{piece.label}: {self.marks.shown(piece.text)}"')
            for kind in _NEED_AMOUNTS:
                if words & kind and not used & kind and not {"free", "no", "included"} & words:
                    raise Unread(f'"{min(words & kind)}" without an amount')
            asked = [bool(name & words) for name in names]
            some = not words & {"all", "everything", "altogether"} and any(asked) and not all(asked)
            if asks and not re.search(ANY, piece.text) and some:
                raise Unread(f'"{piece.text}", which asks for some of the items')

    def check_parts(self, asked: Asked) -> None:
        """What is asked of the parts, or is a percentage of one, needs all parts to be found."""
        if not asked.kinds and not any(rate.label and not rate.entry for rate in self.rates):
            return
        owed = re.search(r"\beach [a-z]+ ([a-z]+) (?:owe|pay)\b", asked.text.lower())  # "each band member"
        if owed and stem(owed[1]) in w.PEOPLE and stems(asked.text).count(stem(owed[1])) == 1:
            raise Unread(f'who "{owed[0]}" is')
        none = {each.label for each in self.pieces if {"nothing", "free", "no", "none"} & set(stems(each.text))}
        if asked.kinds & {"least", "average"} and none - {*self.labels, ""}:
            raise Unread(f"whether {' and '.join(none)} counts, which costs nothing")
        known = w.LEADING | w.NOT_NAMES | w.FEES | w.DISCOUNTS | w.EVERYTHING
        named = re.compile(
            rf"[A-Z]\S*(?:\s[a-z]+)?\s+{N}\s+(?!(?:at|for|x|each|per|pcs|pieces|units)\b)[^\W\d_]|[A-Z]\w+\s+an?\s.*{M}"
        )
        for before, piece in zip(self.pieces, self.pieces[1:], strict=False):
            follows = piece.label and before.line == piece.line and piece.label == before.label
            begins = before.sentence != piece.sentence and self.clauses.has_price(piece.text)
            first = re.match(r"[A-Z][\w'’]+", piece.text)  # "Ikea 2 rugs $9 each, Jysk 1 mat $5"
            is_name = first and stem(first[0].lower()) not in known
            lower = re.match(rf"([a-z'’.&-]{{3,}})\s+{N}\s+(?!(?:at|for|x|each|per)\b)([^\W\d_]+)", piece.text)
            if lower and follows and re.fullmatch(r"[^A-Z]*", before.label):  # "aldi 5 figs 0.50 each, lidl 2 jams"
                named_by = stem(lower[2].lower()) not in w.CONTAINERS | w.MEASURES | w.UNITS
                if named_by and lower[1] not in known | w.FEES:
                    raise Unread(f'what "{self.marks.shown(piece.text)}" belongs to')
            again = piece.joined == ";" and len({e.label for e in self.pieces if e.sentence == piece.sentence}) > 1
            if follows and ((is_name and (begins or named.match(piece.text))) or again):
                raise Unread(f'what "{self.marks.shown(piece.text)}" belongs to')
        for count in self.clauses.counts:
            if not count.is_priced and set(count.nouns[:2]) & asked.nouns and count.value != str(len(self.labels)):
                raise Unread(f'which {count.value} parts are meant in "{self.marks.shown(count.place.text)}"')

    def one_currency(self, entries: Sequence[Entry], text: str) -> str:
        found = {entry.currency for entry in entries} - {""}
        if len(found) > 1:
            raise Unread(f"more than one currency: {', '.join(sorted(each.strip() for each in found))}")
        bare = any(not entry.currency and "." not in entry.price for entry in entries)
        bare = bare and not any(not entry.currency and "." in entry.price for entry in entries)
        if bare and any(entry.currency and Fraction(entry.price) < 1 for entry in entries):
            raise Unread("whether a price is in cents")
        spoken = {SYMBOLS[match[1][0].lower()] for match in _SPOKEN.finditer(text)}
        if len(spoken | found) > 1 and len(spoken | {each[-1:] for each in found}) > 1:
            raise Unread(f"an amount in another currency: {', '.join(sorted(spoken))}")
        return found.pop() if found else "".join(spoken)

    def take_entries_for_parts(self, text: str) -> None:
        named = {each.name for each in self.entries if not (each.is_counted or each.taken_off or each.is_fee)} - {""}
        firsts = Counter(each.split()[0] for each in named if len(each.split()) > 1)
        times = w.MEASURES & {stem(each.name.split()[0]) for each in self.entries if each.name}
        if times or {"on", "for", "with"} & firsts.keys():  # "Lena $6 on stickers and $2 on gum"
            raise Unread("what is of whom")
        if firsts and max(firsts.values()) > 1:
            if not all(text.count(first) > number for first, number in firsts.items()):
                raise Unread("which of the items belong together")
            self.entries = [replace(each, place=Piece("", each.name.split()[0], 0, 0)) for each in self.entries]
        elif len(named) == len(self.entries) > 1:
            self.entries = [replace(each, place=Piece("", each.name.title(), 0, 0)) for each in self.entries]

    def part(self, label: str) -> Part:
        costs: list[tuple[Entry, Expression]] = []
        read: list[str] = []
        for entry in (each for each in self.entries if each.place.label == label):
            cost, line = self.cost(entry), self.line(entry)
            for rate in (each for each in self.rates if each.entry is entry):
                cost, line = changed(cost, rate.portion, off=rate.off), f"{line}, {rate}"
            costs.append((entry, cost))
            read.append(line)
        rates = [each for each in self.rates if not each.entry and each.label and each.label == label]
        whole, more = self.rated(_sum(costs), rates, "all of it")
        return Part(label, (*read, *more), whole)

    def whole(self, parts: int) -> tuple[Expression, list[str]]:
        """The total of all parts, and what concerns it as a whole."""
        whole = total(*map(PartTotal, range(parts)))
        if self.overall:
            whole = _sum([(entry, self.cost(entry)) for entry in self.overall], whole)
        rates = [each for each in self.rates if not each.entry and not each.label]
        rated, read = self.rated(whole, rates, "everything")
        rated = _sum([(entry, self.cost(entry)) for entry in self.late], rated) if self.late else rated
        return rated, [*map(self.line, self.overall), *read, *map(self.line, self.late)]

    def rated(self, whole: Expression, rates: Sequence[Rate], of: str) -> tuple[Expression, list[str]]:
        if len(rates) > 1 and not any(rate.off for rate in rates):  # two taxes on the same
            both = decimal(sum((Fraction(rate.portion) for rate in rates), Fraction(0)))
            return changed(whole, both, off=False), [f"{rate} on {of}" for rate in rates]
        for rate in rates:
            whole = changed(whole, rate.portion, off=rate.off)
        return whole, [f"{rate} {'' if rate.off else 'on '}{of}" for rate in rates]

    def cost(self, entry: Entry) -> Expression:
        price = Number(entry.price, self.currency + entry.price)
        return price if entry.quantity == "1" else problem.product(Number(entry.quantity), price)

    def line(self, entry: Entry) -> str:
        amount = f"{self.currency}{entry.price}"
        if not entry.is_counted and entry.quantity == "1":
            return f"{entry.name or 'amount'} {'-' if entry.taken_off else ''}{amount}"
        return f"{entry.quantity} {entry.name or 'items'} at {amount}{'' if entry.quantity == '1' else ' each'}"


def _sum(costs: Sequence[tuple[Entry, Expression]], *more: Expression) -> Expression:
    added = [*more, *(cost for entry, cost in costs if not entry.taken_off)] or [Number("0")]
    taken = [cost for entry, cost in costs if entry.taken_off]
    return problem.minus(total(*added), total(*taken)) if taken else total(*added)
