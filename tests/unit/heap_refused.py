"""Cells that can't be replayed, and what nbcache says: (name, set-up, cell, part of the reason)."""

from __future__ import annotations

REFUSED: list[tuple[str, str, str, str]] = [
    ("generator_begun", "", "g=(i for i in [1]); next(g)", "has begun to run"),
    ("generator_inside", "", "g=(i for i in [1]); next(g); d={'k':[1,g]}; del g", "d['k'][1]"),
    ("generator_read", "g=(i for i in [1,2])", "x=next(g)", "has begun to run"),
    ("ordered_iterator", "import collections as c; d=c.OrderedDict(a=1)", "i=iter(d)", "`Ordered"),
    ("set_iterator", "s={1,2}", "l=[iter(s)]", "over a set"),
    ("dict_iterator_of_changed", "d={'a':1}", "d['b']=2; i=iter(d)", "the cell changed"),
    ("match_in_buffer", "import re", "m=re.match(b'a',bytearray(b'ab'))", "may have changed"),
    ("open_file", "", "f=open('/dev/null')", "`f` (_io.TextIOWrapper)"),
    ("socket", "import socket", "s=socket.socket()", "`s` (socket.socket)"),
    (
        "lock",
        "import threading",
        "class A: pass\na=A(); a.lock=threading.Lock(); a.lock.acquire()",
        "a.lock",
    ),
    (
        "thread_pool",
        "from concurrent.futures import ThreadPoolExecutor",
        "p=ThreadPoolExecutor(1)",
        "`p",
    ),
    (
        "exception_with_traceback",
        "",
        "try:\n  1/0\nexcept ZeroDivisionError as e:\n  error=e",
        "holds a traceback",
    ),
    (
        "memory_map",
        "import numpy as np,tempfile",
        "f=tempfile.TemporaryFile(); f.write(b'abc'); f.flush(); m=np.memmap(f,'u1','r'); f.close()",
        "without a named file",
    ),
    (
        "two_alike_set_members",
        "class P: pass\ns={P(),P()}",
        "n=len(s); s.clear()",
        "can't be told apart",
    ),
    ("sqlite", "import sqlite3", "c=sqlite3.connect(':memory:')", "`c` (sqlite3.Connection)"),
    ("csv_reader", "import csv", "r=csv.reader(['a'])", "`r`"),
    (
        "string_array_view",
        "import numpy as np",
        "s=np.array(['a','b'],dtype=np.dtypes.StringDType()); t=s[:1]",
        "variable-length strings",
    ),
    (
        "lru_of_callable",
        "import functools",
        "class F:\n  def __call__(self,x): return x\n  __name__='F'\nf=functools.lru_cache(F()); f(1)",
        "no plain function",
    ),
    (
        "dict_beside_a_stream",
        "",
        "import io\ns=io.StringIO(); s.tag=1; d=s.__dict__",
        "has a `__dict__` that is held apart",
    ),
    (
        "dict_beside_a_container",
        "import collections\nclass D(collections.deque): pass",
        "q=D(); q.tag=1; d=[vars(q)]",
        "has a `__dict__` that is held apart",
    ),
    (
        "dict_beside_an_array",
        "import numpy as np\nclass N(np.ndarray): pass",
        "n=np.zeros(2).view(N); n.tag=1; d=vars(n)",
        "has a `__dict__` that is held apart",
    ),
    (
        "array_of_an_earlier_series",
        "import pandas as pd\ns=pd.Series([1.,2])",
        "e=s.array",
        "writes into the memory of an earlier table",
    ),
    ("deep_list", "", "l=[]\nfor _ in range(100_000): l=[l]", "nested too deeply"),
    ("dead_weak_reference", "import weakref\nclass A: pass", "r=weakref.ref(A())", "is dead"),
    (
        "class_of_library_meta",
        "import sympy as s",
        "class U(s.core.function.UndefinedFunction): pass\nz=U('z')",
        "metaclass",
    ),
]
