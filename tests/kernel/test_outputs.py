"""Output that takes other ways than print: descriptors, payloads, handles, histories."""

from __future__ import annotations

from pathlib import Path

from kernels import Kernel, Reply, kernel

DESCRIPTORS = """%%cache
import ctypes, os, subprocess, sys
print('a', flush=True)
os.write(1, b'raw\\n'); os.write(2, b'error\\n')
subprocess.run(['sh', '-c', 'echo out; echo err >&2'])
os.system('echo system')
ctypes.CDLL(None).puts(b'puts'); ctypes.CDLL(None).fflush(None)
for i in range(3): print(f'\\r{i}', end='', flush=True)
"""
CELLS = (
    DESCRIPTORS,
    "%%cache\nprint('x' * 5_000_000)\nlist(range(100_000))",
    "%%cache\nhandle = display('one', display_id='shared'); own = display(1, display_id=True)",
    "%%cache\nfrom IPython.display import update_display\n"
    "handle.update('two'); update_display('three', display_id='shared')",
    "%%cache\nmade = {'k': [1]}; made",
    "(Out[max(Out)] is made, _ is made)",
    "%%cache\nafter = [_, __]; after",
    "(_ is after, ___)",
    "%%cache\nget_ipython().set_next_input('next = 1')\n?len",
)


def streams(reply: Reply, name: str) -> list[str]:
    """Return the text of one stream, line by line in sorted order: pipes keep none of their own."""
    texts = [content["text"] for _, content in reply.own if content.get("name") == name]
    return sorted("".join(texts).splitlines())


def shown(reply: Reply) -> list[object]:
    """Return everything but streams."""
    return [message for message in reply.own if message[0] != "stream"]


def run_all(made: Kernel) -> list[Reply]:
    """Run the cells in order."""
    return [made.run(cell) for cell in CELLS]


def test_output_that_bypasses_print_is_replayed(tmp_path: Path) -> None:
    """Text of C code and subprocesses, large output, handles, history and payloads come back."""
    found = []
    for seed in ("1", "2"):
        with kernel(tmp_path / "store", PYTHONHASHSEED=seed) as made:
            found.append(run_all(made))
    cold, warm = found
    states = ["hit" if reply.state else "" for reply in cold]
    assert [reply.state for reply in warm] == states
    for one, other in zip(cold, warm, strict=True):
        assert streams(one, "stdout") == streams(other, "stdout")
        assert streams(one, "stderr") == streams(other, "stderr")
        assert shown(one) == shown(other)
        assert one.content["payload"] == other.content["payload"]
    text = "\n".join(streams(warm[0], "stdout"))  # what was written last may stand beside it
    assert all(word in text for word in ("raw", "out", "system", "puts"))
    assert streams(warm[0], "stderr") == ["err", "error"]
    assert warm[5].text == "(True, True)"
    assert {item["source"] for item in warm[8].content["payload"]} == {"page", "set_next_input"}
