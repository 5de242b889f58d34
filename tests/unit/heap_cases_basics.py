"""Cells of every family in their simplest form."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "alias_of_list",
        "a=[1]",
        "b=a",
        ["a is b", "b.append(2) or a"],
    ),
    (
        "append_through_container",
        "a=[1]; c={'k':a}",
        "a.append(2)",
        ["c['k'] is a", "a"],
    ),
    (
        "row_and_strided_views",
        "import numpy as np; m=np.arange(6.).reshape(2,3)",
        "row=m[0]\nv=m[:,::2]",
        [
            "row.base is m.base",
            "np.shares_memory(row,m)",
            "[row.__setitem__(0,99), m.tolist()]",
            "v.tolist()",
            "np.shares_memory(v,m)",
        ],
    ),
    (
        "patch_shared_array",
        "import numpy as np; m=np.zeros(4); h=m[1:]",
        "m[2]=5",
        ["h.tolist()", "np.shares_memory(h,m)"],
    ),
    (
        "slots",
        "",
        "class P:\n  __slots__=('x','y')\n  def __init__(s,x): s.x=x\np=P(1)\nq=[p,p]",
        ["q[0] is p", "p.x", "hasattr(p,'y')", "type(p) is P", "P.__name__"],
    ),
    (
        "closures_share_cell",
        "",
        "def mk():\n"
        "  n=0\n"
        "  def inc():\n"
        "    nonlocal n; n+=1; return n\n"
        "  def get(): return n\n"
        "  return inc,get\n"
        "inc,get=mk()\n"
        "inc()",
        ["inc()", "get()", "inc.__globals__ is globals()"],
    ),
    (
        "class_attribute_patched",
        "class A:\n  k=1\n  def f(self): return self.k",
        "a=A(); A.k=7",
        ["a.f()", "type(a) is A", "A.k"],
    ),
    (
        "super_and_class_cell",
        "",
        "class B:\n"
        "  def f(self): return 1\n"
        "class C(B):\n"
        "  def f(self): return super().f()+1\n"
        "  @property\n"
        "  def g(self): return __class__.__name__\n"
        "  @staticmethod\n"
        "  def s(): return 3\n"
        "  @classmethod\n"
        "  def c(cls): return cls\n"
        "c=C()",
        ["c.f()", "c.g", "c.s()", "c.c() is C", "isinstance(c,B)", "C.__mro__[1] is B"],
    ),
    (
        "frozen_dataclass",
        "from dataclasses import dataclass, field, MISSING",
        "@dataclass(frozen=True)\nclass D:\n  x:int\n  y:list=field(default_factory=list)\nd=D(1)",
        [
            "d",
            "D(1)==d",
            "hash(D.__name__)==hash('D')",
            "D.__dataclass_fields__['x'].default is MISSING",
            "d.y",
        ],
    ),
    (
        "slotted_dataclass",
        "from dataclasses import dataclass",
        "@dataclass(slots=True)\nclass D:\n  x:int\n  y:int=2\nd=D(1)",
        ["d", "D(1)==d", "D.__slots__"],
    ),
    (
        "enum",
        "import enum",
        "class E(enum.Enum):\n  A=1\n  B=2\n  def f(self): return self.value*2\ne=E.A",
        ["e is E.A", "E.B.f()", "list(E)", "E(2) is E.B", "E['A'] is e"],
    ),
    (
        "int_flag",
        "import enum",
        "class E(enum.IntFlag):\n  A=1\n  B=2\ne=E.A|E.B",
        ["e", "E.A in e", "int(e)"],
    ),
    (
        "earlier_enum",
        "import enum\nclass E(enum.Enum):\n  A=1",
        "d={E.A:1}; x=E.A",
        ["x is E.A", "d[E.A]"],
    ),
    (
        "collections",
        "from collections import namedtuple, OrderedDict, defaultdict, Counter, deque",
        "N=namedtuple('N','a b'); n=N(1,2); o=OrderedDict(a=1); d=defaultdict(list); d['x'].append(1); c=Counter('aab'); q=deque([1],maxlen=3)",
        [
            "n.a",
            "n==(1,2)",
            "N._make([3,4])",
            "type(n) is N",
            "o",
            "d['z']",
            "c.most_common()",
            "q.maxlen",
        ],
    ),
    (
        "typed_named_tuple",
        "from typing import NamedTuple",
        "class N(NamedTuple):\n  a:int\n  b:int=2\nn=N(1)",
        ["n", "N(5)", "n._asdict()"],
    ),
    (
        "lru_cache",
        "from functools import lru_cache, partial",
        "@lru_cache(maxsize=5)\n"
        "def fib(n): return n if n<2 else fib(n-1)+fib(n-2)\n"
        "p=partial(fib,7)",
        ["fib(10)", "fib.cache_info().maxsize", "p()"],
    ),
    (
        "bound_method",
        "lst=[1,2]",
        "f=lst.append\nf(3)",
        ["f.__self__ is lst", "lst"],
    ),
    (
        "dict_view",
        "d={'a':1}",
        "k=d.keys()",
        ["list(k)", "d.update(b=2) or list(k)"],
    ),
    (
        "default_argument_patched",
        "def f(x=[]): x.append(1); return len(x)",
        "n=f()",
        ["n", "f()", "f.__defaults__"],
    ),
    (
        "function_attributes",
        "def f(): pass",
        "f.attr=3; f.__defaults__=None",
        ["f.attr"],
    ),
    (
        "random_generator",
        "import random; r=random.Random(5)",
        "x=r.random()",
        ["x", "r.random()"],
    ),
    (
        "numpy_generator",
        "import numpy as np; r=np.random.default_rng(5)",
        "x=r.random(3)",
        ["x.tolist()", "r.random()"],
    ),
    (
        "numpy_random_state",
        "import numpy as np; r=np.random.RandomState(5)",
        "x=r.rand(3)",
        ["x.tolist()", "r.rand()"],
    ),
    (
        "frame_in_place",
        "import pandas as pd; df=pd.DataFrame({'a':[1,2],'b':['x','y']}); al=[df]",
        "df['c']=df.a*2; df.attrs['u']=1",
        ["al[0] is df", "df.to_dict()", "df.attrs", "df.dtypes.tolist()"],
    ),
    (
        "series_in_place",
        "import pandas as pd; s=pd.Series([1.,2.],name='q'); al={'s':s}",
        "s.iloc[0]=9; s.name='z'",
        ["al['s'] is s", "s.tolist()", "s.name"],
    ),
    (
        "layouts",
        "import numpy as np",
        "a=np.asfortranarray(np.arange(6).reshape(2,3)); b=a.T; c=np.array(['x',[1]],dtype=object); c2=c[1]; e=np.empty((0,3)); ro=np.ones(3); ro.flags.writeable=False",
        [
            "a.flags.f_contiguous",
            "np.shares_memory(a,b)",
            "c[1] is c2",
            "e.shape",
            "ro.flags.writeable",
            "a.tolist()",
        ],
    ),
    (
        "masked_structured_scalar",
        "import numpy as np",
        "ma=np.ma.array([1,2,3],mask=[0,1,0]); st=np.zeros(2,dtype=[('a','i4'),('b','f8')]); st['a'][0]=4; x=np.float32(3.5); dt=np.dtype('M8[ns]')",
        ["ma.sum()", "st.tolist()", "x", "type(x)", "dt"],
    ),
    (
        "string_io",
        "import io; b=io.StringIO(); b.write('hi')",
        "b.write(' there'); c=io.BytesIO(b'xy'); c.read(1)",
        ["b.getvalue()", "c.tell()", "c.getvalue()"],
    ),
    (
        "delete_name",
        "x=5",
        "del x; y=1",
        ["'x' in globals()", "y"],
    ),
    (
        "sentinel_instance",
        "class S: pass\nSENT=S()",
        "def f(v=SENT): return v is SENT\nz=SENT",
        ["f()", "z is SENT"],
    ),
    (
        "sentinel_object",
        "SENT=object()",
        "def f(v=SENT): return v is SENT\nz=SENT",
        ["f()", "z is SENT"],
    ),
    (
        "cyclic_input",
        "a=[]; a.append(a)",
        "b=a; c=[a]",
        ["b[0] is b", "c[0] is a"],
    ),
    (
        "cyclic_output",
        "",
        "a=[]; a.append(a); d={}; d['d']=d; d['a']=a",
        ["a[0] is a", "d['d'] is d", "d['a'] is a"],
    ),
    (
        "metaclass",
        "",
        "class M(type):\n"
        "  def __new__(m,n,b,d,**k):\n"
        "    c=super().__new__(m,n,b,d); c.tag=n; return c\n"
        "class K(metaclass=M): pass\n"
        "k=K()",
        ["type(K) is M", "K.tag", "type(k) is K"],
    ),
    (
        "init_subclass_new",
        "",
        "class R:\n"
        "  reg=[]\n"
        "  def __init_subclass__(cls,**k): R.reg.append(cls)\n"
        "class T1(R): pass\n"
        "class T2(R): pass",
        ["R.reg==[T1,T2]", "len(R.reg)"],
    ),
    (
        "init_subclass_earlier",
        "class R:\n"
        "  reg=[]\n"
        "  def __init_subclass__(cls,tag=None,**k): R.reg.append(cls); cls.tag=tag",
        "class T1(R,tag='q'): pass",
        ["R.reg==[T1]", "T1.tag"],
    ),
    (
        "abstract_base",
        "import abc",
        "class Ab(abc.ABC):\n"
        "  @abc.abstractmethod\n"
        "  def f(self): ...\n"
        "class Im(Ab):\n"
        "  def f(self): return 1\n"
        "i=Im()",
        ["i.f()", "isinstance(i,Ab)", "Ab.__abstractmethods__"],
    ),
]
