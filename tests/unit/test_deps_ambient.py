"""Rules of the tracker of ambient state."""

from __future__ import annotations

import atexit
import builtins
import decimal
import io
import json
import locale
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from nbcache.deps.ambient import AmbientTracker
from nbcache.deps.consulted import interpreter_parts

mpl.use("agg")

LIMIT = sys.getrecursionlimit()


@pytest.fixture
def tracker():
    return AmbientTracker()


@pytest.fixture(autouse=True)
def _state_restored():
    environment, folder, path = dict(os.environ), os.getcwd(), list(sys.path)
    limit, context = sys.getrecursionlimit(), decimal.getcontext().copy()
    parameters = dict.copy(mpl.rcParams)
    with warnings.catch_warnings(), np.printoptions(), np.errstate():
        yield
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:] = path
    sys.setrecursionlimit(limit)
    decimal.setcontext(context)
    dict.update(mpl.rcParams, parameters)
    pd.reset_option("display")
    mpl.colors.get_named_colors_mapping().update(mpl.colors.BASE_COLORS)
    logging.getLogger("ambient.sample").setLevel(0)
    time.tzset()


def watch(tracker, run, source="x = 1"):
    tracker.start(source, ())
    run()
    return tracker.finish()


def late_of(seen):
    return json.loads(json.dumps(seen.late or {}))


def effect_of(seen):
    return pickle.loads(pickle.dumps(seen.effect))


REPEATED = {
    "environment variable": (
        lambda: os.environ.update(AMBIENT="1"),
        lambda: os.environ.get("AMBIENT"),
        lambda: os.environ.pop("AMBIENT"),
    ),
    "import path": (
        lambda: sys.path.insert(0, "/ambient"),
        lambda: list(sys.path),
        lambda: sys.path.remove("/ambient"),
    ),
    "warning filters": (
        lambda: warnings.filterwarnings("ignore", "amb.*", DeprecationWarning),
        lambda: [repr(item) for item in warnings.filters],
        lambda: warnings.filters.pop(0),
    ),
    "logger level": (
        lambda: logging.getLogger("ambient.sample").setLevel(10),
        lambda: logging.getLogger("ambient.sample").level,
        lambda: logging.getLogger("ambient.sample").setLevel(0),
    ),
    "numpy printing": (
        lambda: np.set_printoptions(precision=3, suppress=True),
        np.get_printoptions,
        lambda: np.set_printoptions(precision=8, suppress=False),
    ),
    "numpy errors": (
        lambda: np.seterr(all="ignore"),
        np.geterr,
        lambda: np.seterr(divide="warn", over="warn", under="ignore", invalid="warn"),
    ),
    "pandas option": (
        lambda: pd.set_option("display.float_format", "{:.1f}".format),
        lambda: repr(pd.DataFrame({"a": [1.25]})),
        lambda: pd.reset_option("display.float_format"),
    ),
    "matplotlib parameter": (
        lambda: mpl.rcParams.update({"figure.dpi": 77, "axes.prop_cycle": mpl.cycler(color="rg")}),
        lambda: (mpl.rcParams["figure.dpi"], mpl.rcParams["axes.prop_cycle"]),
        lambda: mpl.rcParams.update(
            {name: mpl.rcParamsDefault[name] for name in ("figure.dpi", "axes.prop_cycle")}
        ),
    ),
    "matplotlib list": (
        lambda: mpl.rcParams["font.sans-serif"].insert(0, "Ambient"),
        lambda: list(mpl.rcParams["font.sans-serif"]),
        lambda: mpl.rcParams["font.sans-serif"].pop(0),
    ),
    "decimal context": (
        lambda: setattr(decimal.getcontext(), "prec", 5),
        lambda: decimal.Decimal(1) / 3,
        lambda: setattr(decimal.getcontext(), "prec", 28),
    ),
    "level name": (
        lambda: logging.addLevelName(25, "NOTE"),
        lambda: logging.getLevelName(25),
        lambda: logging.addLevelName(25, "Level 25"),
    ),
    "numpy error call-back": (
        lambda: np.seterrcall(print),
        np.geterrcall,
        lambda: np.seterrcall(None),
    ),
    "recursion limit": (
        lambda: sys.setrecursionlimit(4321),
        sys.getrecursionlimit,
        lambda: sys.setrecursionlimit(LIMIT),
    ),
    "locale": (
        lambda: locale.setlocale(locale.LC_NUMERIC, "C.UTF-8"),
        lambda: locale.setlocale(locale.LC_NUMERIC),
        lambda: locale.setlocale(locale.LC_NUMERIC, "C"),
    ),
}


@pytest.mark.parametrize("case", REPEATED.values(), ids=REPEATED)
def test_change_is_repeated(tracker, case):
    """What a run changes in the ambient state, its effect changes again."""
    change, look, undo = case
    undo_first = look()
    seen = watch(tracker, change)
    expected = look()
    assert seen.refusal is None
    assert seen.effect
    undo()
    assert look() == undo_first
    tracker.apply(effect_of(seen))
    assert look() == expected
    undo()


READ = {
    "numpy print option precision changed (8 → 3)": (
        lambda: str(np.arange(3) / 3),
        lambda: np.set_printoptions(precision=3),
    ),
    "numpy error state divide changed ('warn' → 'raise')": (
        lambda: None,
        lambda: np.seterr(divide="raise"),
    ),
    "pandas option display.max_rows changed (60 → 10)": (
        lambda: repr(pd.DataFrame({"a": [1]})),
        lambda: pd.set_option("display.max_rows", 10),
    ),
    "decimal context prec changed (28 → 9)": (
        lambda: None,
        lambda: setattr(decimal.getcontext(), "prec", 9),
    ),
    "matplotlib parameter figure.dpi changed (100.0 → 50)": (
        lambda: mpl.rcParams["figure.figsize"],
        lambda: dict.__setitem__(mpl.rcParams, "figure.dpi", 50),
    ),
    "environment variable `AMBIENT_READ` was set or removed": (
        lambda: os.environ.get("AMBIENT_READ"),
        lambda: os.environ.update(AMBIENT_READ="x"),
    ),
    "the warning filters changed": (
        lambda: warnings.warn("a", UserWarning, stacklevel=1),
        lambda: warnings.simplefilter("ignore"),
    ),
    "the level or the handlers of the logger `ambient.sample` changed": (
        lambda: logging.getLogger("ambient.sample").debug("quiet"),
        lambda: logging.getLogger("ambient.sample").setLevel(10),
    ),
}


@pytest.mark.parametrize(("sentence", "case"), READ.items(), ids=READ)
def test_what_was_read_is_compared(tracker, sentence, case):
    """What a run read of the ambient state must be the same, and the sentence names it."""
    read, change = case
    warnings.simplefilter("default")
    with warnings.catch_warnings(record=True):
        seen = watch(tracker, read, source="")
    late = late_of(seen)
    assert seen.refusal is None
    assert tracker.check(late) is None
    change()
    assert tracker.check(late) == sentence


@pytest.mark.parametrize(
    ("source", "reached", "counts"),
    [
        ("print(sum(x))", {"math", "json"}, False),
        ("print(x)", {"decimal"}, True),
        ("print(x)", {"a_local_module"}, True),
        ("print(f'{x:n}')", (), True),
        ("print(eval(x))", (), True),
        ("", (), True),
        ("print(x)", None, True),
    ],
)
def test_decimal_contexts_count_only_near_them(tracker, source, reached, counts):
    """The decimal context and the locale count unless all that a run reaches leaves them alone."""
    tracker.start(source, reached)
    assert ("decimal" in late_of(tracker.finish())) is counts


def test_options_that_were_not_read_do_not_count(tracker):
    """A parameter, variable or print option that the run did not read may change."""
    late = late_of(watch(tracker, lambda: np.float64(1 / 3) + np.arange(3).sum()))
    np.set_printoptions(precision=2)
    pd.set_option("display.max_rows", 7)
    dict.__setitem__(mpl.rcParams, "figure.dpi", 50)
    mpl.colors.get_named_colors_mapping()["b"] = "red"
    os.environ["AMBIENT_OTHER"] = "x"
    logging.getLogger("ambient.sample").setLevel(10)
    assert tracker.check(late) is None


def test_filters_put_in_front_depend_on_no_others(tracker):
    """A run that adds warning filters, and warns of nothing, adds them in front of any others."""
    seen = watch(tracker, lambda: warnings.filterwarnings("ignore", module="ambient_one"))
    assert "warnings" not in late_of(seen)
    warnings.filters[:] = [item for item in warnings.filters if "ambient_one" not in str(item[3])]
    warnings.filterwarnings("ignore", module="ambient_two")
    rest = list(warnings.filters)
    for _ in range(2):
        tracker.apply(seen.effect)
        assert "ambient_one" in str(warnings.filters[0][3])
        assert warnings.filters[1:] == rest


def test_what_is_taken_of_the_options_is_theirs(tracker):
    """Whoever takes a group of pandas' options during a run holds the same as without nbcache."""
    taken = []
    tracker.start()
    taken += [pd.options.display, pd._config.config._global_config]
    tracker.start()
    assert taken[0].max_rows == 60
    assert sorted(taken[0].d) == dir(pd.options.display)
    tracker.finish()
    tracker.finish()
    assert {type(held) for held in taken[1].values()} == {type(taken[0].d)} == {dict}
    assert taken[0].d is taken[1]["display"]
    late = late_of(watch(tracker, lambda: taken[0].max_rows))
    taken[0].max_rows = 7
    assert tracker.check(late) == "pandas option display.max_rows changed (60 → 7)"


def test_a_variable_the_run_sets_first_is_no_input(tracker):
    """An environment variable that the run writes before it reads it is no dependency."""

    def run():
        os.environ["AMBIENT"] = "1"
        return os.environ["AMBIENT"]

    late = late_of(watch(tracker, run))
    assert "AMBIENT" not in late.get("environment", {}).get("read", {})


def test_value_before_counts_for_a_variable_that_the_run_changes(tracker):
    """A variable that is read and then changed is compared by its value before the run."""
    os.environ["AMBIENT"] = "before"

    def run():
        os.environ["AMBIENT"] = os.environ["AMBIENT"] + "!"

    late = late_of(watch(tracker, run))
    assert tracker.check(late) == "environment variable `AMBIENT` changed"
    os.environ["AMBIENT"] = "before"
    assert tracker.check(late) is None


def test_values_of_variables_are_not_kept(tracker):
    """An entry holds digests of the variables that were read, never their values."""
    os.environ["AMBIENT"] = "a secret value"
    late = late_of(watch(tracker, lambda: os.environ["AMBIENT"]))
    assert "secret" not in json.dumps(late)


def test_home_counts_for_the_user_and_not_for_a_library(tracker):
    """``expanduser`` in the user's code depends on HOME; a library's look at it does not."""
    user = late_of(watch(tracker, lambda: os.path.expanduser("~")))
    assert "HOME" in user["environment"]["read"]
    library = late_of(watch(tracker, mpl.get_configdir))
    assert "HOME" not in library.get("environment", {}).get("read", {})


def test_whole_environment_read_by_the_user(tracker):
    """A copy of the environment made by the user's code depends on all of it."""
    os.environ["AMBIENT"] = "1"
    late = late_of(watch(tracker, lambda: dict(os.environ)))
    assert "AMBIENT" in late["environment"]["read"]


def test_folder_counts_only_if_asked_for(tracker, tmp_path, monkeypatch):
    """The working directory is a dependency of a run that asks for it, and of no other."""
    quiet = late_of(watch(tracker, lambda: None))
    asking = late_of(watch(tracker, lambda: os.path.abspath("x")))
    monkeypatch.chdir(tmp_path)
    assert tracker.check(quiet) is None
    assert "working directory" in tracker.check(asking)


def test_change_of_folder_is_relative(tracker, tmp_path, monkeypatch):
    """A step into a folder below is repeated in another working directory."""
    for name in ("one/data", "two/data"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "one")
    seen = watch(tracker, lambda: os.chdir("data"))
    os.chdir(tmp_path / "two")
    assert tracker.check(late_of(seen)) is None
    tracker.apply(effect_of(seen))
    assert os.getcwd() == str(tmp_path / "two" / "data")
    assert "is not there" in tracker.check(late_of(seen))


def test_changed_import_path_needs_the_same_before(tracker):
    """A run that changes ``sys.path`` or the filters depends on them as they were."""
    seen = watch(tracker, lambda: sys.path.append("/ambient"))
    late = late_of(seen)
    assert "sys.path" in tracker.check(late)
    sys.path.remove("/ambient")
    assert tracker.check(late) is None


def test_time_zone_counts_for_cells_that_speak_of_time(tracker):
    """The zone is a dependency if the text, or a module, may use local times."""
    plain = late_of(watch(tracker, lambda: None, source="x = 1"))
    speaking = late_of(watch(tracker, lambda: None, source="datetime.now()"))
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    assert tracker.check(plain) is None
    assert "time zone" in tracker.check(speaking)
    del os.environ["TZ"]


def test_change_of_zone_is_repeated(tracker):
    """A run that sets the zone is repeated with the zone."""

    def run():
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()

    seen = watch(tracker, run)
    del os.environ["TZ"]
    time.tzset()
    tracker.apply(effect_of(seen))
    assert time.tzname[0] == "JST"


class OwnWarning(UserWarning):
    __module__ = "__main__"


REFUSED = {
    "replaces `sys.stderr`": (
        lambda: setattr(sys, "stderr", sys.__stderr__.__class__),
        lambda old=sys.stderr: setattr(sys, "stderr", old),
    ),
    "replaces `sys.excepthook`": (
        lambda: setattr(sys, "excepthook", print),
        lambda: setattr(sys, "excepthook", sys.__excepthook__),
    ),
    "signal handler": (
        lambda: signal.signal(signal.SIGUSR1, lambda *_: None),
        lambda: signal.signal(signal.SIGUSR1, signal.SIG_DFL),
    ),
    "handlers of the logger `ambient.sample`": (
        lambda: logging.getLogger("ambient.sample").addHandler(
            logging.StreamHandler(io.StringIO())
        ),
        logging.getLogger("ambient.sample").handlers.clear,
    ),
    "builtin name `ambient_name`": (
        lambda: vars(builtins).update(ambient_name=1),
        lambda: vars(builtins).pop("ambient_name"),
    ),
    "warning filter": (
        lambda: warnings.simplefilter("ignore", OwnWarning),
        lambda: None,
    ),
    "pandas option `display.float_format`": (
        lambda: pd.set_option("display.float_format", lambda value: "x"),
        lambda: pd.reset_option("display.float_format"),
    ),
    "calls `os.umask()`": (lambda: os.umask(os.umask(0o22)), lambda: None),
    "calls `atexit.register()`": (
        lambda: atexit.register(sorted, ()),
        lambda: atexit.unregister(sorted),
    ),
    "filters or attributes of the logger `ambient.marked`": (
        lambda: setattr(logging.getLogger("ambient.marked"), "mark", 1),
        lambda: delattr(logging.getLogger("ambient.marked"), "mark"),
    ),
    "filters or attributes of the logger `ambient.sample`": (
        lambda: logging.getLogger("ambient.sample").addFilter(logging.Filter("x")),
        logging.getLogger("ambient.sample").filters.clear,
    ),
    "leaves pyplot figures open": (
        lambda: __import__("matplotlib.pyplot").pyplot.figure(7),
        lambda: __import__("matplotlib.pyplot").pyplot.close("all"),
    ),
}


@pytest.mark.parametrize(("words", "case"), REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_repeated_is_refused(tracker, words, case):
    """A change that a hit could not repeat refuses the run and says which."""
    change, undo = case
    tracker.start("x = 1")
    try:
        change()
    finally:
        refusal = tracker.finish().refusal
        undo()
    assert words in refusal


def test_handler_for_a_standard_stream_is_repeated(tracker):
    """A handler as ``logging.basicConfig`` adds it is added again by a hit."""
    logger = logging.getLogger("ambient.sample")

    def run():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s!"))
        logger.addHandler(handler)

    seen = watch(tracker, run)
    logger.handlers.clear()
    tracker.apply(effect_of(seen))
    (handler,) = logger.handlers
    logger.handlers.clear()
    assert seen.refusal is None
    assert handler.stream is sys.stderr
    assert handler.formatter._fmt == "%(message)s!"


def test_handlers_that_the_run_itself_adds_are_no_input(tracker):
    """A run that sets logging up and then logs depends on the state before it."""
    logger = logging.getLogger("ambient.sample")

    def run():
        logger.addHandler(logging.NullHandler())
        logger.setLevel(10)
        logger.info("x")

    late = late_of(watch(tracker, run))
    assert tracker.check(late) == "the level or the handlers of the logger `ambient.sample` changed"
    logger.handlers.clear()
    logger.setLevel(0)
    assert tracker.check(late) is None


def test_level_of_a_quiet_question_may_change(tracker):
    """A record that is dropped before and after a change of level does not depend on it."""
    logger = logging.getLogger("ambient.sample")
    late = late_of(watch(tracker, lambda: logger.debug("quiet")))
    logger.setLevel(30)
    assert tracker.check(late) is None


def test_drawing_into_open_figures_is_refused(tracker):
    """A run that reads plot parameters while figures are open may draw into them."""
    import matplotlib.pyplot as plt

    figure = plt.figure()
    try:
        assert watch(tracker, lambda: None).refusal is None
        assert "plt.close" in watch(tracker, lambda: figure.add_subplot(111)).refusal
    finally:
        plt.close("all")


def test_figures_closed_by_the_run_are_no_obstacle(tracker):
    """A run that makes and closes its figures is recorded."""
    import matplotlib.pyplot as plt

    def run():
        plt.plot([1, 2])
        plt.close("all")

    assert watch(tracker, run).refusal is None


def test_state_is_left_alone(tracker):
    """Start and finish leave every patched class and module as it was."""
    kinds = (type(os.environ), logging.Logger, type(mpl.rcParams))
    before = [dict(vars(kind)) for kind in kinds]
    functions = (warnings.warn, warnings.warn_explicit, os.getcwd, os.getcwdb)
    tracker.start()
    tracker.start()
    tracker.finish()
    tracker.finish()
    assert [dict(vars(kind)) for kind in kinds] == before
    after = (warnings.warn, warnings.warn_explicit, os.getcwd, os.getcwdb)
    assert all(old is new for old, new in zip(functions, after, strict=True))


_CHILD = """
import json, sys
from nbcache.deps.ambient import AmbientTracker
tracker = AmbientTracker()
tracker.start("x = 1")
import os, pandas, numpy, matplotlib.pyplot as plt, logging, warnings
repr(pandas.DataFrame({"a": [1]}))
plt.figure(); plt.close("all")
logging.getLogger("child").info("x")
os.environ.get("CHILD")
numpy.seterr(all="ignore")
seen = tracker.finish()
fresh = AmbientTracker()
numpy.seterr(divide="warn", over="warn", invalid="warn")
print(json.dumps([seen.late, seen.refusal, sorted(seen.effect), fresh.check(seen.late)]))
"""


def test_records_are_equal_in_processes_with_other_hash_seeds():
    """What is recorded is equal in every process, also for libraries the run itself loads."""
    outputs = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "MPLBACKEND": "agg"}
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], env=environment, capture_output=True, check=True
        )
        outputs.append(json.loads(done.stdout))
    assert outputs[0] == outputs[1]
    late, refusal, effects, _ = outputs[0]
    assert refusal is None
    assert "numpy_errors" in effects
    assert late["pandas"]["changed"] == late["matplotlib"]["changed"] == {}
    for name, read, unread in _READ_HERE:
        assert read in late[name]["read"]
        assert unread not in late[name]["read"]


_READ_HERE = (("pandas", "display.max_rows", "io.sql"), ("matplotlib", "figure", "boxplot"))


def test_enumeration_members_come_back_as_members() -> None:
    """A setting that is a member of an enumeration is restored as that very member."""
    import signal

    from nbcache.deps.plain import decode, encode

    assert decode(encode(signal.Signals.SIGINT)) is signal.Signals.SIGINT


def test_arguments_count_where_they_may_be_read(monkeypatch):
    """Arguments that a notebook set count for cells that name them or reach a module that may."""
    monkeypatch.setattr(sys, "argv", ["program", "1"])
    for text, modules in (("f(argv)", ()), ("f()", {"argparse"}), ("f()", {"numpy", "mine.own"})):
        assert "sys.argv" in interpreter_parts(text, modules)
    assert "sys.argv" not in interpreter_parts("f()", {"builtins", "numpy.linalg", "pandas"})
