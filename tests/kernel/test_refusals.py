"""What can't be stored or repeated, deep inside of something: the path, the type, the way out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from kernels import Kernel, kernel

SET_UP = """
import asyncio, concurrent.futures, ctypes, functools, io, mmap, os, queue, select, socket, sqlite3
import ssl, subprocess, sys, tempfile, threading, types, zipfile, contextvars, hashlib
import multiprocessing
import numpy as np, h5py, matplotlib as mpl, pandas as pd, ipywidgets
class Client:
    def __init__(self, **values): vars(self).update(values)
class Slotted:
    __slots__ = ("held",)
def make(held):
    def reads(): return held
    return reads
def steps(): yield 1; yield 2
async def later(): return 1
folder = tempfile.mkdtemp()
known = {*globals(), "known"}
"""
FORGET = "for name in {*globals()} - known:\n    if name[0] != '_': del globals()[name]\n"
VALUES = [
    (
        "model = Client(client=Client(_sock=socket.socket()))",
        "`model.client._sock` (socket.socket)",
    ),
    ("d = {'k': [1, (open(os.devnull),)]}", "`d['k'][1][0]` (_io.TextIOWrapper)"),
    ("f = open(folder + '/x', 'wb')", "`f` (_io.BufferedWriter)"),
    ("c = Client(lock=threading.Lock()); c.lock.acquire()", "`c.lock` (_thread.lock)"),
    (
        "c = Client(lock=[threading.RLock()]); c.lock[0].acquire()",
        "`c.lock[0]` (_thread.RLock)",
    ),
    ("q = {'a': queue.SimpleQueue()}; q['a'].put(1)", "`q['a']` (_queue.SimpleQueue)"),
    ("db = Client(cursor=sqlite3.connect(':memory:').cursor())", "`db.cursor` (sqlite3.Cursor)"),
    ("t = threading.Thread(target=print)", "`t` (threading.Thread)"),
    ("g = steps(); n = next(g)", "`g` (generator) is a generator that has begun"),
    ("s = Slotted(); s.held = steps(); n = next(s.held)", "`s.held` (generator)"),
    ("f = lambda s=socket.socket(): s", "`f.__defaults__[0]` (socket.socket)"),
    ("r = make(socket.socket())", "`r.<closure held>` (socket.socket)"),
    ("p = functools.partial(print, socket.socket())", "`p.args[0]` (socket.socket)"),
    ("p = functools.partial(print, file=open(os.devnull))", "`p.keywords['file']`"),
    ("m = Client(s=socket.socket()).__init__", "`m.__self__.s` (socket.socket)"),
    ("class K:\n    held = socket.socket()", "`K.held` (socket.socket)"),
    ("x = {1: ssl.create_default_context()}", "`x[1]` (ssl.SSLContext)"),
    (
        "p = [subprocess.Popen(['true'], stdout=-1)]; code = p[0].wait()",
        "`p[0]` (subprocess.Popen)",
    ),
    ("task = {'t': asyncio.ensure_future(later())}", "it leaves a task running"),
    ("loop = Client(l=asyncio.new_event_loop())", "`loop.l."),
    ("co = (later(),)", "`co[0]` (coroutine)"),
    ("p = Client(p=ctypes.pointer(ctypes.c_int(3)))", "`p.p` (LP_c_int)"),
    ("z = zipfile.ZipFile(folder + '/z.zip', 'w')", "`z."),
    ("m = [mmap.mmap(-1, 10)]", "`m[0]` (mmap.mmap)"),
    ("v = {'m': memoryview(b'abcdef')[::2]}", "`v['m']` (memoryview)"),
    ("fd = Client(n=[os.open(os.devnull, os.O_RDONLY)])", "keeps the descriptor of an open file"),
    (
        "a, b = (os.open(os.devnull, os.O_RDONLY) for one in range(2)); os.close(a)",
        "keeps the descriptor of an open file",
    ),
    ("fd, path = tempfile.mkstemp()", "keeps the descriptor of an open file"),
    ("pool = concurrent.futures.ThreadPoolExecutor(1)", "`pool` (concurrent"),
    ("h = Client(h=h5py.File(folder + '/h.h5', 'w'))", "`h.h"),
    ("v = Client(v=contextvars.ContextVar('v'))", "`v.v` (_contextvars.ContextVar)"),
    ("h = [hashlib.sha256()]", "`h[0]` (_hashlib.HASH)"),
    ("w = Client(p=select.poll())", "`w.p` (select.poll)"),
    ("fr = Client(f=sys._getframe())", "`fr.f` (frame)"),
    (
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    e = [error]",
        "`e[0]` (ZeroDivisionError)",
    ),
    ("q = multiprocessing.get_context('spawn').Queue()", "`q."),
    (
        "with open(folder + '/m', 'wb') as to: to.write(b'abc')\n"
        "a = np.memmap(folder + '/m', 'u1', 'c')",
        "`a` (numpy.memmap) is a memory map whose changes",
    ),
    ("o = np.array([None, socket.socket()], dtype=object)", "`o[1]` (socket.socket)"),
    ("o = pd.DataFrame({'a': [socket.socket()]})", "`o['a'].iloc[0]` (socket.socket)"),
    ("w = {'w': ipywidgets.Text()}", "creates widgets"),
]
EFFECTS = [
    ("mpl.colormaps.register(mpl.colors.ListedColormap(['r', 'b'], name='own'))", "register"),
    (
        "@pd.api.extensions.register_series_accessor('own')\nclass Own:\n    pass",
        "register_series_accessor",
    ),
    ("import tqdm\ntqdm.tqdm.pandas()", "tqdm.tqdm.pandas"),
    ("get_ipython().autoawait = True", "IPython itself"),
    ("shell = get_ipython(); shell.autoawait = True", "IPython itself"),
    ("old = os.umask(0o22)", "os.umask()"),
    ("os.utime(folder, (1, 1))", "os.utime()"),
    ("os.utime(folder, ns=(1, 1))", "os.utime()"),
    pytest.param(
        "import typing\n@typing.overload\ndef f(a: int) -> int: ...\ndef f(a): return a",
        "`typing.overload`",
        marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="kept since Python 3.11"),
    ),
    pytest.param(
        "try:\n    os.setxattr(folder, 'user.a', b'1')\nexcept OSError: pass",
        "os.setxattr()",
        marks=pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Linux alone has it"),
    ),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for all cells: each leaves nothing that another one reads."""
    with kernel(tmp_path_factory.mktemp("refusals") / "store") as made:
        assert made.run(SET_UP).content["status"] == "ok"
        yield made


@pytest.mark.parametrize(("cell", "reason"), [*VALUES, *EFFECTS])
def test_the_status_names_the_value_and_the_cell_has_run(
    shared: Kernel, cell: str, reason: str
) -> None:
    """The cell runs as always, and the reason holds the path to the value and its type."""
    shared.run(FORGET, store_history=False)
    reply = shared.run(f"%%cache\n{cell}")
    assert reply.content["status"] == "ok"
    assert reply.state == "bypass"
    assert reason in reply.event["reasons"][0]
