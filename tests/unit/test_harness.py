"""The differential harness finds planted differences: a comparison that cannot fail is none."""

from __future__ import annotations

import base64
import copy
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
from harness import compare, features, flatten, summary, trial
from PIL import Image

HARNESS = Path(flatten.__file__).parent


def probed(**names: Any) -> dict[str, Any]:
    """Return the probe's description of a namespace with ``names``, as a report holds it."""
    sys.path.insert(0, str(HARNESS))
    try:
        import probe_values
    finally:
        sys.path.remove(str(HARNESS))
    walker = probe_values.Walker(names)
    described = {name: walker.describe_name(name) for name in sorted(names)}
    walker.note_shared_memory()
    return {"names": json.loads(json.dumps(described)), "ambient": {}, "files": {}}


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


def png(colour: tuple[int, int, int], **options: Any) -> dict[str, Any]:
    target = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(target, "png", **options)
    encoded = base64.b64encode(target.getvalue()).decode()
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": encoded}}


def cell(*outputs: dict[str, Any], index: int = 1, seconds: float = 1.0, **event: Any) -> Any:
    return {
        "index": index,
        "source": "work()",
        "seconds": seconds,
        "execution_count": index,
        "outputs": list(outputs),
        "event": event or None,
    }


def run(*cells: Any, namespace: Any = None, died: str | None = None) -> dict[str, Any]:
    empty = {"names": {}, "ambient": {}, "files": {}}
    return {
        "cells": list(cells),
        "namespace": namespace or empty,
        "widgets": {},
        "died": died,
        "seconds": 1.0,
    }


def found(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [str(d) for d in compare.differences(flatten.report(one), flatten.report(other))]


class Thing:
    def __init__(self, value: object) -> None:
        self.value = value


def names_pair(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two namespaces that differ in one way."""
    shared: list[int] = [1]
    array = np.arange(6.0)
    frozen = np.arange(6.0)
    frozen.flags.writeable = False
    pairs: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "value": ({"x": [1, 2]}, {"x": [1, 3]}),
        "type": ({"x": 1}, {"x": True}),
        "missing name": ({"x": 1, "y": 2}, {"x": 1}),
        "name too much": ({"x": 1}, {"x": 1, "y": 2}),
        "broken alias": ({"a": shared, "b": shared}, {"a": [1], "b": [1]}),
        "alias inside": ({"a": Thing(shared), "b": [shared]}, {"a": Thing([1]), "b": [[1]]}),
        "memory": ({"a": array, "v": array[::2]}, {"a": array, "v": array[::2].copy()}),
        "offset": ({"a": array, "v": array[0:2]}, {"a": array, "v": array[1:3]}),
        "dtype": ({"a": np.zeros(3)}, {"a": np.zeros(3, "float32")}),
        "order": ({"a": np.zeros((2, 3))}, {"a": np.zeros((2, 3), order="F")}),
        "writeable": ({"a": frozen}, {"a": np.arange(6.0)}),
        "dict order": ({"d": {"a": 1, "b": 2}}, {"d": {"b": 2, "a": 1}}),
        "attribute": ({"t": Thing(1)}, {"t": Thing(2)}),
        "negative zero": ({"z": 0.0}, {"z": -0.0}),
    }
    return pairs[kind]


NAMES = (
    *("value", "type", "missing name", "name too much", "broken alias", "alias inside", "memory"),
    *("offset", "dtype", "order", "writeable", "dict order", "attribute", "negative zero"),
)


@pytest.mark.parametrize("kind", NAMES)
def test_planted_difference_in_names_is_found(kind: str) -> None:
    """A namespace that differs in one way is told apart, and one that does not is not."""
    one, other = names_pair(kind)
    assert found(run(namespace=probed(**one)), run(namespace=probed(**other)))
    assert not found(run(namespace=probed(**one)), run(namespace=probed(**copy.copy(one))))


def make_function(default: int, free: int) -> Any:
    def function(x: int = default) -> int:
        return x + free

    function.__module__ = "__main__"
    return function


@pytest.mark.parametrize(("default", "free"), [(1, 3), (2, 2)])
def test_functions_differ_by_defaults_and_closure(default: int, free: int) -> None:
    """A function is described by its code, its default arguments and its closure."""
    one = probed(f=make_function(1, 2))
    assert found(run(namespace=one), run(namespace=probed(f=make_function(default, free))))
    assert not found(run(namespace=one), run(namespace=probed(f=make_function(1, 2))))


OUTPUTS = {
    "missing output": ((stream("a"), shown(text="b")), (stream("a"),)),
    "reordered": ((stream("a"), stream("b", "stderr")), (stream("b", "stderr"), stream("a"))),
    "text": ((stream("a"),), (stream("b"),)),
    "mime": ((shown(text="b"),), (shown(text="b", html="b"),)),
    "pixels": ((png((1, 2, 3)),), (png((1, 2, 4)),)),
    "kind": ((stream("a"),), (stream("a", "stderr"),)),
    "foreign": ((), (stream("nbcache: miss"),)),
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_planted_difference_in_outputs_is_found(kind: str) -> None:
    """A lost, changed, added or reordered output is found."""
    one, other = OUTPUTS[kind]
    assert found(run(cell(*one)), run(cell(*other)))


EQUAL = {
    "address": (stream("<f at 0x7f0012345678>"), stream("<f at 0x7f00deadbeef>")),
    "encoding of pixels": (png((1, 2, 3)), png((1, 2, 3), compress_level=1)),
    "wall time": (stream("CPU times: user 1 s\nx"), stream("CPU times: user 2 s\nx")),
    "progress": (
        stream("\r 10%|#   | 1/9 [00:01<00:02]\r 90%|## | 8/9 [00:02<00:01]"),
        stream("\r 90%|## | 8/9 [00:03<00:01]"),
    ),
    "uuid": (shown(html="id=" + "ab12" * 8), shown(html="id=" + "cd34" * 8)),
}


@pytest.mark.parametrize("kind", EQUAL)
def test_what_no_two_runs_have_alike_is_no_difference(kind: str) -> None:
    """Addresses, ids, times and the encoding of pixels do not count."""
    one, other = EQUAL[kind]
    assert not found(run(cell(one)), run(cell(other)))


def test_chunks_of_a_stream_are_one() -> None:
    """Where a stream is cut into messages depends on timing and does not count."""
    assert not found(run(cell(stream("ab"))), run(cell(stream("a"), stream("b"))))


def test_own_display_of_nbcache_is_left_out() -> None:
    """A display that carries nbcache's metadata is not the cell's own output."""
    own = shown(text="hit") | {"metadata": {"nbcache": {}}}
    assert not found(run(cell(stream("a"))), run(cell(stream("a"), own)))


def test_unstable_place_is_left_out_and_others_are_not() -> None:
    """What differs between two plain runs is left out; the rest of the cell still counts."""
    plain = run(cell(stream("0.1"), shown(text="a")))
    again = run(cell(stream("0.2"), shown(text="a")))
    cold = run(cell(stream("0.3"), shown(text="B")))
    left_out = compare.unstable(flatten.report(plain), flatten.report(again))
    seen = compare.differences(flatten.report(plain), flatten.report(cold), left_out)
    assert [one.where for one in seen] == ["cell 1: output 1 text"]


def test_order_of_streams_counts_where_timing_cannot_change_it() -> None:
    """stdout before stderr is told from the reverse, except in a cell longer than a flush."""
    one = run(cell(stream("a"), stream("b", "stderr"), shown(text="c")))
    other = run(cell(stream("b", "stderr"), stream("a"), shown(text="c")))
    late = run(cell(stream("a"), shown(text="c"), stream("b", "stderr")))
    assert found(one, other)
    assert flatten.report(one, racy={1}) == flatten.report(other, racy={1})
    assert flatten.report(one, racy={1}) != flatten.report(late, racy={1})


def trial_of(warm: Any, cold: Any = None) -> trial.Verdict:
    plain = run(cell(stream("a")))
    recorded = cold or run(cell(stream("a"), state="miss", reasons=["first run"]))
    runs = {"plain": plain, "again": plain, "cold": recorded, "warm": warm}
    return trial.judge("fake", runs)


def test_served_cell_with_the_same_effects_passes() -> None:
    """A hit that shows and leaves what the run did is no finding, and counts as served."""
    verdict = trial_of(run(cell(stream("a"), state="hit")))
    assert not summary.findings(verdict)
    assert summary.share_served([verdict]) == 1.0


def test_hit_that_shows_something_else_fails() -> None:
    """A served cell must show what was recorded, even where plain runs differ."""
    verdict = trial_of(run(cell(stream("b"), state="hit")))
    assert [*verdict.differences["warm"]]
    assert [*verdict.differences["replay"]]


@pytest.mark.parametrize("event", [{}, {"state": "bypass", "reasons": [" "]}])
def test_run_without_a_reason_fails(event: dict[str, Any]) -> None:
    """A cell that was not served needs an event, and a reason in it."""
    verdict = trial_of(run(cell(stream("a"), **event)))
    assert verdict.failures
    assert summary.share_served([verdict]) == 0.0


def test_death_of_the_kernel_is_a_difference() -> None:
    """A kernel that dies with nbcache only is found."""
    verdict = trial_of(run(cell(stream("a"), state="hit"), died="Kernel died"))
    assert [*verdict.differences["warm"]]


def test_report_names_cells_and_reasons(tmp_path: Path) -> None:
    """The written report tells each cell's state and why it ran."""
    verdict = trial_of(run(cell(stream("a"), state="bypass", reasons=["`c` cannot be stored"])))
    written = summary.write([verdict], tmp_path).read_text()
    assert "bypass" in written
    assert "`c` cannot be stored" in written


def test_report_counts_by_library(tmp_path: Path) -> None:
    """The written report counts cells by library, and reasons without names and numbers."""
    warm = run(cell(stream("a"), state="bypass", reasons=["`c` at 12 cannot be stored"]))
    hit = run(cell(stream("b"), state="hit"))
    written = summary.write([trial_of(warm), trial_of(hit)], tmp_path).read_text().splitlines()
    total = next(line.split() for line in written if line.startswith("all "))
    assert total == ["all", "2", "2", "50%", "1", "0", "0", "2", "2", "2", "2"]
    assert "    1  … at … cannot be stored" in written


def test_chance_spreads_along_names() -> None:
    """Without seeds, what names something unstable is unstable; with seeds it is compared."""
    runs = {
        mode: {**run(cell(stream(shown))), "namespace": probed(work=drawn)}
        for mode, shown, drawn in (("plain", "a", 1), ("again", "a", 2), ("cold", "b", 3))
    }
    runs["warm"] = runs["cold"]
    assert trial.judge("fake", runs).differences["cold"]
    assert not trial.judge("fake", runs, is_seeded=False).differences["cold"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy as np\nnp.show()\nx = 1", ()),
        ("x = [1]\nx.append(2)", ("in-place changes",)),
        ("class A: pass\nx.y = open('f').read()", (*features.HARD[:2], "file reads")),
        (
            "%matplotlib inline\nimport pylab as plt\nplt.plot(rng.random(3))",
            ("random streams", "plots"),
        ),
        ("not python(", ()),
    ],
)
def test_hard_features_show_in_the_text(
    tmp_path: Path, source: str, expected: tuple[str, ...]
) -> None:
    """A notebook's hard features are read from its code, magics included."""
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
    assert features.of_notebook(path) == expected


def test_probe_hides_no_user_name() -> None:
    """The probe describes every name of the user, and no name of IPython's own machinery."""
    sys.path.insert(0, str(HARNESS))
    try:
        import probe
    finally:
        sys.path.remove(str(HARNESS))
    names = {"__name__": 1, "x": 1, "_private": 2, "_": 3, "In": [], "exit": SimpleNamespace()}
    assert probe.user_names(names) == ["x", "In", "_", "_private"]
