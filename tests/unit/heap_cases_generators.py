"""Generators that have not begun, alone and inside iterators."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "generator_not_begun",
        "",
        "def g(n, *rest, step=1, **more):\n    yield n\n    yield rest\n    yield step, more\n"
        "a = g(1, 2, 3, step=4, k=5)",
        ["list(a)", "a.__name__"],
    ),
    ("generator_expression", "data = [1, 2]", "e = (x * 2 for x in data)", ["list(e)"]),
    (
        "cycle_of_generator",
        "",
        "import itertools\ndef g():\n    yield 'r'\n    yield 'g'\nc = itertools.cycle(g())",
        ["[next(c) for _ in range(5)]"],
    ),
]
