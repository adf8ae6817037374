"""Beads that wait for each other for ever: circles in who waits for whom."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from beads.reading import Reader

# A child waits for a blocked parent; whoever waits for the children of a bead waits for each of them.
_EDGES = """SELECT l.entity, l.bead, l.kind FROM links l JOIN beads a ON a.entity = l.entity AND a.free > 0
            JOIN beads b ON b.entity = l.bead AND b.free > 0
            WHERE l.kind IN ('blocks', 'conditional-blocks', 'parent-child')
            UNION ALL SELECT l.entity, c.entity, l.kind FROM links l
            JOIN links c ON c.bead = l.bead AND c.kind = 'parent-child'
            JOIN beads a ON a.entity = l.entity AND a.free > 0 JOIN beads b ON b.entity = c.entity AND b.free > 0
            WHERE l.kind = 'waits-for'"""


def circles(reader: Reader) -> list[list[str]]:
    """Return the groups of open beads that wait for each other, each in the order of one walk around it."""
    graph: defaultdict[str, list[str]] = defaultdict(list)
    for bead, waits_for, _ in reader.rows(_EDGES):
        graph[bead].append(waits_for)
    found = [group for group in components(graph) if len(group) > 1 or group[0] in graph.get(group[0], ())]
    return sorted((_around(graph, group) for group in found), key=lambda group: (len(group), group))


def components(graph: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return the strongly connected components (Tarjan 1972), without recursion: chains are long."""
    numbers: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in graph:
        if root in numbers:
            continue
        path = [(root, iter(graph[root]))]
        numbers[root] = low[root] = len(numbers)
        stack.append(root)
        on_stack.add(root)
        while path:
            node, edges = path[-1]
            following = next((to for to in edges if to not in numbers or to in on_stack), None)
            if following is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == numbers[node]:
                    at = stack.index(node)
                    found.append(stack[at:])
                    on_stack.difference_update(stack[at:])
                    del stack[at:]
            elif following in numbers:
                low[node] = min(low[node], numbers[following])
            else:
                numbers[following] = low[following] = len(numbers)
                stack.append(following)
                on_stack.add(following)
                path.append((following, iter(graph.get(following, ()))))
    return found


def _around(graph: Mapping[str, Sequence[str]], group: Sequence[str]) -> list[str]:
    """Return one circle within a group: from its least member along the shortest way back to it."""
    start, inside = min(group), set(group)
    before: dict[str, str] = {}
    ahead = [start]
    while ahead:
        at = ahead.pop(0)
        for following in graph.get(at, ()):
            if following == start:
                path = [at]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return path[::-1]
            if following in inside and following not in before:
                before[following] = at
                ahead.append(following)
    return sorted(group)
