"""Turns a run's report into a flat mapping, normalised so that two runs can be compared."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

RULES = [
    (re.compile(pattern, re.MULTILINE), text)
    for pattern, text in (
        (r"\b0?x[0-9a-f]{9,}\b|\b0x[0-9a-fA-F]{5,}\b", "0xADDRESS"),
        (r"/tmp/ipykernel_\d+/\d+\.py|ipykernel_\d+", "<kernel file>"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
        (r"(?<![0-9a-f])t?[0-9a-f]{32}(?![0-9a-f])", "<uuid>"),
        (r"(?<![0-9a-zA-Z])[mp](?=[0-9a-f]*\d)[0-9a-f]{10}(?![0-9a-zA-Z])", "<svg id>"),
        (r"sk-(container|estimator)-id-\d+", r"sk-\1-id"),
        (r"\bT_[0-9a-f]{5}", "T_<styler>"),
        (r"^(CPU times|Wall time):.*$", r"\1"),
        (r"^.* ± .* per loop .*$", "<timeit>"),
        (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\w+ \d+|\d+ \w+),? \d{4}", "<date>"),
        (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?", "<moment>"),
        (r"\b\d\d:\d\d:\d\d\b", "<time>"),
        (r"%%?(nb)?cache  ", ""),  # the list of all magics holds ours too
        (r"(\r? *\d+%\|[^\r\n]*?\| \d+/\d+ \[[^\r\n]*?\] *)+", "<progress>"),
    )
]


MAY_DIFFER = re.compile(r"\d|%|T_|[a-f]{10}")


@lru_cache(maxsize=200_000)
def text(value: str, volatile: tuple[str, ...] = ()) -> str:
    """Return ``value`` without what no two runs have alike: addresses, ids, times."""
    if not volatile and (len(value) < 5 or not MAY_DIFFER.search(value)):
        return value
    for pattern in volatile:
        value = re.sub(pattern, "<volatile>", value, flags=re.MULTILINE)
    for rule, replacement in RULES:
        value = rule.sub(replacement, value)
    return value


def pixels(data: str) -> str:
    """Return size, mode and digest of an encoded image's decoded pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        content = hashlib.sha256(image.convert("RGBA").tobytes()).hexdigest()
        return f"{image.size} {image.mode} {content}"


def content(mime: str, data: Any, volatile: tuple[str, ...]) -> str:
    """Return one representation of an output in comparable form."""
    if mime in {"image/png", "image/jpeg", "image/gif"}:
        return pixels(data)
    if not isinstance(data, str):
        data = json.dumps(data, sort_keys=True)
    return text(data, volatile)


def merged_streams(outputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbouring chunks of one stream: where they are cut depends on timing."""
    merged: list[dict[str, Any]] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        is_stream = output["output_type"] == "stream" == last.get("output_type")
        if is_stream and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            merged.append(dict(output))
    return merged


def streams_apart(outputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Order the streams between two displays by name.

    In a cell that runs longer than the kernel's flush interval, which of stdout and stderr
    comes first depends on timing.
    """
    ordered: list[dict[str, Any]] = []
    block: list[Mapping[str, Any]] = []
    for output in [*outputs, None]:
        if output is not None and output["output_type"] == "stream":
            block.append(output)
            continue
        ordered += merged_streams(sorted(block, key=lambda one: one["name"], reverse=True))
        block = []
        ordered += [] if output is None else [dict(output)]
    return ordered


def is_own(output: Mapping[str, Any]) -> bool:
    """Say whether an output is nbcache's own display, which the cell did not make."""
    return "nbcache" in output.get("metadata", {})


def one_output(output: Mapping[str, Any], volatile: tuple[str, ...]) -> dict[str, str]:
    """Return the parts of one output by name."""
    kind = output["output_type"]
    if kind == "stream":
        return {"kind": f"stream {output['name']}", "text": text(output["text"], volatile)}
    if kind == "error":
        trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output["traceback"]))
        return {
            "kind": f"error {output['ename']}",
            "value": text(output["evalue"], volatile),
            "traceback": text(trace, volatile),
        }
    parts = {"kind": kind, "metadata": json.dumps(output.get("metadata", {}), sort_keys=True)}
    parts["metadata"] = text(parts["metadata"])
    if kind == "execute_result":
        parts["count"] = str(output.get("execution_count"))
    for mime, data in output["data"].items():
        parts[mime] = content(mime, data, volatile)
    return parts


def one_cell(
    cell: Mapping[str, Any], volatile: tuple[str, ...] = (), *, is_racy: bool = False
) -> dict[str, str]:
    """Return what one cell showed: ``output <n> <part>`` to comparable text."""
    order = streams_apart if is_racy else merged_streams
    outputs = order(one for one in cell["outputs"] if not is_own(one))
    flat = {"execution count": str(cell["execution_count"]), "outputs": str(len(outputs))}
    for number, output in enumerate(outputs):
        for part, value in one_output(output, volatile).items():
            flat[f"output {number} {part}"] = value
    return flat


def report(
    run: Mapping[str, Any], volatile: tuple[str, ...] = (), racy: Collection[int] = ()
) -> dict[str, Any]:
    """Return a whole run as places to comparable values.

    A place is a part of a cell, a name, a piece of ambient state, a file, or the widgets'
    state. ``racy`` are the cells in which the order of stdout and stderr is by chance.
    """
    flat: dict[str, Any] = {"run died": run["died"]}
    for cell in run["cells"]:
        for part, value in one_cell(cell, volatile, is_racy=cell["index"] in racy).items():
            flat[f"cell {cell['index']}: {part}"] = value
    for name, described in run["namespace"]["names"].items():
        flat[f"name {name}"] = normalised(described, volatile)
    for name, described in run["namespace"]["ambient"].items():
        flat[f"state {name}"] = described
    for name, described in run["namespace"]["files"].items():
        flat[f"file {name}"] = described
    flat["widgets"] = widgets(run.get("widgets", {}), volatile)
    return flat


def normalised(described: Any, volatile: tuple[str, ...]) -> Any:
    """Return a description with its texts normalised."""
    if isinstance(described, str):
        return text(described, volatile)
    if isinstance(described, list):
        return [normalised(one, volatile) for one in described]
    if isinstance(described, dict):
        return {text(key): normalised(one, volatile) for key, one in described.items()}
    return described


def widgets(state: Mapping[str, Any], volatile: tuple[str, ...]) -> list[str]:
    """Return the saved widget models without their random ids, in a fixed order."""
    models = [
        model
        for kind in state.values()
        if isinstance(kind, Mapping)
        for model in kind.get("state", {}).values()
    ]
    return sorted(text(json.dumps(model, sort_keys=True), volatile) for model in models)
