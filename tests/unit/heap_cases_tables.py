"""Cells over pandas, polars and Arrow: changed in place, shared, indexed and typed."""

from __future__ import annotations

PD = "import pandas as pd, numpy as np\n"

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "frame_inplace_methods",
        PD + "df=pd.DataFrame({'a':[3,1,None],'b':['x','y','z']}); w=[df]",
        "df.dropna(inplace=True); df.sort_values('a',inplace=True); df.rename(columns={'a':'A'},inplace=True); df.reset_index(drop=True,inplace=True)",
        ["w[0] is df", "w[0].to_dict()", "df.index", "df.columns.tolist()"],
    ),
    (
        "frame_columns_and_index_assigned",
        PD + "df=pd.DataFrame({'a':[1,2],'b':[3,4]}); w=[df]; i=df.index",
        "df.columns=['x','y']; df.index=['p','q']; df.index.name='n'; df.insert(1,'m',[7,8])",
        ["w[0].to_dict()", "w[0].index.name", "list(w[0])", "list(i)"],
    ),
    (
        "index_name_in_place",
        PD + "df=pd.DataFrame({'a':[1,2]}); w=[df]; i=df.index",
        "df.index.name='k'; df.columns.name='c'",
        ["w[0].index.name", "w[0].columns.name", "i.name"],
    ),
    (
        "frame_loc_and_at",
        PD + "df=pd.DataFrame({'a':[1,2],'b':[3.,4.]}); s=df['a']; c=df.copy(deep=False)",
        "df.loc[0,'a']=10; df.at[1,'b']=-1; df.iloc[0,1]=7; df.loc[5]=[1,2]",
        ["df.to_dict()", "s.tolist()", "c.to_dict()"],
    ),
    (
        "column_deleted",
        PD + "df=pd.DataFrame({'a':[1,2],'b':[3,4],'c':['u','v']}); w={'d':df}",
        "del df['a']; p=df.pop('b'); df['n']=p*2",
        ["w['d'].to_dict()", "p.tolist()", "p.name"],
    ),
    (
        "frame_holds_lists",
        PD + "l=[1]; df=pd.DataFrame({'o':[l,'x'],'n':[1,2]})",
        "l.append(2); df['p']=[l,None]; e=pd.Series([l,l])",
        ["df.o[0] is l", "df.p[0] is l", "e[0] is e[1]", "l.append(3) or df.o[0]"],
    ),
    (
        "series_in_dicts",
        PD + "s=pd.Series([1,2],index=['a','b']); d={'s':s,'t':[s]}",
        "s['c']=3; s.name='n'; d['u']=s.head(1)",
        ["d['s'] is d['t'][0]", "d['s'].to_dict()", "d['u'].tolist()", "s.name"],
    ),
    (
        "frame_attrs_and_flags",
        PD + "df=pd.DataFrame({'a':[1]}); at=df.attrs",
        "df.attrs['k']=[1]; df.flags.allows_duplicate_labels=False; e=df.copy()",
        ["df.attrs", "at", "df.flags.allows_duplicate_labels", "e.attrs", "at is df.attrs"],
    ),
    (
        "frame_over_array",
        PD + "a=np.arange(4.).reshape(2,2)",
        "df=pd.DataFrame(a,columns=['x','y']); v=df.to_numpy(); c=df['x'].to_numpy()",
        [
            "df.to_dict()",
            "v.flags.writeable",
            "v.tolist()",
            "a.__setitem__((0,0),9) or df.iloc[0,0]",
        ],
    ),
    (
        "frame_over_array_no_copy",
        PD + "a=np.arange(4.).reshape(2,2)",
        "df=pd.DataFrame(a,columns=['x','y'],copy=False)",
        ["a.__setitem__((0,0),9) or df.iloc[0,0]", "df.to_dict()"],
    ),
    (
        "series_over_array_no_copy",
        PD + "a=np.arange(4.)",
        "s=pd.Series(a,copy=False); t=pd.Series(a)",
        ["a.__setitem__(0,9) or (s[0],t[0])"],
    ),
    (
        "values_views_of_earlier",
        PD + "df=pd.DataFrame({'a':[1.,2.],'b':[3.,4.]})",
        "v=df.values; c=df['a'].values",
        [
            "v.tolist()",
            "v.flags.writeable",
            "c.flags.writeable",
            "df.__setitem__('a',0) or v.tolist()",
        ],
    ),
    (
        "values_view_follows_frame",
        PD + "df=pd.DataFrame({'a':[1.,2.],'b':[3.,4.]})",
        "v=df.values",
        ["df.iloc.__setitem__((0,0),50.) or (v[0,0],df.iloc[0,0])"],
    ),
    (
        "chained_copies_are_apart",
        PD + "df=pd.DataFrame({'a':[1,2],'b':[3,4]})",
        "e=df[['a']]; f=df.loc[:,'b']; g=df.iloc[:1]; e2=df.rename(columns=str.upper)",
        [
            "df.iloc.__setitem__((0,0),9) or (e.a[0],g.a[0],e2.A[0])",
            "f.iloc.__setitem__(0,7) or df.b[0]",
            "e.to_dict()",
        ],
    ),
    (
        "new_copies_are_apart",
        PD,
        "df=pd.DataFrame({'a':[1,2],'b':[3,4]}); e=df[:]; f=df.copy(deep=False); g=df['a']; h=df.T; i=pd.Index(g); j=df[['b']]",
        [
            "df.iloc.__setitem__((0,0),9) or (e.a[0],f.a[0],g[0],h.loc['a',0],i[0])",
            "f.__setitem__('b',0) or df.b[0]",
            "g.__setitem__(1,77) or (df.a[1],e.a[1],i[1])",
            "j.iloc.__setitem__((0,0),6) or (df.b[0],e.b[0],h.loc['b',0])",
        ],
    ),
    (
        "new_values_follow_frame",
        PD,
        "df=pd.DataFrame({'a':[1.,2.],'b':[3.,4.]}); v=df['a'].to_numpy(); x=pd.DataFrame(np.zeros((2,2))); w=x.values",
        ["df.iloc.__setitem__((0,0),50.) or v[0]", "x.iloc.__setitem__((0,1),5) or w[0,1]"],
    ),
    (
        "values_of_changed_frame",
        PD + "df=pd.DataFrame({'a':[1.,2.],'b':[3.,4.]})",
        "v=df['a'].to_numpy(); df.iloc[0,0]=7",
        ["v[0]", "df.a.tolist()", "df.iloc.__setitem__((1,0),8) or v[1]"],
    ),
    (
        "dtypes_galore",
        PD,
        "d={'cat':pd.Categorical(['a','b',None],ordered=True),'I':pd.array([1,None,3],dtype='Int64'),'F':pd.array([1.5,None,2],dtype='Float64'),'B':pd.array([True,None,False],dtype='boolean'),"
        "'S':pd.array(['x',None,'z'],dtype='string'),'t':pd.date_range('2020',periods=3,tz='Europe/Oslo'),'td':pd.to_timedelta([1,2,None],unit='h'),'p':pd.period_range('2020-01',periods=3,freq='M'),"
        "'iv':pd.interval_range(0,3),'sp':pd.arrays.SparseArray([0,0,1]),'o':[1,'x',None]}\ndf=pd.DataFrame(d)",
        [
            "df.dtypes.astype(str).tolist()",
            "df.to_dict('list')",
            "df.cat.cat.ordered",
            "df.sp.sparse.density",
            "df.t.dt.tz",
            "df.iv[0].closed",
        ],
    ),
    (
        "arrow_dtypes",
        PD,
        "a=pd.Series(['x',None],dtype='string[pyarrow]'); b=pd.Series([1,None],dtype='int64[pyarrow]'); c=pd.DataFrame({'l':[[1],[2,3]]}).astype(pd.ArrowDtype(__import__('pyarrow').list_(__import__('pyarrow').int64())))",
        ["a.tolist()", "b.tolist()", "c.l.dtype", "str(c.l[1])"],
    ),
    (
        "indexes_galore",
        PD,
        "m=pd.MultiIndex.from_tuples([('a',1),('b',2)],names=['x','y']); c=pd.CategoricalIndex(['a','b']); d=pd.date_range('2020',periods=3,freq='B',name='d'); i=pd.IntervalIndex.from_breaks([0,1,2]); p=pd.period_range('2020',periods=2); r=pd.RangeIndex(0,10,2); df=pd.DataFrame({'v':[1,2]},index=m); n=df.index",
        ["m", "c", "d", "i", "p", "r", "n is df.index", "df.loc[('a',1),'v']", "d.freq"],
    ),
    (
        "index_shared_between_frames",
        PD + "df=pd.DataFrame({'a':[1,2]},index=['x','y'])",
        "e=pd.DataFrame({'b':[3,4]},index=df.index); i=df.index",
        ["e.index.equals(df.index)", "i.tolist()", "e.index is df.index"],
    ),
    (
        "groupby_and_rolling",
        PD + "df=pd.DataFrame({'k':['a','b','a'],'v':[1,2,3]})",
        "g=df.groupby('k'); r=df.v.rolling(2); s=g.v; x=g.sum()",
        ["g.v.sum().to_dict()", "g.obj is df", "r.sum().tolist()", "x.to_dict()", "list(g.groups)"],
    ),
    (
        "styler",
        PD + "df=pd.DataFrame({'v':[1.234]})",
        "import importlib.util\nst=df.style.format(precision=1) if importlib.util.find_spec('jinja2') else None",
        ["st is None or st.data is df"],
    ),
    (
        "categorical_in_place",
        PD + "c=pd.Categorical(['a','b','a']); s=pd.Series(c); w=[c,s]",
        "c[0]='b'; s=s.cat.rename_categories({'a':'z'})",
        ["w[0] is c", "list(c)", "s.tolist()", "w[1].tolist()"],
    ),
    (
        "extension_array_in_place",
        PD
        + "a=pd.array([1,2,None],dtype='Int64'); d=pd.array(np.array(['2020','2021'],'M8[ns]')); w=[a,d]",
        "a[0]=9; d[1]=pd.Timestamp('1999')",
        ["w[0] is a", "a", "w[1] is d", "d"],
    ),
    (
        "scalars",
        PD,
        "t=pd.Timestamp('2020-01-01 03:04',tz='US/Eastern'); d=pd.Timedelta('1h'); p=pd.Period('2020-01','M'); i=pd.Interval(0,1); n=pd.NaT; a=pd.NA; o=pd.offsets.BMonthEnd(2); x=np.nan",
        ["t", "d", "p", "i", "n is pd.NaT", "a is pd.NA", "o", "t.unit", "x is np.nan"],
    ),
    (
        "frame_subclass",
        PD
        + "class F(pd.DataFrame):\n  _metadata=['tag']\n  @property\n  def _constructor(s): return F\n",
        "f=F({'a':[1]}); f.tag=[1]; g=f[f.a>0]",
        ["type(f) is F", "f.tag", "type(g) is F", "g.tag", "f.a.tolist()"],
    ),
    (
        "frame_attribute_on_instance",
        PD + "df=pd.DataFrame({'a':[1]}); w=[df]",
        "import warnings\nwith warnings.catch_warnings():\n  warnings.simplefilter('ignore')\n  df.note='hi'; e=pd.DataFrame({'b':[1]}); e.note=[1]",
        ["w[0].note", "e.note"],
    ),
    (
        "duplicate_columns_and_empty",
        PD,
        "a=pd.DataFrame([[1,2],[3,4]],columns=['x','x']); b=pd.DataFrame(); c=pd.DataFrame(columns=['q'],dtype='f4'); d=pd.DataFrame(index=[1,2]); s=pd.Series(dtype='i2')",
        [
            "a.values.tolist()",
            "b.shape",
            "c.dtypes.tolist()",
            "d.shape",
            "s.dtype",
            "a.columns.tolist()",
        ],
    ),
    (
        "frame_dtype_changed_in_place",
        PD + "df=pd.DataFrame({'a':[1,2],'b':[1,2]}); v=df['b']; w=[df]",
        "df['a']=df['a'].astype('f4'); df['b']=pd.Categorical(['u','v']); df.index=pd.date_range('2020',periods=2)",
        ["w[0].dtypes.astype(str).tolist()", "v.tolist()", "w[0].index.freq"],
    ),
    (
        "frame_same_and_concat",
        PD + "a=pd.DataFrame({'x':[1]})",
        "b=a; c=pd.concat([a,a]); d={'f':a,'g':c}; a['y']=2",
        ["b is a", "d['f'] is a", "c.to_dict('list')", "b.y.tolist()", "d['g'] is c"],
    ),
    (
        "series_update_and_clip",
        PD + "s=pd.Series([1.,np.nan,3.]); w=[s]",
        "s.fillna(0,inplace=True); s.update(pd.Series([9.],index=[2])); s*=2",
        ["w[0].tolist()", "s.tolist()", "s is w[0]"],
    ),
    (
        "eval_and_query",
        PD + "df=pd.DataFrame({'a':[1,2]}); k=1; w=[df]",
        "df.eval('b=a*2',inplace=True); q=df.query('a>@k')",
        ["w[0].b.tolist()", "q.a.tolist()"],
    ),
    (
        "polars_in_place",
        "import polars as pl\nd=pl.DataFrame({'a':[1,2],'b':['x',None]}); s=pl.Series('s',[1,2,3]); w=[d,s]",
        "d.insert_column(0,pl.Series('z',[5,6])); s[0]=9; s.rename('q'); d.columns=['Z','A','B']; e=d.drop('A'); c=d['B']",
        ["w[0] is d", "d.rows()", "d.columns", "w[1].to_list()", "e.rows()", "c.to_list()"],
    ),
    (
        "polars_large",
        "import polars as pl, datetime as dt\nn=70_000\nd=pl.DataFrame({'i':range(n),'s':[None if k%7==0 else f'a longer name {k}' for k in range(n)]})",
        "e=d.with_columns(f=pl.col('i')/3, t=pl.lit(dt.datetime(2020,1,1,tzinfo=dt.timezone.utc)), b=pl.col('i')%3==0).sort('f',descending=True)\nu=pl.concat([e,e[:9_000]],rechunk=False); few=e.filter(pl.col('i')%1000==0); s=e['s']; c=e.with_columns(pl.col('s').cast(pl.Categorical)); m=e['i'].sort(); m[3]=-1",
        [
            "e.equals(d.select('i','s',f=pl.col('i')/3,t=e['t'],b=pl.col('i')%3==0).sort('f',descending=True))",
            "[x.flags for x in e]",
            "u.shape, u.n_chunks(), u.schema",
            "few.to_dicts()[:3]",
            "s.null_count(), s[5], s.name",
            "c.schema",
            "m[:5].to_list()",
            "e['f'].flags",
        ],
    ),
    (
        "polars_lazy_and_types",
        "import polars as pl, datetime",
        "l=pl.LazyFrame({'a':[1,2,3]}).filter(pl.col('a')>1); x=pl.col('a')*2; d=pl.DataFrame({'l':[[1],[2,3]],'s':[{'q':1},{'q':2}],'c':pl.Series(['a','b'],dtype=pl.Categorical),'t':[datetime.date(2020,1,1),None],'b':[True,None],'e':pl.Series(['a','b'],dtype=pl.Enum(['a','b']))}); t=pl.List(pl.Int8); g=pl.Schema({'a':pl.Int8})",
        ["l.collect().rows()", "d.rows()", "d.schema", "t", "g", "l.select(x).collect().rows()"],
    ),
    (
        "polars_objects",
        "import polars as pl\nclass Q: pass\nq=Q()",
        "d=pl.DataFrame({'a':[1.5,None,float('nan')]}); s=d['a']; z=d.clear(); k=d.to_struct('k')",
        ["str(d.rows())", "s.name", "z.schema", "str(k.to_list())"],
    ),
    (
        "arrow_galore",
        "import pyarrow as pa",
        "t=pa.table({'a':pa.array([1,2],pa.int8()),'d':pa.array(['x','x']).dictionary_encode(),'l':[[1],None]}).replace_schema_metadata({'k':'v'}); c=t['a']; s=t.schema; f=s.field(0); x=c[0]; b=t.to_batches()[0]; bf=pa.py_buffer(b'abc'); y=pa.int32()",
        [
            "t.to_pydict()",
            "t.schema.metadata",
            "c.to_pylist()",
            "s.names",
            "f.type",
            "x.as_py()",
            "b.num_rows",
            "bytes(bf)",
            "y",
        ],
    ),
    (
        "arrow_numpy_sharing",
        "import pyarrow as pa, numpy as np\na=np.arange(4)",
        "t=pa.array(a); v=t.to_numpy()",
        ["v.tolist()", "v.flags.writeable", "t.to_pylist()"],
    ),
]
