"""Cells over scipy, scikit-learn, networkx, sympy and the standard library's own objects."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "sparse_formats",
        "import scipy.sparse as sp, numpy as np",
        "e=np.eye(3); d={f:sp.coo_matrix(e).asformat(f) for f in ['csr','csc','coo','lil','dok','dia','bsr']}; a=sp.csr_array(e); t=d['csr'].T",
        ["[x.toarray().tolist() for x in d.values()]", "[type(x).__name__ for x in d.values()]", "type(a).__name__", "np.shares_memory(t.data,d['csr'].data)"],
    ),
    (
        "sparse_in_place",
        "import scipy.sparse as sp, numpy as np\nl=sp.lil_matrix((2,2)); k=sp.dok_matrix((2,2)); c=sp.csr_matrix(np.array([[1.,0],[0,2]])); o=sp.coo_matrix(np.eye(2)); w=[l,k,c,o]",
        "l[0,1]=5; k[1,1]=3; c[0,1]=4; c.data*=2; o.data[0]=8",
        ["[x.toarray().tolist() for x in w]", "w[0] is l", "c.nnz", "w[2] is c"],
    ),
    (
        "sparse_over_earlier_data",
        "import scipy.sparse as sp, numpy as np\nd=np.array([1.,2.]); i=np.array([0,1]); p=np.array([0,1,2])",
        "m=sp.csr_matrix((d,i,p),shape=(2,2),copy=False)",
        ["np.shares_memory(m.data,d)", "d.__setitem__(0,9) or m.toarray().tolist()"],
    ),
    (
        "estimator_refitted",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\nX=np.arange(8.).reshape(4,2); y=np.arange(4.)\nm=Ridge().fit(X,y); w=[m]; c=m.coef_",
        "m.set_params(alpha=5.); m.fit(X,-y)",
        ["w[0] is m", "m.alpha", "m.coef_.round(6).tolist()", "c.round(6).tolist()", "m.predict(X).round(6).tolist()"],
    ),
    (
        "pipeline_in_place",
        "import numpy as np\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.decomposition import PCA\nX=np.random.RandomState(0).rand(6,3); sc=StandardScaler(); p=make_pipeline(sc,PCA(2)); w=[p]",
        "p.fit(X); Z=p.transform(X)",
        ["p.named_steps['standardscaler'] is sc", "sc.mean_.round(6).tolist()", "w[0] is p", "np.allclose(p.transform(X),Z)"],
    ),
    (
        "trees_and_clusters",
        "import numpy as np\nX=np.random.RandomState(0).rand(20,2); y=(X[:,0]>.5).astype(int)",
        "from sklearn.tree import DecisionTreeClassifier\nfrom sklearn.ensemble import RandomForestClassifier, GradientBoostingClassifier\nfrom sklearn.cluster import KMeans\nfrom sklearn.neighbors import KNeighborsClassifier\n"
        "d=DecisionTreeClassifier(random_state=0).fit(X,y); f=RandomForestClassifier(5,random_state=0).fit(X,y); k=KMeans(2,n_init=1,random_state=0).fit(X); n=KNeighborsClassifier(3).fit(X,y); g=GradientBoostingClassifier(n_estimators=3,random_state=0).fit(X,y)",
        ["d.predict(X).tolist()", "f.predict_proba(X).round(4).tolist()", "k.labels_.tolist()", "n.predict(X).tolist()", "g.predict(X).tolist()"],
    ),
    (
        "earlier_forest_used",
        "import numpy as np\nfrom sklearn.ensemble import RandomForestClassifier\nX=np.random.RandomState(0).rand(20,2); y=(X[:,0]>.5).astype(int)\nf=RandomForestClassifier(3,random_state=0).fit(X,y)",
        "z=f.predict(X); t=f.estimators_[0]; s=f.score(X,y)",
        ["t is f.estimators_[0]", "z.tolist()", "s"],
    ),
    (
        "grid_search",
        "import numpy as np\nfrom sklearn.linear_model import Ridge\nfrom sklearn.model_selection import GridSearchCV, KFold\nX=np.arange(20.).reshape(10,2); y=np.arange(10.)",
        "g=GridSearchCV(Ridge(),{'alpha':[.1,1.]},cv=KFold(2)).fit(X,y); b=g.best_estimator_",
        ["g.best_params_", "b is g.best_estimator_", "b.predict(X).round(6).tolist()"],
    ),
    (
        "partial_fit",
        "import numpy as np\nfrom sklearn.linear_model import SGDClassifier\nX=np.array([[0.,1],[1,0],[1,1],[0,0]]); y=np.array([0,1,1,0])\nm=SGDClassifier(random_state=0); m.partial_fit(X,y,classes=[0,1]); w=[m]",
        "m.partial_fit(X,y)",
        ["w[0].coef_.round(6).tolist()", "m.t_", "w[0] is m"],
    ),
    (
        "networkx_in_place",
        "import networkx as nx\ng=nx.path_graph(3); w=[g]; a=g[0]",
        "g.add_edge(0,2,weight=5); g.nodes[1]['c']='red'; g.remove_node(1) if 0 else None; h=nx.DiGraph(); h.add_edge('x','y'); v=g.edges; sub=g.subgraph([0,2])",
        ["w[0] is g", "list(g.edges(data=True))", "g.nodes[1]", "list(h.edges)", "list(v)", "list(sub.edges)", "g.add_edge(7,8) or len(v)", "list(g.adj[0])"],
    ),
    (
        "networkx_views_cached",
        "import networkx as nx\ng=nx.path_graph(3); g.nodes; g.edges; g.adj; w=[g]",
        "d=dict(g.degree); n=g.nodes; c=g.copy(); c.add_edge(5,6)",
        ["d", "n is g.nodes", "list(c.edges)", "list(g.edges)"],
    ),
    (
        "sympy_symbols",
        "import sympy as s\nx=s.Symbol('x')",
        "y=s.Symbol('y',positive=True); e=x**2+y; d=e.diff(x); m=s.Matrix([[x,1]]); f=s.lambdify(x,x+1); r=s.Rational(1,3); p=s.pi",
        ["e", "d", "m", "r", "p is s.pi", "e.subs(x,2)", "y.is_positive", "f(2)"],
    ),
    (
        "sympy_matrix_in_place",
        "import sympy as s\nx=s.Symbol('x'); m=s.zeros(2,2); w=[m]",
        "m[0,1]=x; k=s.Symbol('d'); l=[k,k+1]",
        ["w[0]", "l[1]-k", "l[0]==k"],
    ),
    (
        "io_objects",
        "import io\nb=io.StringIO('abc\\ndef'); b.readline(); r=io.BytesIO(b'12345'); w=[b,r]",
        "r.seek(2); r.write(b'XX'); x=b.read(); n=io.StringIO(); n.write('q'); b.note=1",
        ["w[0].getvalue()", "w[1].getvalue()", "r.tell()", "b.tell()", "n.getvalue()", "n.tell()", "b.note"],
    ),
    (
        "random_objects",
        "import random\nr=random.Random(1); w=[r]; m=r.random",
        "r.shuffle(l:=[1,2,3]); r.gauss(0,1); st=r.getstate(); q=random.Random(7)",
        ["w[0].random()", "m.__self__ is r", "l", "q.random()", "r.gauss(0,1)"],
    ),
    (
        "dates_and_numbers",
        "import datetime, decimal, fractions, uuid, ipaddress, zoneinfo",
        "a=datetime.datetime(2020,1,1,tzinfo=zoneinfo.ZoneInfo('UTC')); b=datetime.timedelta(1); c=decimal.Decimal('NaN'); d=fractions.Fraction(1,3); e=ipaddress.ip_address('1.2.3.4'); f=datetime.timezone(b/24,'X'); g=datetime.datetime(2020,1,1,fold=1); h=decimal.getcontext().copy()",
        ["a", "b", "c", "d", "e", "f", "g.fold", "h.prec", "a.tzinfo is zoneinfo.ZoneInfo('UTC')"],
    ),
    (
        "regex_and_matches",
        "import re",
        "p=re.compile(r'(?P<x>a+)',re.M); s=p.sub('b','caa'); u=p",
        ["p.pattern", "p.flags", "s", "u is p", "p.search('aa')['x']"],
    ),
    (
        "queues_and_heaps",
        "import heapq\nh=[3,1,2]; heapq.heapify(h); w=[h]",
        "heapq.heappush(h,0); t=heapq.nsmallest(2,h)",
        ["w[0]", "t", "heapq.heappop(h)"],
    ),
    (
        "graphlib_and_types",
        "import graphlib, types, argparse",
        "t=types.SimpleNamespace(a=1); n=argparse.Namespace(x=[t]); g=graphlib.TopologicalSorter({'a':['b']})",
        ["n.x[0] is t", "list(g.static_order())", "n"],
    ),
    (
        "namespace_in_place",
        "import types\nn=types.SimpleNamespace(a=1,b=2); w=[n]",
        "n.c=[n]; del n.a",
        ["w[0].c[0] is n", "hasattr(n,'a')", "sorted(vars(n))"],
    ),
    (
        "exceptions_in_place",
        "e=ValueError('a'); w=[e]",
        "e.args=('b',1); e.note=[e]; e.__cause__=KeyError(1)",
        ["w[0].args", "e.note[0] is e", "repr(e.__cause__)", "e.__suppress_context__"],
    ),
    (
        "cached_properties",
        "import functools\nclass A:\n  n=0\n  @functools.cached_property\n  def v(s): A.n+=1; return [A.n]\na=A()",
        "x=a.v; y=a.v",
        ["x is y", "a.v is x", "A.n", "A().v"],
    ),
    (
        "scipy_objects",
        "import numpy as np",
        "from scipy import stats, interpolate, optimize, spatial\nn=stats.norm(1,2); c=interpolate.CubicSpline([0,1,2],[0,1,4]); r=optimize.minimize(lambda x:(x**2).sum(),[1.]); k=spatial.cKDTree(np.eye(2)); i=interpolate.interp1d([0,1],[0,2])",
        ["n.mean()", "float(c(1.5))", "bool(r.success)", "k.query([0,1])[1]", "float(i(.5))"],
    ),
    (
        "estimator_own_class",
        "import numpy as np\nfrom sklearn.base import BaseEstimator, TransformerMixin\nclass T(TransformerMixin,BaseEstimator):\n  def __init__(self,k=1): self.k=k\n  def fit(s,X,y=None): s.m_=X.mean(0); return s\n  def transform(s,X): return X-s.m_*s.k\nX=np.arange(4.).reshape(2,2); t=T(); w=[t]",
        "Z=t.fit_transform(X); u=T(2).fit(X)",
        ["w[0] is t", "t.m_.tolist()", "Z.tolist()", "u.transform(X).tolist()", "type(u) is T", "u.get_params()"],
    ),
    (
        "text_vectorizer",
        "d=['a b','b c']",
        "from sklearn.feature_extraction.text import TfidfVectorizer\nv=TfidfVectorizer(token_pattern=r'\\w').fit(d); M=v.transform(d)",
        ["v.vocabulary_", "M.toarray().round(4).tolist()", "v.transform(['c']).nnz"],
    ),
    (
        "column_transformer",
        "import pandas as pd\ndf=pd.DataFrame({'a':[1.,2.],'b':['x','y']})",
        "from sklearn.compose import ColumnTransformer\nfrom sklearn.preprocessing import OneHotEncoder, StandardScaler\nc=ColumnTransformer([('n',StandardScaler(),['a']),('c',OneHotEncoder(),['b'])]).fit(df)",
        ["c.transform(df).tolist()", "c.get_feature_names_out().tolist()"],
    ),
]
