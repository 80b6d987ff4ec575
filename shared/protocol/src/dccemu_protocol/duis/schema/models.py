"""Content models as automata: a state and the name of the next child give the next state and the child's type.

Particles are written out (``element`` with bounds 1 to 4 becomes four optional steps) into a graph with free edges,
and the reachable sets of its nodes become the states. The standard's models are unambiguous, so each name leads to
one type from any state; that is checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...errors import EmulatorError
from ..names import DS, SR
from .tables import ElementParticle, GroupParticle, Particle


@dataclass(slots=True)
class _Graph:
    free: list[list[int]] = field(default_factory=list)
    named: list[list[tuple[str, str | None, int]]] = field(default_factory=list)

    def node(self) -> int:
        self.free.append([])
        self.named.append([])
        return len(self.free) - 1

    def once(self, particle: Particle, start: int) -> int:
        if isinstance(particle, ElementParticle):
            end = self.node()
            self.named[start].append((_tag(particle), particle.type, end))
            return end
        if not particle.is_choice:
            for part in particle.parts:
                start = self.add(part, start)
            return start
        end = self.node()
        for part in particle.parts:
            self.free[self.add(part, self._branch(start))].append(end)
        return end

    def _branch(self, start: int) -> int:
        branch = self.node()
        self.free[start].append(branch)
        return branch

    def add(self, particle: Particle, start: int) -> int:
        for _ in range(particle.least):
            start = self.once(particle, start)
        if particle.most is None:
            loop = self._branch(start)
            self.free[self.once(particle, loop)].append(loop)
            return loop
        end = self.node()
        for _ in range(particle.most - particle.least):
            self.free[start].append(end)
            start = self.once(particle, start)
        self.free[start].append(end)
        return end

    def closure(self, nodes: Iterable[int]) -> frozenset[int]:
        found = set(nodes)
        open_nodes = list(found)
        while open_nodes:
            for node in self.free[open_nodes.pop()]:
                if node not in found:
                    found.add(node)
                    open_nodes.append(node)
        return frozenset(found)


def _tag(particle: ElementParticle) -> str:
    return f"{{{DS if particle.name == 'Signature' else SR}}}{particle.name}"


@dataclass(frozen=True, slots=True)
class Model:
    """``steps[state][tag]`` is the next state and the type of the child; ``final`` the states that may end."""

    steps: tuple[dict[str, tuple[int, str | None]], ...]
    final: frozenset[int]


def compile_model(particle: Particle) -> Model:
    """Turn a particle into an automaton whose first state is 0."""
    graph = _Graph()
    start = graph.node()
    end = graph.add(particle, start)
    first = graph.closure([start])
    numbers = {first: 0}
    order = [first]
    steps: list[dict[str, tuple[int, str | None]]] = []
    for state in order:
        reached: dict[str, tuple[set[int], str | None]] = {}
        for node in state:
            for tag, type_name, target in graph.named[node]:
                targets, known = reached.setdefault(tag, (set(), type_name))
                targets.add(target)
                if known != type_name:
                    raise EmulatorError(f"duis tables: {tag} may have two types at one place")
        step: dict[str, tuple[int, str | None]] = {}
        for tag, (targets, type_name) in reached.items():
            following = graph.closure(targets)
            if following not in numbers:
                numbers[following] = len(order)
                order.append(following)
            step[tag] = (numbers[following], type_name)
        steps.append(step)
    return Model(tuple(steps), frozenset(number for state, number in numbers.items() if end in state))


def element_order(particle: Particle) -> tuple[tuple[str, str | None], ...]:
    """Names and types of the elements of a model in the order in which the standard lists them."""
    if isinstance(particle, ElementParticle):
        return ((particle.name, particle.type),)
    return tuple(dict.fromkeys(item for part in particle.parts for item in element_order(part)))


def is_repeating(particle: Particle, name: str) -> bool:
    """Whether an element of that name may occur more than once."""
    if isinstance(particle, GroupParticle):
        return any(is_repeating(part, name) for part in particle.parts)
    return particle.name == name and particle.most != 1
