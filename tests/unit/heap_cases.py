"""All cells and what must hold after them: (name, set-up, cell, expressions to compare)."""

from __future__ import annotations

from importlib.util import find_spec

import heap_cases_arrays
import heap_cases_basics
import heap_cases_classes
import heap_cases_containers
import heap_cases_enums
import heap_cases_functions
import heap_cases_generators
import heap_cases_libraries
import heap_cases_mixed
import heap_cases_noted
import heap_cases_parts
import heap_cases_scalars
import heap_cases_tables
import heap_cases_torch

Case = tuple[str, str, str, list[str]]

CASES: list[Case] = [
    *heap_cases_basics.CASES,
    *heap_cases_mixed.CASES,
    *heap_cases_noted.CASES,
    *heap_cases_parts.CASES,
    *heap_cases_containers.CASES,
    *heap_cases_scalars.CASES,
    *heap_cases_classes.CASES,
    *heap_cases_enums.CASES,
    *heap_cases_functions.CASES,
    *heap_cases_generators.CASES,
    *heap_cases_arrays.CASES,
    *heap_cases_tables.CASES,
    *heap_cases_libraries.CASES,
    *(heap_cases_torch.CASES if find_spec("torch") else ()),
]
