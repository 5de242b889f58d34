"""Cells of every family in their simplest form, second part."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "generators",
        "",
        "def gen():\n  yield 1\n  yield 2\nasync def co(): return 1\nl=lambda x: x+1",
        ["list(gen())", "l(1)", "co.__code__.co_flags & 128"],
    ),
    (
        "decorator",
        "",
        "def deco(f):\n"
        "  import functools\n"
        "  @functools.wraps(f)\n"
        "  def w(*a): return f(*a)+1\n"
        "  w.n=0\n"
        "  return w\n"
        "@deco\n"
        "def g(x): return x",
        ["g(1)", "g.__wrapped__(1)", "g.__name__"],
    ),
    (
        "mutual_recursion",
        "",
        "def even(n): return n==0 or odd(n-1)\ndef odd(n): return n!=0 and even(n-1)\nr=even(10)",
        ["r", "odd(3)"],
    ),
    (
        "instance_cycle",
        "class P:\n  def __init__(s): s.items=[]; s.me=s\np=P(); q={'p':p}",
        "p.items.append(p); p.new=1; del p.me",
        ["q['p'] is p", "p.items[0] is p", "p.new", "hasattr(p,'me')"],
    ),
    (
        "chain_of_5000",
        "class N:\n  def __init__(s,v,n): s.v=v; s.n=n; s.d={s:v}\nclass S:\n  __slots__=('n','v')\n"
        "first=N(-1,None)",
        "head=first\nfor i in range(5000): head=N(i,head)\nother=None\n"
        "for i in range(5000):\n  s=S(); s.n=other; s.v=i; other=s\nfirst.last=head",
        [
            "(lambda f,h: f(f,h,0))(lambda f,h,c: c, head)",
            "sum(1 for _ in iter(lambda t=[head]: t.__setitem__(0,t[0].n) or t[0], None))",
            "head.n.n.v, head.d[head], first.last is head",
            "other.v, other.n.n.v, hasattr(other,'d')",
        ],
    ),
    (
        "buffers",
        "import collections; dq=collections.deque([1]); ba=bytearray(b'ab'); import array; ar=array.array('i',[1]); st={1}",
        "dq.append(2); ba.extend(b'c'); ar.append(5); st.add('z')",
        ["dq", "ba", "ar", "sorted(map(str,st))"],
    ),
    (
        "values",
        "import pathlib, datetime, decimal, uuid, re",
        "a=pathlib.Path('x')/'y'; b=datetime.datetime(2020,1,1); c=decimal.Decimal('1.50'); e=re.compile('a+',re.I); f=uuid.UUID(int=5); g=range(3); h=slice(1,2); i=frozenset({1,'a'}); j=complex(1,-0.0)",
        ["a", "b", "c", "e", "f", "g", "h", "sorted(map(str,i))", "j"],
    ),
    (
        "simple_namespace",
        "import types",
        "ns=types.SimpleNamespace(a=1,b=[2]); x=ns.b",
        ["ns", "ns.b is x"],
    ),
    (
        "descriptor",
        "",
        "class Desc:\n"
        "  def __set_name__(s,o,n): s.n=n\n"
        "  def __get__(s,i,o): return s.n\n"
        "class H:\n"
        "  z=Desc()\n"
        "h=H()",
        ["h.z"],
    ),
    (
        "cached_property",
        "import functools",
        "class CP:\n  @functools.cached_property\n  def v(self): return [1]\nc=CP(); c.v",
        ["c.v is c.v", "c.__dict__"],
    ),
    (
        "fitted_estimator",
        "import sklearn.linear_model as lm, numpy as np; m=lm.LinearRegression(); w={'m':m}",
        "m.fit(np.arange(4.)[:,None],np.arange(4.))",
        ["w['m'] is m", "m.coef_.tolist()", "m.predict(np.array([[5.]])).round(6).tolist()"],
    ),
    (
        "sparse",
        "import scipy.sparse as sp, numpy as np; m=sp.csr_matrix(np.eye(3)); w=[m]",
        "m.data[0]=5; n=m.T",
        ["w[0] is m", "m.toarray().tolist()", "n.toarray().tolist()"],
    ),
    (
        "polars",
        "import polars as pl; d=pl.DataFrame({'a':[1,2],'b':['x',None]}); w=[d]",
        "d[0,'a']=7; e=d.select('a')",
        ["w[0] is d", "d.rows()", "e.rows()"],
    ),
    (
        "arrow",
        "import pyarrow as pa",
        "t=pa.table({'a':[1,None],'b':['x','y']})",
        ["t.to_pydict()"],
    ),
    (
        "resize",
        "import numpy as np; a=np.arange(4); o={'a':a}",
        "a.resize(6,refcheck=False); a[5]=1",
        ["o['a'] is a", "a.tolist()"],
    ),
    (
        "weak_reference",
        "import weakref\nclass W: pass\nw=W()",
        "r=weakref.ref(w)",
        ["r() is w"],
    ),
    (
        "generic_class",
        "from typing import TypeVar, Generic",
        "T=TypeVar('T')\nclass G(Generic[T]):\n  def f(self): return 1\ng=G[int]()",
        ["g.f()", "type(g) is G", "G.__parameters__==(T,)"],
    ),
    (
        "pandas_kinds",
        "import pandas as pd",
        "idx=pd.MultiIndex.from_product([[1,2],['a','b']]); df=pd.DataFrame({'v':range(4)},index=idx); g=df.groupby(level=0); c=pd.Categorical(['a','b','a']); t=pd.Timestamp('2020-01-01',tz='UTC'); dr=pd.date_range('2020',periods=3)",
        ["g.sum().v.tolist()", "c", "t", "dr.freq", "df.index.equals(idx)"],
    ),
    (
        "figure",
        "import matplotlib; matplotlib.use('agg'); from matplotlib.figure import Figure",
        "f=Figure(); ax=f.subplots(); l=ax.plot([1,2])",
        ["f.axes[0] is ax", "ax.lines[0] is l[0]", "l[0].get_ydata().tolist()"],
    ),
    (
        "accumulator",
        "class Acc:\n  total=0\nacc=Acc()\ndef add(n):\n  acc.total+=n\n  return acc.total",
        "r=add(5)",
        ["acc.total", "r"],
    ),
    (
        "global_counter",
        "count=0\ndef inc():\n  global count\n  count+=1",
        "inc(); inc()",
        ["count"],
    ),
    (
        "exception",
        "class E1(Exception): pass",
        "e=E1('a',2); e.note=[1]",
        ["e.args", "e.note", "type(e) is E1"],
    ),
    (
        "container_subclasses",
        "",
        "class L(list):\n"
        "  tag=1\n"
        "l=L([1,2]); l.x=[3]; class_=L\n"
        "class Dd(dict): pass\n"
        "d=Dd(a=1); d.q=2",
        ["l", "l.x", "type(l) is L", "d", "d.q"],
    ),
    (
        "list_subclass_patched",
        "class L(list): pass\nl=L([1]); w=[l]",
        "l.append(2); l.z=1",
        ["w[0] is l", "l", "l.z"],
    ),
]
