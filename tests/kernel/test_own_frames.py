"""No frame of nbcache in what a cell formats of tracebacks and stacks itself."""

from __future__ import annotations

from pathlib import Path

from kernels import kernel

FAIL = "try:\n    open('/no/such')\nexcept OSError as e:\n    "
SHOWN = [
    f"import traceback\n{FAIL}print(traceback.format_exc())",
    f"import traceback\n{FAIL}traceback.print_exc()",
    f"import traceback\n{FAIL}print(traceback.extract_tb(e.__traceback__))",
    f"import logging\n{FAIL}logging.exception('x')",
    f"import inspect\n{FAIL}print([f.function for f in inspect.trace()])",
    "import traceback\ntraceback.print_stack(limit=-3)",
    "import inspect\nprint([f.filename for f in inspect.stack() if 'nbcache' in f.filename])",
]
WALKED = f"{FAIL}t = e.__traceback__\nwhile t:\n    name, t = t.tb_frame.f_code.co_name, t.tb_next"


def test_frames_are_hidden_or_the_run_is_refused(tmp_path: Path) -> None:
    """Formatted tracebacks and stacks look as without nbcache; walking links is not stored."""
    with kernel(tmp_path / "store") as made:
        for cell in SHOWN:
            reply = made.run(f"%%cache\n{cell}")
            assert reply.state in ("miss", "bypass"), reply.content
            assert "nbcache/" not in reply.text
        reply = made.run(f"%%cache\n{WALKED}")
        assert reply.state == "bypass"
        assert "walks the frames" in reply.event["reasons"][0]
        assert made.value("__import__('traceback').StackSummary.__module__") == "'traceback'"
        names = "[f.__module__ for f in (i.getouterframes, i.getinnerframes)]"
        assert made.value(f"(lambda i: {names})(__import__('inspect'))") == "['inspect', 'inspect']"


def test_a_path_class_of_the_user_is_asked_once(tmp_path: Path) -> None:
    """Opening through a class with ``__fspath__`` runs it once, and the run is not stored."""
    with kernel(tmp_path / "store") as made:
        made.run(
            "import os\nclass Own(os.PathLike):\n    def __fspath__(self):\n"
            "        print('asked'); return os.devnull"
        )
        reply = made.run("%%cache\nopen(Own()).close()")
        assert reply.text == "asked\n"
        assert "its own path class `Own`" in reply.event["reasons"][0]
