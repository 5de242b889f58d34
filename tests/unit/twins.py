"""Pairs of values that look alike and that a cell can tell apart, by family.

Among them is every pair that a well-known hash of Python objects is known to confuse: order and
sampling, separators, names in place of code, rounding, and facts beside the bytes.
"""

from __future__ import annotations

PRELUDE = """
import abc, array, collections, copy, dataclasses, datetime, decimal, enum, fractions, functools, io
import ipaddress, itertools, math, operator, pathlib, random, re, types, typing, uuid, zoneinfo
import numpy as np, pandas as pd, polars as pl, pyarrow as pa, scipy.sparse as sp
@dataclasses.dataclass
class D: x: int
@dataclasses.dataclass
class E(D): pass
@dataclasses.dataclass(frozen=True)
class Fz: x: int
def closure(n):
    def f(): return n
    return f
def default(n):
    def f(x=n): return x
    return f
def kwdefault(n):
    def f(*, x=n): return x
    return f
def annotated(n):
    def f(x: n): return x
    return f
def documented(n):
    def f(x): return x
    f.__doc__ = n
    return f
def tagged(n):
    def f(): return 1
    f.tag = n
    return f
def calling(name):
    return eval(f"lambda x: {name}(x)")
def cyclic(n):
    l = [n]; l.append(l); return l
def cyclic2(n):
    l = [n, [n]]; l[1].append(l); return l
def cyc_a():
    a=[]; b=[a]; a.append(b); return a
def cyc_b():
    a=[]; a.append(a); return a
def kls(v, base=object, **k): return type('K', (base,), {'v': v, '__module__': '__main__', **k})
def meth(s):
    ns={'__name__':'__main__'}; exec(f"class M:\\n    def f(self): return {s}", ns); return ns['M']
def same_nan(): x=float('nan'); return [x,x]
def two_nans(): return [float('nan'),float('nan')]
def objects(*values): a=np.empty(len(values),object); a[:]=values; return a
def nanbits(b): return np.array([b],dtype='u8').view('f8')
def pynan(b):
    import struct; return struct.unpack('<d', struct.pack('<Q', b))[0]
paris = zoneinfo.ZoneInfo('Europe/Paris')
def fold(n): return datetime.datetime(2020, 10, 25, 2, 30, tzinfo=paris, fold=n)
def attrs(x,k,v): x.attrs[k]=v; return x
def idx(name): i=pd.Index([1,2]); i.name=name; return i
def fcols(name): d=pd.DataFrame({'a':[1]}); d.columns.name=name; return d
def flg(v): d=pd.DataFrame({'a':[1]}); return d.set_flags(allows_duplicate_labels=v)
def expl(): return sp.csr_matrix((np.array([1.,0.]),np.array([0,1]),np.array([0,2])),shape=(1,2))
def coo(r): return sp.coo_matrix((np.array([1.,2.]),(np.array([0,0]),np.array(r))),shape=(1,2))
def lru(n): return functools.lru_cache(n)(len)
def part(*a,**k): return functools.partial(sorted,*a,**k)
class IgnoreHash:
    def __init__(s,v): s.v=v
    def __hash__(s): return 1
    def __eq__(s,o): return True
class Red:
    def __init__(s,v): s.v=v
    def __reduce__(s): return (Red,(0,))
class Getst:
    def __init__(s,v): s.v=v
    def __getstate__(s): return {}
class Rep:
    def __init__(s,v): s.v=v
    def __repr__(s): return 'Rep'
    def __str__(s): return 'Rep'
class Prop:
    def __init__(s): s._v=1
class Sl:
    __slots__=('a','b')
    def __init__(s,a=None,b=None):
        if a is not None: s.a=a
        if b is not None: s.b=b
class Pt(typing.NamedTuple): x:int
class Qt(typing.NamedTuple): x:int
class Perm(enum.Flag): R=1; W=2
class IE(enum.IntEnum): A=1
class IE2(enum.IntEnum): A=1
def mask(m,fill=None,**k): return np.ma.array([[1,2],[3,4]],mask=m,fill_value=fill,**k)
def big(i,n=600000):
    a=np.zeros(n); a[i]=1; return a
def bigf(i,n=60000):
    return pd.DataFrame({'a':big(i,n)})
def bigl(i,n=60000): return pl.DataFrame({'a':big(i,n)})
def struct(names,vals): return np.array([vals],dtype=[(n,'i4') for n in names])
"""

TORCH_PRELUDE = """
import torch
def req(b): return torch.ones(2, requires_grad=b)
def linear(): torch.manual_seed(0); return torch.nn.Linear(1, 1)
"""

TWINS: dict[str, list[tuple[str, str]]] = {
    "numbers and texts": [
        ("pynan(0x7ff8000000000000)", "pynan(0xfff8000000000000)"),
        ("np.nan", "float('nan')"),
        ("math.nan", "np.nan"),
        ("0j", "complex(-0.0, 0.0)"),
        ("complex(0.0,-0.0)", "complex(0.0,0.0)"),
        ("Ellipsis", "NotImplemented"),
        ("type(None)", "None"),
        ("int", "bool"),
        ("1.0000000001", "1.0000000002"),
        ("1e-9", "2e-9"),
        ("'a'", "'A'"),
        ("'é'", "'é'"),
        ("10**20", "10**20+1"),
        ("2**64", "2**64+1"),
        ("-1", "-2"),
        ("hash(-1)", "-1"),
    ],
    "containers": [
        ("[0.0]", "[-0.0]"),
        ("[1, True]", "[True, 1]"),
        ("[True]*100", "[1]*100"),
        ("[1.0]*100", "[1]*100"),
        ("{1: 'a'}", "{True: 'a'}"),
        ("{1: 'a'}", "{1.0: 'a'}"),
        ("{'a': 1}", "{'a': True}"),
        ("{0.0}", "{-0.0}"),
        ("(1,2)", "[1,2]"),
        ("[(1,2)]", "[[1,2]]"),
        ("[[],[]]", "[[[]]]"),
        ("[[1],[2,3]]", "[[1,2],[3]]"),
        ("[b'ab',b'c']", "[b'a',b'bc']"),
        ("['a,b']", "['a','b']"),
        ("['a-b']", "['a','b']"),
        ("float('nan')", "None"),
        ("same_nan()", "two_nans()"),
        ("['a']*9+same_nan()", "['a']*9+two_nans()"),
        ("[[1],'a']*9+same_nan()", "[[1],'a']*9+two_nans()"),
        ("[1.0,np.nan]", "[1.0,float('nan')]"),
        ("(np.nan,'a')", "(float('nan'),'a')"),
        ("{np.nan,1}", "{float('nan'),1}"),
        ("[{np.nan} for _ in range(99)]", "[{float('nan')} for _ in range(99)]"),
        ("{np.nan: 1}", "{float('nan'): 1}"),
        ("objects('a',np.nan)", "objects('a',float('nan'))"),
        ("[D(np.nan) for _ in range(9)]", "[D(x) for x in [*[np.nan]*8,float('nan')]]"),
        ("range(0,4,2)", "range(0,3,2)"),
        ("range(0)", "range(1,1)"),
        ("frozenset({1,2})", "frozenset({1,3})"),
        ("{frozenset({1})}", "{frozenset({2})}"),
        ("{(1,2)}", "{(2,1)}"),
        ("{1,'1'}", "{1,b'1'}"),
        ("{'a':{'x':1,'y':2}}", "{'a':{'y':2,'x':1}}"),
        ("[{1,2},{3}]", "[{1},{2,3}]"),
        ("functools.partial(max,1,2)", "functools.partial(max,(1,2))"),
        ("cyclic(1)", "cyclic(2)"),
        ("cyclic2(1)", "cyclic2(2)"),
        ("cyc_a()", "cyc_b()"),
        ("cyclic(1)", "[1, cyclic(1)]"),
        ("[1,2,2]", "[1,1,2]"),
        ("[1,2,2]", "[1,2]"),
        ("[[1,2],[2,1]]", "[[2,1],[1,2]]"),
        ("bytearray(b'a')", "memoryview(b'a')"),
    ],
    "numpy": [
        ("nanbits(0x7ff8000000000000)", "nanbits(0x7ff8000000000001)"),
        ("np.array(['a-b','c'],dtype=object)", "np.array(['a','b-c'],dtype=object)"),
        ("np.array(['a','b'],dtype=object)", "np.array([b'a',b'b'],dtype=object)"),
        ("np.array(['a','b'],dtype=object)", "np.array(['a',np.str_('b')],dtype=object)"),
        ("np.array(['a',None],dtype=object)", "np.array(['a','None'],dtype=object)"),
        ("np.array(['a',float('nan')],dtype=object)", "np.array(['a',None],dtype=object)"),
        ("np.array([1,2],dtype=object)", "np.array([1,2])"),
        ("np.array([True,1],dtype=object)", "np.array([1,1],dtype=object)"),
        ("np.array('a')", "'a'"),
        ("np.array(1)", "1"),
        ("np.array([1])", "np.array(1)"),
        ("np.array([])", "np.array([[]])"),
        ("np.zeros((0,2))", "np.zeros((0,3))"),
        ("np.zeros((0,2))", "np.zeros((2,0))"),
        ("np.array([1,2],'i8')", "np.array([1,2],'u8')"),
        ("np.array([0,0],'f8')", "np.array([0,0],'i8')"),
        ("np.array([1],'M8[s]')", "np.array([1],'m8[s]')"),
        ("np.array(['ab'],'S2')", "np.array(['ab'],'S3')"),
        ("np.array(['ab'],'U2')", "np.array(['ab'],'U3')"),
        ("np.arange(4).reshape(2,2)", "np.arange(4).reshape(2,2).T"),
        ("np.array([[1,3],[2,4]])", "np.asfortranarray(np.array([[1,2],[3,4]]))"),
        ("np.arange(4)[::-1]", "np.arange(4)[::-1].copy()"),
        ("np.float64(1)", "np.array(1.0)"),
        ("np.int64(1)", "np.int32(1)"),
        ("np.int64(1)", "1"),
        ("np.bool_(True)", "True"),
        ("np.str_('a')", "'a'"),
        ("np.float64('nan')", "float('nan')"),
        ("np.datetime64('2020')", "np.datetime64('2020-01')"),
        ("np.datetime64('NaT')", "np.timedelta64('NaT')"),
        ("np.dtype('i4')", "np.dtype('>i4')"),
        ("np.dtype('i4')", "np.int32"),
        ("struct('ab',(1,2))", "struct('ba',(1,2))"),
        (
            "np.zeros(1,np.dtype({'names':['a'],'formats':['i4'],'offsets':[0],'itemsize':8}))",
            "np.zeros(1,np.dtype({'names':['a'],'formats':['i4'],'offsets':[4],'itemsize':8}))",
        ),
        ("np.zeros(2,np.dtype('i4',metadata={'a':1}))", "np.zeros(2,'i4')"),
        ("np.matrix([[1]])", "np.array([[1]])"),
        ("np.rec.array([(1,)],dtype=[('a','i4')])", "np.array([(1,)],dtype=[('a','i4')])"),
        ("mask([[0,1],[0,0]])", "mask([[0,0],[1,0]])"),
        ("mask([[0,1],[0,0]])", "mask(np.asfortranarray([[0,0],[1,0]]))"),
        ("mask([[0,1],[0,0]],5)", "mask([[0,1],[0,0]],6)"),
        ("mask(np.ma.nomask)", "mask([[0,0],[0,0]])"),
        ("np.ma.array([1,2],mask=[1,0])", "np.ma.array([9,2],mask=[1,0])"),
        ("big(300000)", "big(300001)"),
        ("np.random.RandomState(1)", "np.random.RandomState(2)"),
        ("np.random.default_rng(1)", "np.random.Generator(np.random.MT19937(1))"),
    ],
    "pandas": [
        ("bigf(30000)", "bigf(30001)"),
        ("pd.Series([1],name='a')", "pd.Series([1],name=('a',))"),
        ("pd.Series([1],name=1)", "pd.Series([1],name='1')"),
        ("pd.Series([1],name=1)", "pd.Series([1],name=True)"),
        ("pd.Series([1,2])", "pd.DataFrame([1,2])"),
        ("pd.Series([1])", "pd.Index([1])"),
        ("idx('a')", "idx(None)"),
        ("fcols('a')", "fcols(None)"),
        ("flg(True)", "flg(False)"),
        ("pd.Series([None],dtype=object)", "pd.Series([float('nan')],dtype=object)"),
        ("pd.Series([None],dtype=object)", "pd.Series([pd.NA],dtype=object)"),
        ("pd.Series([pd.NaT],dtype=object)", "pd.Series([pd.NA],dtype=object)"),
        ("pd.NaT", "pd.NA"),
        ("None", "pd.NA"),
        ("np.nan", "pd.NaT"),
        ("pd.Series([1,pd.NA],dtype='Int64')", "pd.Series([1,pd.NA],dtype='Int32')"),
        ("pd.Series([True,pd.NA],dtype='boolean')", "pd.Series([True,False],dtype='boolean')"),
        ("pd.Series([0,pd.NA],dtype='Int64')", "pd.Series([0,0],dtype='Int64')"),
        ("pd.Series(['a'],dtype='string[python]')", "pd.Series(['a'],dtype='string[pyarrow]')"),
        ("pd.Series(['a',None],dtype='str')", "pd.Series(['a',''],dtype='str')"),
        ("pd.Categorical(['a','b'],['a','b'])", "pd.Categorical(['a','b'],['b','a'])"),
        ("pd.Categorical(['a'],['a'],ordered=True)", "pd.Categorical(['a'],['a'])"),
        (
            "pd.Series(['a','b'],dtype=pd.CategoricalDtype(['a','b']))",
            "pd.Series(['a','b'],dtype=pd.CategoricalDtype(['b','a']))",
        ),
        (
            "pd.Series(['a'],dtype=pd.CategoricalDtype(['a'],ordered=True))",
            "pd.Series(['a'],dtype=pd.CategoricalDtype(['a']))",
        ),
        ("pd.Series([1,2],dtype='category')", "pd.Series([1.0,2.0],dtype='category')"),
        ("pd.date_range('2020',periods=2,tz='UTC')", "pd.date_range('2020',periods=2)"),
        (
            "pd.date_range('2020',periods=2,tz='UTC')",
            "pd.date_range('2020',periods=2,tz='Europe/London')",
        ),
        ("pd.date_range('2020',periods=2,freq='D')", "pd.date_range('2020',periods=2,freq='24h')"),
        (
            "pd.Series(pd.date_range('2020',periods=2,unit='s'))",
            "pd.Series(pd.date_range('2020',periods=2,unit='ns'))",
        ),
        ("pd.Timestamp('2020').as_unit('s')", "pd.Timestamp('2020').as_unit('ns')"),
        ("pd.Timedelta(1)", "pd.Timestamp(1)"),
        ("pd.Period('2020','D')", "pd.Period('2020','M')"),
        ("pd.interval_range(0,2)", "pd.interval_range(0,2,closed='left')"),
        ("pd.Interval(0,1)", "pd.Interval(0,1,closed='left')"),
        ("pd.arrays.SparseArray([0,0,1])", "pd.arrays.SparseArray([0,0,1],fill_value=1)"),
        ("pd.arrays.SparseArray([0,0,1])", "pd.arrays.SparseArray([0,1,0])"),
        ("pd.MultiIndex.from_tuples([(1,2)])", "pd.MultiIndex.from_tuples([(2,1)])"),
        (
            "pd.MultiIndex.from_tuples([(1,2)],names=['a','b'])",
            "pd.MultiIndex.from_tuples([(1,2)],names=['b','a'])",
        ),
        ("pd.DataFrame({'a':[1]},index=['x'])", "pd.DataFrame({'a':[1]},index=['y'])"),
        ("pd.DataFrame({1:[1]})", "pd.DataFrame({'1':[1]})"),
        ("pd.DataFrame([[1,2]],columns=['a','a'])", "pd.DataFrame([[2,1]],columns=['a','a'])"),
        ("pd.DataFrame({'a':[1,2],'b':[3,4]})", "pd.DataFrame({'a':[1,3],'b':[2,4]})"),
        ("attrs(pd.DataFrame(),'a',1)", "attrs(pd.DataFrame(),'a',2)"),
        ("pd.DataFrame()", "pd.DataFrame(index=[0])"),
        ("pd.DataFrame(columns=['a'])", "pd.DataFrame(columns=['b'])"),
        (
            "pd.DataFrame({'a':pd.Series([],dtype='i8')})",
            "pd.DataFrame({'a':pd.Series([],dtype='f8')})",
        ),
        ("pd.offsets.Day(1)", "pd.offsets.Hour(24)"),
        ("pd.RangeIndex(3)", "pd.Index([0,1,2])"),
    ],
    "arrow and polars": [
        ("bigl(30000)", "bigl(30001)"),
        ("pl.Series('a',[1])", "pl.Series('b',[1])"),
        ("pl.Series('a',[1],pl.Int32)", "pl.Series('a',[1],pl.Int64)"),
        ("pl.Series([0.0])", "pl.Series([-0.0])"),
        ("pl.Series([None],dtype=pl.Int64)", "pl.Series([None],dtype=pl.String)"),
        (
            "pl.Series([datetime.datetime(2020,1,1)],dtype=pl.Datetime('us'))",
            "pl.Series([datetime.datetime(2020,1,1)],dtype=pl.Datetime('ms'))",
        ),
        ("pl.DataFrame({'a':[1],'b':[2]})", "pl.DataFrame({'b':[2],'a':[1]})"),
        ("pl.DataFrame({'a':[1]})", "pl.DataFrame({'a':[1]}).lazy()"),
        ("pl.DataFrame({'a':[1]}).lazy()", "pl.DataFrame({'a':[2]}).lazy()"),
        ("pl.col('a')", "pl.col('b')"),
        ("pl.col('a') + 1", "pl.col('a') + 2"),
        ("pl.DataFrame(schema={'a':pl.Int8})", "pl.DataFrame(schema={'a':pl.Int16})"),
        ("pa.table({'a':[1]})", "pa.table({'a':[1]}).replace_schema_metadata({'k':'v'})"),
        (
            "pa.schema([pa.field('a',pa.int64())])",
            "pa.schema([pa.field('a',pa.int64(),nullable=False)])",
        ),
        ("pa.array([1],pa.int64())", "pa.array([1],pa.int32())"),
        ("pa.array([1.0])", "pa.array([-0.0])"),
        ("pa.array(['a','b']).dictionary_encode()", "pa.array(['c','d']).dictionary_encode()"),
        ("pa.array(['a'])", "pa.array(['a']).dictionary_encode()"),
        ("pa.array([['a'],['b']])", "pa.array([['a','b'],[]])"),
        ("pa.array([[1],None])", "pa.array([[1],[]])"),
        ("pa.array([{'a':1}])", "pa.array([{'b':1}])"),
        ("pa.array([None],pa.null())", "pa.array([],pa.null())"),
        ("pa.array(['ab','c'])", "pa.array(['a','bc'])"),
        ("pa.array([b'a'])", "pa.array(['a'])"),
        ("pa.scalar(1)", "pa.scalar(2)"),
        ("pa.scalar(1)", "pa.scalar(1,pa.int32())"),
        ("pa.chunked_array([[1]])", "pa.array([1])"),
        ("pa.record_batch({'a':[1]})", "pa.table({'a':[1]})"),
    ],
    "scipy": [
        ("expl()", "sp.csr_matrix(np.array([[1.,0.]]))"),
        ("coo([0,1])", "coo([1,0])"),
        ("sp.csr_matrix((2,3))", "sp.csr_matrix((3,2))"),
        ("sp.csr_matrix(np.eye(2))", "sp.csr_array(np.eye(2))"),
        ("sp.csr_matrix(np.eye(2))", "sp.csr_matrix(np.eye(2,dtype='f4'))"),
        ("sp.csr_matrix(np.eye(2))", "sp.coo_matrix(np.eye(2))"),
        ("sp.lil_matrix(np.eye(2))", "sp.lil_matrix(2*np.eye(2))"),
        ("sp.dok_matrix(np.eye(2))", "sp.dok_matrix(2*np.eye(2))"),
    ],
    "classes and instances": [
        ("D(1)", "E(1)"),
        ("D(1)", "Fz(1)"),
        ("D(1)", "D(True)"),
        ("Pt(1)", "Qt(1)"),
        ("Pt(1)", "(1,)"),
        ("IE.A", "1"),
        ("IE.A", "IE2.A"),
        ("Perm.R", "Perm.R|Perm.W"),
        ("Sl(1)", "Sl(None,1)"),
        ("Sl()", "Sl(1)"),
        ("IgnoreHash(1)", "IgnoreHash(2)"),
        ("Rep(1)", "Rep(2)"),
        ("kls(1)", "kls(2)"),
        ("kls(1)()", "kls(2)()"),
        ("kls(1,list)", "kls(1,dict)"),
        ("meth(1)", "meth(2)"),
        ("meth(1)()", "meth(2)()"),
        ("meth(1)().f", "meth(2)().f"),
        ("uuid.UUID(int=1)", "uuid.UUID(int=2)"),
        ("types.SimpleNamespace(a=1,b=2)", "types.SimpleNamespace(b=2,a=1)"),
    ],
    "code": [
        ("closure(1)", "closure(2)"),
        ("closure([1])", "closure([2])"),
        ("default(1)", "default(2)"),
        ("default([1])", "default([2])"),
        ("kwdefault(1)", "kwdefault(2)"),
        ("annotated(int)", "annotated(str)"),
        ("documented('a')", "documented('b')"),
        ("tagged(1)", "tagged(2)"),
        ("calling('len')", "calling('sum')"),
        ("lambda x: x.a", "lambda x: x.b"),
        ("lambda: 1", "lambda: 1.0"),
        ("lambda: 1", "lambda: True"),
        ("lambda: 0.0", "lambda: -0.0"),
        ("lambda: 'a'", "lambda: b'a'"),
        ("lambda: (1,)", "lambda: [1]"),
        ("lambda: (1,(0.0,))", "lambda: (1,(-0.0,))"),
        ("lambda: {1,2}", "lambda: {1,3}"),
        ("lambda *a: 1", "lambda **a: 1"),
        ("lambda a,b: 1", "lambda a,/,b: 1"),
        ("lambda a: (lambda: 1)", "lambda a: (lambda: 2)"),
        ("(lambda: (yield 1))", "(lambda: (yield 2))"),
        ("part(reverse=True)", "part(reverse=1)"),
        ("functools.partial(closure(1))", "functools.partial(closure(2))"),
        ("lru(1)", "lru(2)"),
        ("operator.itemgetter(1)", "operator.itemgetter('1')"),
        ("operator.attrgetter('a')", "operator.attrgetter('b')"),
        ("'abc'.upper", "'abd'.upper"),
        ("property(len)", "property(sum)"),
        ("staticmethod(len)", "classmethod(len)"),
    ],
    "of the standard library": [
        ("decimal.Decimal('NaN')", "decimal.Decimal('sNaN')"),
        ("decimal.Decimal('0')", "decimal.Decimal('-0')"),
        ("fractions.Fraction(1,2)", "0.5"),
        ("fold(0)", "fold(1)"),
        ("datetime.datetime(2020,1,1,tzinfo=datetime.timezone.utc)", "datetime.datetime(2020,1,1)"),
        (
            "datetime.datetime(2020,1,1,tzinfo=datetime.timezone.utc)",
            "datetime.datetime(2020,1,1,1,tzinfo=datetime.timezone(datetime.timedelta(hours=1)))",
        ),
        ("datetime.timezone.utc", "zoneinfo.ZoneInfo('UTC')"),
        ("datetime.timezone(datetime.timedelta(0),'X')", "datetime.timezone.utc"),
        ("datetime.timedelta(days=1)", "datetime.timedelta(hours=25)"),
        ("datetime.time(1,fold=0)", "datetime.time(1,fold=1)"),
        ("collections.deque([1])", "collections.deque([1],1)"),
        ("collections.OrderedDict(a=1,b=2)", "collections.OrderedDict(b=2,a=1)"),
        ("collections.ChainMap({'a':1})", "collections.ChainMap({},{'a':1})"),
        ("re.compile('a')", "re.compile(b'a')"),
        ("ipaddress.ip_address('1.1.1.1')", "ipaddress.ip_address('1.1.1.2')"),
        ("pathlib.Path('a')", "pathlib.PurePosixPath('a')"),
        ("io.BytesIO(b'ab')", "io.BytesIO(b'abc')"),
        ("(lambda s: (s.read(1), s)[1])(io.StringIO('ab'))", "io.StringIO('ab')"),
        ("itertools.count(1)", "itertools.count(2)"),
        ("iter([1,2])", "iter([1,3])"),
        ("itertools.repeat(1)", "itertools.repeat(1,5)"),
        ("enumerate([1])", "enumerate([1],1)"),
        ("list[int]", "list[str]"),
        ("typing.Optional[int]", "typing.Optional[str]"),
        ("array.array('d',[0.0])", "array.array('d',[-0.0])"),
        ("Exception('a')", "Exception('a','b')"),
    ],
}

TORCH = [
    ("req(True)", "req(False)"),
    ("torch.ones(2)", "torch.ones(2,dtype=torch.float64)"),
    ("torch.zeros(2)", "-torch.zeros(2)"),
    ("torch.ones(2,3)", "torch.ones(3,2)"),
    ("torch.ones(2,2)", "torch.nn.Parameter(torch.ones(2,2))"),
    ("torch.zeros(2,dtype=torch.int32)", "torch.zeros(2,dtype=torch.float32)"),
    ("torch.zeros(2,dtype=torch.bfloat16)", "torch.zeros(2,dtype=torch.float16)"),
    ("torch.ones(2,2)", "torch.ones(2,2).T.contiguous().T"),
    ("torch.arange(4).reshape(2,2)", "torch.arange(4).reshape(2,2).t()"),
    ("torch.tensor([1+1j])", "torch.tensor([1+1j]).conj()"),
    ("torch.eye(2).to_sparse()", "torch.eye(2)"),
    ("torch.eye(2).to_sparse_csr()", "(2*torch.eye(2)).to_sparse_csr()"),
    ("linear().eval()", "linear().train()"),
    ("torch.Generator().manual_seed(1)", "torch.Generator().manual_seed(2)"),
    ("torch.float32", "torch.float64"),
    ("torch.Size([1,2])", "(1,2)"),
]
