"""Links between beads: made, taken back, and refused where beads would wait for each other for ever."""

from collections.abc import Mapping, Sequence

from beads import vocabulary
from beads.errors import BadWord, Refused
from beads.ledger import Draft
from beads.rules import one_line
from beads.vocabulary import BLOCKS, CONDITIONAL, PARENT, WAITS
from beads.writer import Writer


class Linking(Writer):
    """Verbs on links."""

    def link(self, bead: str, to: str, kind: str = BLOCKS, note: str = "") -> bool:
        """Let a bead depend on another; say whether it did not before.

        Raises:
            Refused: They would wait for each other for ever.
        """

        def make() -> list[Draft]:
            view = self._alive(bead)
            end = (vocabulary.kind(kind), self.end_of(to), note)
            if any(link[:2] == end[:2] for link in view.links):
                return []
            self.check_link(view.id, end)
            return [Draft("bead.link", {"bead": view.id, "add": [list(end)], "remove": []})]

        return bool(self.write(make))

    def unlink(self, bead: str, to: str, kind: str | None = None) -> bool:
        """Take a dependency back; say whether there was one."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            end = self.end_of(to)
            there = [link for link in view.links if link[1] == end]
            kinds = {link[0] for link in there}
            # Who takes a dependency back means to stay part of the parent, unless that is all there is.
            meant = {kind} if kind else (kinds - {PARENT} or kinds)
            remove = [list(link) for link in there if link[0] in meant]
            return [Draft("bead.link", {"bead": view.id, "add": [], "remove": remove})] if remove else []

        return bool(self.write(make))

    def set_parent(self, bead: str, parent: str | None) -> bool:
        """Move a bead under another parent, or under none."""

        def make() -> list[Draft]:
            view = self._alive(bead)
            above = self.read.find(parent) if parent else None
            if above is not None:
                self._check_circle(view.id, PARENT, above)
            remove = [list(link) for link in view.links if link[0] == PARENT and link[1] != above]
            has = any(link[0] == PARENT and link[1] == above for link in view.links)
            add = [[PARENT, above, ""]] if above is not None and not has else []
            return [Draft("bead.link", {"bead": view.id, "add": add, "remove": remove})] if add or remove else []

        return bool(self.write(make))

    def end_of(self, text: str) -> str:
        """Return the other end that a text names."""
        if text.startswith("external:"):
            if text.count(":") < 2 or not one_line(text):
                raise BadWord(f"{text!r} names nothing elsewhere", "external:PROJECT:CAPABILITY")
            return text
        return self.read.find(text)

    def check_link(self, bead: str, end: tuple[str, str, str]) -> None:
        """Refuse a link that leads nowhere good."""
        kind, to, _ = end
        if to == bead:
            raise BadWord(f"{self.read.name_of(bead)} cannot depend on itself")
        if kind in vocabulary.BLOCKING and not to.startswith("external:"):
            self._check_circle(bead, kind, to)

    def _check_circle(self, bead: str, kind: str, to: str) -> None:
        if bead == to:
            raise BadWord(f"{self.read.name_of(bead)} cannot depend on itself")
        if kind in (BLOCKS, CONDITIONAL) and self.read.rows(_IS_PARENT, {"child": to, "parent": bead}):
            raise Refused(
                f"that would be a cycle: {self.read.name_of(to)} is a child of {self.read.name_of(bead)}, "
                "and blocked parents block their children",
                "A parent is done when its children are; it needs no dependency on them.",
            )
        if kind != PARENT and self.waits_through(bead, to, _PARENTS):
            raise Refused(
                f"that would be a cycle: {self.read.name_of(bead)} is part of {self.read.name_of(to)}, "
                "which is done when its parts are",
                "A child needs no dependency on its parent.",
            )
        starts = [row[0] for row in self.read.rows(_CHILDREN, {"bead": to})] if kind == WAITS else [to]
        for start in starts:
            self.refuse_circle(bead, self.waits_through(start, bead))

    def refuse_circle(self, bead: str, path: Sequence[str]) -> None:
        """Refuse that a bead is led back to itself."""
        if path:
            shown = " → ".join(self.read.name_of(one) for one in (bead, *path))
            raise Refused(f"that would be a cycle: {shown}", "bd dep tree shows who waits for whom.")

    def waits_through(self, start: str, goal: str, by: str = "") -> list[str]:
        """Return how `start` comes to wait for `goal`, from start to goal; empty where it does not.

        Args:
            by: The query that takes a step, where it is not about waiting.
        """
        sql = by or _WAITS_FOR
        before: dict[str, str | None] = {start: None}
        ahead = [start]
        while ahead:
            at = ahead.pop(0)
            if at == goal:
                return _walk_back(before, goal)
            for (following,) in self.read.rows(sql, {"bead": at}):
                if following not in before:
                    before[following] = at
                    ahead.append(following)
        return []


def _walk_back(before: Mapping[str, str | None], goal: str) -> list[str]:
    path: list[str] = []
    at: str | None = goal
    while at is not None:
        path.append(at)
        at = before[at]
    return path[::-1]


_WAITS_FOR = """SELECT bead FROM links WHERE entity = :bead AND bead IS NOT NULL
                AND kind IN ('blocks', 'conditional-blocks', 'parent-child')
                UNION SELECT c.entity FROM links l JOIN links c ON c.bead = l.bead AND c.kind = 'parent-child'
                WHERE l.entity = :bead AND l.kind = 'waits-for'"""


_CHILDREN = "SELECT entity FROM links WHERE bead = :bead AND kind = 'parent-child'"


_IS_PARENT = "SELECT 1 FROM links WHERE entity = :child AND bead = :parent AND kind = 'parent-child'"
_PARENTS = "SELECT bead FROM links WHERE entity = :bead AND kind = 'parent-child' AND bead IS NOT NULL"
