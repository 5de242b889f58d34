"""Cells that hold on to parts of other things: matches, iterators, views, counters."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "part_re_match",
        "import re",
        (
            "m=re.match(r'(a)(?P<n>b)?','xab'[1:]); n=re.search('z','az',re.I); "
            "l=[*re.finditer('a','aba')]"
        ),
        [
            "m.group(1),m.span(),m.groupdict(),m.string",
            "n.start()",
            "[x.span() for x in l]",
            "m.re.pattern",
            "m.lastgroup, m.pos,m.endpos",
        ],
    ),
    ("part_re_match_earlier", "import re\nm=re.match('(a)b','ab')", "x=m.group(1)", ["x"]),
    (
        "part_odview",
        "from collections import OrderedDict\nd=OrderedDict(a=1); e={'z':OrderedDict(q=1)}",
        "k=d.keys(); v=e['z'].items()",
        ["d.update(b=2) or list(k)", "list(v)"],
    ),
    ("part_struct", "import struct", "s=struct.Struct('<i')", ["s.pack(1)"]),
    (
        "part_finditer",
        "import re\nt='a1b22c333'",
        (
            "l=list(re.finditer(r'\\d+',t)); m=re.search('(b)(2)?(z)?',t); "
            "f=re.compile('a').fullmatch('xaz',1,2); l[1]"
        ),
        [
            "[x.span() for x in l]",
            "[x.pos for x in l]",
            "l[2].group(), l[1].start()",
            "m.groups(), m.lastindex, m.expand(r'\\1')",
            "f.pos,f.endpos",
        ],
    ),
    (
        "part_dictiters",
        "d={'a':1,'b':2,'c':3}",
        (
            "i=iter(d); next(i); j=iter(d.items()); k=reversed(d.values()); next(k); "
            "e=iter({}); z=iter({1:2}); list(z)"
        ),
        ["type(i),type(j),type(k)", "list(i),list(j),list(k),list(e),list(z)"],
    ),
    (
        "part_dictiter_live",
        "d={'a':1,'b':2,'c':3}; i=iter(d); l=[i]",
        "n=next(i); m=next(i)",
        ["n,m", "list(l[0])"],
    ),
    (
        "part_dictiter_live_end",
        "d={'a':1,'b':2}; i=iter(d.items()); l=[i]",
        "n=list(i)",
        ["n", "list(l[0])"],
    ),
    (
        "part_counts",
        ("import itertools as it\nc=it.count(); f=it.count(.5,.25); g=it.count(10,-3); l=[c,f,g]"),
        "x=[next(k) for k in l]; next(c); d=it.count(5)",
        ["[next(k) for k in l]", "x", "next(d)", "l[0] is c"],
    ),
    (
        "part_idcounter",
        (
            "import itertools\nclass T:\n  ids=itertools.count(1)\n  def __init__(s): "
            "s.id=next(T.ids)\na=T()"
        ),
        "b=[T(),T()]",
        ["[t.id for t in b]", "T().id"],
    ),
    (
        "part_nprec",
        "import numpy as np\na=np.rec.array([(1,2.)],names='a,b'); l=[a]",
        "a.a=5",
        ["l[0].a", "type(l[0])"],
    ),
    (
        "part_npsub",
        "import numpy as np\nclass S(np.ndarray): pass\na=np.arange(3).view(S); a.tag=1; l=[a]",
        "a[0]=7; a.tag=2",
        ["l[0]", "l[0].tag"],
    ),
    (
        "part_chararray",
        "import numpy as np\na=np.char.array(['a','b']); l=[a]",
        "a[0]='z'",
        ["l[0]"],
    ),
    (
        "part_multiindex",
        (
            "import pandas as pd\nm=pd.MultiIndex.from_product([[1,2],['a','b']],"
            "names=['x','y']); d=pd.DataFrame({'v':range(4)},index=m); l=[d]"
        ),
        "d.loc[(1,'a'),'v']=9; m.names=['p','q']",
        ["l[0]", "d.index.names"],
    ),
    (
        "part_partial",
        "import functools\np=functools.partial(print,1); l=[p]",
        "p.tag=1; q=functools.partial(p,2)",
        ["l[0].tag", "q.args"],
    ),
    (
        "part_slots",
        "class A:\n  __slots__=('x','y')\na=A(); a.x=1; a.y=2; l=[a]",
        "del a.x; a.y=5",
        ["hasattr(a,'x')", "l[0].y"],
    ),
    (
        "part_classattr",
        "class A:\n  def f(self): return 1\n  def g(self): return 2\n  z=3\na=A()",
        "A.f=lambda s: 10; del A.g; A.h=classmethod(lambda c: c); del A.z",
        ["a.f()", "hasattr(a,'g')", "A.h() is A", "hasattr(A,'z')"],
    ),
    (
        "part_funcparts",
        "def f(x=1,*,k=[2]): return x,k\ng=f",
        (
            "f.__defaults__=(9,); f.__kwdefaults__={'k':3}; f.tag=[1]; f.__doc__='q'; "
            "f.__name__='zz'"
        ),
        ["g()", "g.tag", "g.__doc__", "g.__name__"],
    ),
    (
        "part_kwdel",
        "def f(x=1): return x\nf.t=1",
        "del f.t; f.__defaults__=None",
        ["hasattr(f,'t')", "f.__defaults__"],
    ),
    (
        "part_npresize",
        "import numpy as np\na=np.arange(4); b=[a]",
        "a.resize(6,refcheck=False)",
        ["b[0]", "a.shape", "b[0] is a"],
    ),
    ("part_npshape", "import numpy as np\na=np.arange(4); b=[a]", "a.shape=(2,2)", ["b[0]"]),
    (
        "part_npmask",
        "import numpy as np\na=np.ma.array([1,2,3]); b=[a]",
        "a[1]=np.ma.masked; a.fill_value=77",
        ["b[0]", "b[0].fill_value", "a.mask"],
    ),
    (
        "part_npstruct",
        "import numpy as np\na=np.zeros(3,[('x','i4'),('o','O')]); b=[a]",
        "a['x']=4; a['o'][1]=b",
        ["b[0]['x']", "a['o'][1] is b"],
    ),
    (
        "part_dfdrop",
        "import pandas as pd\nd=pd.DataFrame({'a':[1,2],'b':[3,4]}); l=[d]; s=d['b']",
        (
            "d.drop(columns='a',inplace=True); d.rename(columns={'b':'q'},inplace=True); "
            "d.attrs['k']=1"
        ),
        ["l[0]", "s", "d.attrs"],
    ),
    (
        "part_dtindex",
        (
            "import pandas as pd\nd=pd.DataFrame({'v':range(4)},"
            "index=pd.date_range('2020',periods=4,tz='UTC')); l=[d]"
        ),
        "d.index=d.index.tz_convert('Europe/Paris'); d['w']=d.v.rolling(2).sum()",
        ["l[0]", "d.index.freq"],
    ),
    (
        "part_sparseresize",
        "import scipy.sparse as sp, numpy as np\nc=sp.coo_matrix(np.eye(3)); q=[c]",
        "c.resize(4,4); c.sum_duplicates()",
        ["q[0].toarray()"],
    ),
    (
        "part_kmeans_refit",
        (
            "from sklearn.cluster import KMeans\nimport numpy as np\n"
            "X=np.arange(12.).reshape(6,2)\nm=KMeans(2,random_state=0,n_init=1).fit(X); "
            "l=[m]"
        ),
        "m.set_params(n_clusters=3).fit(X)",
        ["l[0].labels_"],
    ),
    (
        "part_nxdi",
        "import networkx as nx\ng=nx.DiGraph([(1,2)]); l=[g]; v=g.edges",
        "g.add_edge(2,3); nx.relabel_nodes(g,{1:9},copy=False)",
        ["list(v)", "list(g.pred)"],
    ),
    (
        "part_genspawn",
        "import numpy as np\ng=np.random.default_rng(1); l=[g]",
        "k=g.spawn(2)",
        [
            "l[0].spawn(1)[0].normal()",
            "k[0].normal()",
            "g.bit_generator.seed_seq.n_children_spawned",
        ],
    ),
    (
        "part_bitgens",
        (
            "import numpy as np\ngs=[np.random.Generator(b(7)) for b in (np.random.PCG64,"
            "np.random.MT19937,np.random.Philox,np.random.SFC64,np.random.PCG64DXSM)]"
        ),
        "x=[g.random() for g in gs]; gs[3].bit_generator.random_raw()",
        ["[g.random() for g in gs]", "x"],
    ),
    (
        "part_weak",
        (
            "import weakref\nclass A: pass\na=A(); w=weakref.WeakValueDictionary(x=a); "
            "s=weakref.WeakSet([a]); k=weakref.WeakKeyDictionary({a:1})"
        ),
        "b=A(); w['y']=b; s.add(b); k[b]=2",
        ["sorted(w)", "len(s)", "k[b]", "w['y'] is b"],
    ),
    (
        "part_iters",
        (
            "a=[1,2,3]; i=iter(a); d={'x':1,'y':2}; j=iter(d); s=iter((1,2)); "
            "t=iter('abc'); r=iter(range(5)); rv=reversed(a)"
        ),
        "x=[next(k) for k in (i,j,s,t,rv)]",
        ["[next(k) for k in (i,j,s,t,rv)]", "x"],
    ),
    (
        "part_genalias",
        "from typing import *",
        (
            "a=list[int]; b=Dict[str,int]; c=Optional[int]; d=Union[int,str]; "
            "e=Callable[[int],str]; f=Literal['a']; g=int|None; h=Annotated[int,[1]]; "
            "t=tuple[int,...]"
        ),
        ["a,b,c,d,e,f,g,t", "a==list[int]", "h.__metadata__"],
    ),
    (
        "part_argparse",
        "import argparse",
        (
            "p=argparse.ArgumentParser('x'); p.add_argument('--a',type=int,default=3); "
            "ns=p.parse_args(['--a','5'])"
        ),
        ["ns.a", "p.parse_args([]).a"],
    ),
    (
        "part_etree_patch",
        "import xml.etree.ElementTree as E\nt=E.fromstring('<a><b/></a>'); l=[t]; b=t[0]",
        "b.set('x','2'); E.SubElement(t,'c'); t.text='q'",
        ["E.tostring(t)", "l[0][0] is b"],
    ),
    (
        "part_minidom",
        "import xml.dom.minidom as D",
        "d=D.parseString('<a><b/></a>')",
        ["d.toxml()"],
    ),
    (
        "part_inspect_sig",
        "import inspect\ndef f(a,b=2): pass",
        "s=inspect.signature(f)",
        ["str(s)"],
    ),
    (
        "part_dataclass_fields",
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n  x:int=1",
        "f=dataclasses.fields(D)",
        ["f[0].name", "f[0] is dataclasses.fields(D)[0]"],
    ),
    (
        "part_scipy_interp",
        "import numpy as np\nfrom scipy import interpolate,stats,spatial,optimize",
        (
            "f=interpolate.interp1d([1,2],[3,4]); c=interpolate.CubicSpline([1,2,3],[1,4,"
            "9]); k=spatial.cKDTree(np.eye(3)); r=stats.norm(1,2); "
            "q=stats.gaussian_kde([1.,2,3]); o=optimize.minimize(lambda x:(x**2).sum(),"
            "[1.])"
        ),
        ["f(1.5)", "c(1.5)", "k.query([0,0,1])", "r.cdf(1)", "q(1.)", "o.x", "o.success"],
    ),
    (
        "part_pdstr",
        "import pandas as pd\ns=pd.Series(['a','b'])",
        (
            "x=s.str; dt=pd.Series(pd.date_range('2020',periods=2)).dt; r=s.index; "
            "w=pd.Series([1,2,3]).rolling(2); rs=pd.Series(range(3),"
            "index=pd.date_range('2020',periods=3)).resample('D')"
        ),
        ["x.upper()", "dt.year", "w.sum()", "rs.sum()"],
    ),
    (
        "part_zoneinfo",
        "import zoneinfo,datetime",
        "z=zoneinfo.ZoneInfo('UTC'); d=datetime.datetime(2020,1,1,tzinfo=z)",
        ["z is zoneinfo.ZoneInfo('UTC')", "d"],
    ),
    (
        "part_undefined_functions",
        "import sympy as s\nx=s.Symbol('x'); h=s.Function('h')",
        "f=s.Function('f'); g=s.Function('g',real=True); e=f(x).diff(x)+g(x)+h(x); l=[f,h]",
        ["f==s.Function('f')", "e", "e.has(f)", "g(x).is_real", "l[0] is f", "l[1] is h"],
    ),
]
