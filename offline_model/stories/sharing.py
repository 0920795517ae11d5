"""What is shared out, packed, raised and lowered."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from offline_model.lexeme import Unread
from offline_model.stories.clauses import (
    Adjustment,
    Clause,
    Count,
    Grouped,
    Item,
    Names,
    Noun,
    Part,
    Post,
    Pronoun,
    Subject,
    Verb,
)
from offline_model.stories.happening import Happening
from offline_model.stories.terms import MONEY, Term, is_time, plain, plus, share_of
from offline_model.stories.told import (
    AMONG,
    Entry,
)


class Sharing(Happening):
    def cut(self, clause: Clause) -> None:
        if clause.verb.passive or not self._is_cut_off(clause):
            self.share(clause)

    def share(self, clause: Clause) -> None:
        posts = [post for item in clause.items if isinstance(item, Item) for post in item.posts]
        if clause.verb.passive and isinstance(clause.subject, Noun) and self._is_cut(clause.subject, posts):
            return
        if clause.verb.passive and not isinstance(clause.subject, Item) and not self.measures:
            self._share_among(clause, posts)
            return
        if clause.verb.passive:
            self.share_out(self._item_of(clause.subject), posts)
            return
        if isinstance(clause.subject, Names):
            if any(self._is_many(noun) and noun.words[-1].islower() for noun in clause.subject.nouns):
                raise Unread(f'"{clause.verb.lemma}": it is not said among how many')
            count = replace(plain(len(clause.subject.nouns)), unit="person")
            if clause.subject.others is not None:
                count = plus([count, self._sure(self.term(clause.subject.others))])
        elif isinstance(clause.subject, Item):
            count = self._sure(self.term(clause.subject.quantity))
        else:
            self._share_among(clause, posts)
            return
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            else:
                self._share_item(item, count)

    def _is_cut_off(self, clause: Clause) -> bool:
        """He cuts 8 pieces of 2.5 m each, of what he has."""
        item = clause.items[0] if len(clause.items) == 1 else None
        pieces = item.quantity if isinstance(item, Item) and item.posts == (Post("each"),) else None
        if not isinstance(pieces, Grouped) or pieces.groups.figure.at < 0 or pieces.each.noun is None:
            return False
        owner, term = self.owner(clause.subject), self._sure(self.term(pieces))
        if not any(e.owner == owner and e.sign == 0 and e.term and e.term.unit == term.unit for e in self.entries):
            return False
        self.entries.append(Entry(owner, clause.verb, -1, term))
        return True

    def _is_cut(self, subject: Noun, posts: Sequence[Post]) -> bool:
        """A pizza is cut into 8 slices: there are 8 slices."""
        pieces = posts[0].value if len(posts) == 1 and posts[0].kind in AMONG else None
        if self.measures or not isinstance(pieces, Count) or pieces.noun is None or is_time(pieces.noun.head):
            return False
        if subject.words[-1].casefold() != subject.head:
            return False
        if subject.determiner == "each":
            self.atoms.append(replace(self._sure(self.term(pieces)), per=(subject.head,)))
            return True
        self.level("", pieces, Verb("have", "HAVE"))
        return True

    def _share_among(self, clause: Clause, posts: Sequence[Post]) -> None:
        """They split it, or the bill, equally among 4 people."""
        kinds = {*AMONG, "by"} if clause.verb.passive else AMONG
        among = [post.value for post in posts if post.kind in kinds]
        others = [post.kind for post in posts if post.kind not in {*kinds, "equally"}]
        named = [item.quantity for item in clause.items if isinstance(item, Item) and item.quantity is not None]
        if len(among) != 1 or others or not isinstance(among[0], Count):
            raise Unread(f'"{clause.verb.lemma}": it is not said among how many')
        count = self._sure(self.term(among[0]))
        if not named or (len(named) == 1 and isinstance(named[0], Noun) and named[0].head in {"bill", "cost", "total"}):
            self.shared.append((None, count))
        elif len(named) == 1 and not isinstance(named[0], Noun):
            self.shared.append((self._sure(self.term(named[0])), count))
        else:
            raise Unread(f'"{clause.verb.lemma}": it is not said how much')

    def _item_of(self, subject: Subject | None) -> Item:
        if isinstance(subject, Item):
            return subject
        if self.measures and isinstance(subject, Pronoun):
            return Item(None, (Post("it"),))
        raise Unread("it is not said how much is shared out")

    def share_out(self, item: Item, posts: Sequence[Post]) -> None:
        """Among so many, or into so many pieces or groups, or into groups of so many."""
        among = [post.value for post in (*item.posts, *posts) if post.kind in AMONG]
        others = [
            p.kind for p in (*item.posts, *posts) if p.kind not in {*AMONG, "equally", "each", "of", "long", "it"}
        ]
        if len(among) != 1 or others:
            raise Unread("it is not said among how many")
        whole = self.measures[-1][1] if item.quantity is None else self._sure(self.term(item.quantity))
        if isinstance(among[0], Grouped) and among[0].groups.figure.at == -1:
            size = self._sure(
                self.term(among[0].each if among[0].each.noun else replace(among[0].each, noun=Noun((whole.unit,))))
            )
            assert among[0].groups.noun is not None
            self.atoms += [whole, replace(size, per=(among[0].groups.noun.head,))]
        elif isinstance(among[0], Count):
            self._share_item(item, self._sure(self.term(among[0])), whole)
        else:
            raise Unread("it is not said among how many")

    def _share_item(self, item: Item, count: Term, whole: Term | None = None) -> None:
        if whole is None:
            if any(post.kind not in {"equally", "among"} for post in item.posts):
                raise Unread("it is not said how it is shared out")
            whole = self._sure(self.term(item.quantity))
        if whole.unit == MONEY:
            self.entries.append(Entry("", Verb("cost", "COST"), -1, whole))
            self.shared.append((None, count))
        else:
            self.shared.append((whole, count))

    def pack(self, clause: Clause) -> None:
        posts = [post for item in clause.items if isinstance(item, Item) for post in item.posts]
        self.packer = self.packer if clause.verb.passive else self.owner(clause.subject)
        if self._is_put_in_each(clause):
            return
        if clause.verb.lemma == "put":
            raise Unread('"put": it cannot be read here')
        if clause.verb.passive:
            self.share_out(self._item_of(clause.subject), posts)
        elif all(isinstance(item, Item) and item.quantity is None for item in clause.items):
            last = self.entries[-1].term if self.entries else None
            if last is None:
                raise Unread("it is not said what is packed")
            grouped = next((p.value for p in posts if isinstance(p.value, Grouped)), None)
            if grouped is None or len(posts) != 1 or grouped.groups.noun is None:
                raise Unread("it is not said how it is packed")
            size = self._sure(self.term(replace(grouped.each, noun=Noun((last.unit,)))))
            self.atoms.append(replace(size, per=(grouped.groups.noun.head,)))
        else:
            self.gain(clause)

    def _is_put_in_each(self, clause: Clause) -> bool:
        """She puts 8 on each page."""
        item = clause.items[0] if len(clause.items) == 1 else None
        if not isinstance(item, Item) or not isinstance(item.quantity, Count) or len(item.posts) != 1:
            return False
        each = item.posts[0].value if item.posts[0].kind in {"in", "on"} else None
        if (
            not isinstance(each, Noun)
            or each.determiner != "each"
            or item.quantity.more
            or item.quantity.figure.currency
        ):
            return False
        self.atoms.append(replace(self._sure(self.term(item.quantity)), per=(each.head,)))
        return True

    def rise(self, clause: Clause) -> None:
        self._moved_by(clause, 1)

    def fall(self, clause: Clause) -> None:
        self._moved_by(clause, -1)

    def _moved_by(self, clause: Clause, sign: int) -> None:
        posts = {post.kind: post.value for item in clause.items if isinstance(item, Item) for post in item.posts}
        label = str(posts.pop("when", ""))
        owner = self.meet(clause.subject)
        if set(posts) == {"from", "to"} and all(isinstance(each, Count) for each in posts.values()):
            one, two = (self._sure(self.term(posts[kind])) for kind in ("from", "to"))  # type: ignore[arg-type]
            self.changes.append((one, two))
        elif set(posts) == {"by"} and isinstance(posts["by"], Count):
            self.entries.append(
                Entry(owner, clause.verb, sign, self.term(posts["by"]), self._lead_label(clause) or label)
            )
        elif set(posts) <= {"by", "from"} and isinstance(posts.get("by"), Part):
            self._by_part(clause, posts, sign)
        else:
            raise Unread(f'"{clause.verb.lemma}": it is not said by how much')

    def _by_part(self, clause: Clause, posts: Mapping[str, object], sign: int) -> None:
        part, base = posts["by"], posts.get("from")
        if isinstance(clause.subject, Item) and base is None:
            base = clause.subject.quantity
        if isinstance(part, Part) and part.of is None and base is None and self._level_changed(clause, part, sign):
            return
        if isinstance(part, Part) and part.of is None and base is None and self._is_priced_once(clause.subject):
            self.adjustments.append(Adjustment("tax" if sign > 0 else "discount", part.share, "subtotal"))
            return
        if not isinstance(part, Part) or part.of is not None or not isinstance(base, Count):
            raise Unread(f'"{clause.verb.lemma}": it is not said from how much')
        owner = base.noun.name if base.noun else ""
        self.entries.append(Entry(owner, Verb("cost", "COST"), -1, self.term(base)))
        self.adjustments.append(Adjustment("tax" if sign > 0 else "discount", part.share, "subtotal"))

    def _level_changed(self, clause: Clause, part: Part, sign: int) -> bool:
        """The population was 8,000; it grew by 10%."""
        levels = [entry for entry in self.entries if entry.sign == 0 and entry.term is not None]
        owner = self.owner(clause.subject)
        if len(self.entries) != 1 or len(levels) != 1 or levels[0].owner != owner or levels[0].term is None:
            return False
        self.entries.append(Entry(owner, clause.verb, sign, share_of(part.share, levels[0].term)))
        return True

    def _is_priced_once(self, subject: Subject | None) -> bool:
        """Whether it, or its price, is the one thing of which it is said what it costs."""
        prices = [entry for entry in self.entries if entry.verb.kind == "COST" and entry.sign < 0]
        if len(prices) != 1 or len(self.entries) != 1 or self.adjustments:
            return False
        named = isinstance(subject, Noun) and (subject.head == "price" or subject.name == prices[0].owner)
        return named or (isinstance(subject, Pronoun) and subject.word == "it")

    def change(self, clause: Clause) -> None:
        """A $120 coat is discounted by 30%; a shop raises the price of a $40 bag by 5%."""
        sign = 1 if clause.verb.lemma in {"raise", "increase"} else -1
        items = [item for item in clause.items if isinstance(item, Item)]
        subject = clause.subject
        if not clause.verb.passive and items and isinstance(items[0].quantity, Count):
            subject = Item(items[0].quantity)
        elif not clause.verb.passive and items and isinstance(items[0].quantity, Noun):
            subject = items[0].quantity
        elif not clause.verb.passive:
            raise Unread(f'"{clause.verb.lemma}": it is not said what')
        if subject is None:
            subject = Pronoun("it")
        posts = {post.kind: post.value for item in items for post in item.posts}
        if set(posts) == {"from", "to"} and all(isinstance(each, Count) for each in posts.values()):
            one, two = (self._sure(self.term(posts[kind])) for kind in ("from", "to"))  # type: ignore[arg-type]
            self.changes.append((one, two))
            return
        if set(posts) != {"by"}:
            raise Unread(f'"{clause.verb.lemma}": it is not said by how much')
        self._by_part(replace(clause, subject=subject), posts, sign)
