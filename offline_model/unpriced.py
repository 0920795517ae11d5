"""Numbers that stand beside the purchases and need no price: people, times, digits of names, counts of parts."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from offline_model import words as w
from offline_model.clauses import Clauses, Count
from offline_model.items import Entry, labels_of
from offline_model.marking import M, N, P
from offline_model.words import stem, stems


@dataclass(frozen=True)
class Unpriced:
    """The numbers of a text that are neither prices nor quantities of priced items."""

    clauses: Clauses
    entries: Sequence[Entry]

    def passes(self, count: Count) -> bool:
        """A number beside the purchases: "my 3 kids", "20 minutes", the 10 of "Mitre 10"."""
        piece, at, after = count.place, count.at, count.nouns[:2]
        if self.is_of_another_size(count):
            return False
        before, amount = stems(piece.text[:at]), self.clauses.marks[piece.text[at]]
        sentence = " ".join(each.text for each in self.clauses.pieces if each.sentence == piece.sentence)
        priced = bool(re.search(rf"{M}|{P}|@|\b(?:each|per)\b", sentence))
        if amount.written == "one":  # but not in "2 lamps at $25 each, one lamp was on the house"
            return not (piece.joined and after and not piece.text[:at].strip() and re.search(M, sentence))
        words = piece.text[:at].lower().split()
        named = set(words[-1:]) & (w.PARTS | w.NUMBERED | {"step"}) and words[-2:-1] not in (["the"], ["a"], ["my"])
        is_first = piece is self.clauses.pieces[0]
        ends = not after and (before[-1:] == ["my"] or (before[-1:] == ["for"] and is_first))  # "dinner for 10"
        if named or ends:
            return True
        capital = re.search(r"\b[A-Z]\w+\s$", piece.text[:at]) and before[-1] not in w.LEADING | w.FEES
        title = is_first and capital and after and not self.clauses.has_price(piece.text)  # "Troop 218 summer camp"
        part = bool(before) and any(
            f"{before[-1]} {amount.written}" in label.lower() for label in labels_of(self.entries)
        )
        apart = not priced and re.match(r"an? |(?:19|20)\d\d$", amount.written, re.IGNORECASE)
        is_known = self.is_of_parts(count, before) or self.is_beside(count, before, priced=priced)
        return bool(title or part or apart or is_known or (not priced and self.is_said_again(count)))

    def is_of_another_size(self, count: Count) -> bool:
        """Whether a price is for another number of the same measure: "$300 for 4 hours, we need 6 hours"."""
        priced = [each.text for each in self.clauses.pieces if re.search(M, each.text) and each is not count.place]
        others = [match for text in priced for match in re.finditer(rf"({N})\s+([^\W\d_]+)", text)]
        same = [self.clauses.marks[each[1]].value for each in others if [stem(each[2].lower())] == count.nouns[:1]]
        return bool(same) and count.nouns[0] in w.MEASURES - w.PEOPLE and count.value not in same

    def is_of_parts(self, count: Count, before: Sequence[str]) -> bool:
        """How many parts or entries there are: "the two come to", "3 things"."""
        labels, piece, after = labels_of(self.entries), count.place, count.nouns[:1]
        free = not after or set(count.nouns[:3]) & w.PARTS or not piece.label or before[-1:] in (["the"], ["all"])
        if count.value == str(len(labels)) and len(labels) > 1 and free:
            return True
        of_labels = Counter(each.place.label for each in self.entries).values()
        sizes = {len(self.entries), *of_labels, len([e for e in self.entries if e.place.sentence == piece.sentence])}
        named = set(after) & (w.PARTS | {"thing", "item"}) or (before[-1:] == ["the"] and not after)
        return bool(named) and count.value in map(str, sizes)

    def is_beside(self, count: Count, before: Sequence[str], *, priced: bool) -> bool:
        after, text = count.nouns[:2], count.place.text.lower()
        if before[-1:] == ["for"] and set(after[:1]) & (w.TIMES - {"minute", "min", "hour", "hr"}):
            return False  # "$35 a month, for 12 months"
        if set(after[:1]) & {"night", "hour"} and not (w.VERBS | w.PRONOUNS | {"for"}) & set(text.split()):
            return False  # "Hotel 3 nights", whose price is missing
        near = set(after[:1]) & (w.PEOPLE | w.PASSING) or set(after[1:]) & w.PEOPLE or after == ["of", "us"]
        aside = w.VERBS | w.PRONOUNS | {"me", "us", "did", "my", "our", "for", "with", "after", "about"}
        return bool(near) and (not priced or bool(set(re.findall(r"[^\W\d_]+(?:'[a-z]+)?", text)) & aside))

    def is_said_again(self, count: Count) -> bool:
        """Whether as many of the same stand in a clause with a price."""
        others = [each.text for each in self.clauses.pieces if each is not count.place and re.search(M, each.text)]
        found = [
            (self.clauses.marks[match[0]], text[match.end() :]) for text in others for match in re.finditer(N, text)
        ]
        again = [(amount.value, stems(behind)[:1]) for amount, behind in found]
        return bool(count.nouns) and (count.value, count.nouns[:1]) in again
