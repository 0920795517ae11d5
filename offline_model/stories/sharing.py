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
    Noun,
    Part,
    Post,
    Pronoun,
    Subject,
    Verb,
)
from offline_model.stories.happening import Happening
from offline_model.stories.terms import MONEY, Term
from offline_model.stories.told import (
    AMONG,
    Entry,
)


class Sharing(Happening):
    def share(self, clause: Clause) -> None:
        if clause.verb.passive:
            self.share_out(
                self._item_of(clause.subject), [p for i in clause.items if isinstance(i, Item) for p in i.posts]
            )
            return
        if not isinstance(clause.subject, Item):
            raise Unread(f'"{clause.verb.lemma}": it is not said among how many')
        count = self._sure(self.term(clause.subject.quantity))
        for item in clause.items:
            if isinstance(item, Adjustment):
                self.adjustments.append(item)
            else:
                self._share_item(item, count)

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

    def rise(self, clause: Clause) -> None:
        self._moved_by(clause, 1)

    def fall(self, clause: Clause) -> None:
        self._moved_by(clause, -1)

    def _moved_by(self, clause: Clause, sign: int) -> None:
        posts = {post.kind: post.value for item in clause.items if isinstance(item, Item) for post in item.posts}
        owner = self.meet(clause.subject)
        if set(posts) == {"from", "to"} and all(isinstance(each, Count) for each in posts.values()):
            one, two = (self._sure(self.term(posts[kind])) for kind in ("from", "to"))  # type: ignore[arg-type]
            self.changes.append((one, two))
        elif set(posts) == {"by"} and isinstance(posts["by"], Count):
            self.entries.append(Entry(owner, clause.verb, sign, self.term(posts["by"])))
        elif set(posts) <= {"by", "from"} and isinstance(posts.get("by"), Part):
            self._by_part(clause, posts, sign)
        else:
            raise Unread(f'"{clause.verb.lemma}": it is not said by how much')

    def _by_part(self, clause: Clause, posts: Mapping[str, object], sign: int) -> None:
        part, base = posts["by"], posts.get("from")
        if isinstance(clause.subject, Item) and base is None:
            base = clause.subject.quantity
        if not isinstance(part, Part) or part.of is not None or not isinstance(base, Count):
            raise Unread(f'"{clause.verb.lemma}": it is not said from how much')
        owner = base.noun.name if base.noun else ""
        self.entries.append(Entry(owner, Verb("cost", "COST"), -1, self.term(base)))
        self.adjustments.append(Adjustment("tax" if sign > 0 else "discount", part.share, "subtotal"))

    def change(self, clause: Clause) -> None:
        """A $120 coat is discounted by 30%; a shop raises the price of a $40 bag by 5%."""
        sign = 1 if clause.verb.lemma in {"raise", "increase"} else -1
        items = [item for item in clause.items if isinstance(item, Item)]
        subject = clause.subject
        if not clause.verb.passive and items and isinstance(items[0].quantity, Count):
            subject = Item(items[0].quantity)
        elif not clause.verb.passive:
            raise Unread(f'"{clause.verb.lemma}": it is not said what')
        posts = {post.kind: post.value for item in items for post in item.posts}
        if set(posts) != {"by"}:
            raise Unread(f'"{clause.verb.lemma}": it is not said by how much')
        self._by_part(replace(clause, subject=subject), posts, sign)
