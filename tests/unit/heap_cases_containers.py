"""Cells over the containers and buffers of the language: aliases, order, views, subclasses."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "nested_alias_of_inner_list",
        "a=[[1],[2]]; h={'x':a[1]}",
        "a[1].append(3); b=a[1]; c=(a[0],)",
        ["b is a[1]", "h['x'] is b", "c[0] is a[0]", "a", "b.append(9) or (a,h)"],
    ),
    (
        "list_reordered_in_place",
        "x,y,z=[1],[2],[3]; l=[x,y,z]; m=l",
        "l.reverse(); l.pop(); l[:0]=[x]",
        ["m is l", "l[0] is x", "l[1] is z", "l"],
    ),
    (
        "list_holds_itself_and_new",
        "l=[]; k=l",
        "n=[l]; l.append(n)",
        ["k[0] is n", "n[0] is k", "len(k)"],
    ),
    (
        "dict_order_changed_in_place",
        "d={'a':1,'b':2,'c':3}; e=d",
        "d['a']=d.pop('a')",
        ["list(e)", "e is d"],
    ),
    (
        "ordered_dict_moved",
        "from collections import OrderedDict\no=OrderedDict(a=1,b=2,c=3); p=[o]",
        "o.move_to_end('a'); o.move_to_end('c',last=False)",
        ["list(p[0])", "p[0] is o", "o.popitem()", "list(reversed(o))"],
    ),
    (
        "default_factory_lambda",
        "from collections import defaultdict",
        "n=[0]\nd=defaultdict(lambda: n)\nd['x']",
        ["d['y'] is n", "d['x'] is n", "d.default_factory() is n"],
    ),
    (
        "default_factory_replaced",
        "from collections import defaultdict\nd=defaultdict(list,a=[1]); e=d",
        "d.default_factory=dict; d['z']",
        ["e['q']", "e is d", "list(e)"],
    ),
    (
        "counter_updated",
        "from collections import Counter\nc=Counter('ab'); k={'c':c}",
        "c.update('bbz'); c.subtract('a')",
        ["k['c'] is c", "k['c'].most_common()", "c['none']", "type(c).__name__"],
    ),
    (
        "deque_rotated",
        "from collections import deque\nq=deque([[1],2,3],5); r=q[0]",
        "q.rotate(1); q.append(7); q.appendleft(r); q.append(8)",
        ["q", "q.maxlen", "any(x is r for x in q)", "q.append(5) or len(q)"],
    ),
    (
        "chain_map_children",
        "from collections import ChainMap\na={'x':1}; m=ChainMap(a)",
        "n=m.new_child({'y':2}); m['z']=3; n['w']=4",
        ["n.maps[1] is a", "a", "dict(n)", "n.parents['x']", "a.update(q=5) or n['q']"],
    ),
    (
        "user_containers",
        "from collections import UserDict, UserList, UserString\nu=UserDict(a=1); l=UserList([1]); w=[u,l]",
        "u['b']=l; l.append(u); s=UserString('hey')",
        ["w[0] is u", "u['b'] is l", "l[1] is u", "s.upper()", "type(s) is UserString"],
    ),
    (
        "mapping_proxy_of_earlier",
        "import types\nd={'a':[1]}",
        "p=types.MappingProxyType(d)",
        ["p['a'] is d['a']", "d.update(b=2) or dict(p)", "type(p).__name__"],
    ),
    (
        "mapping_proxy_of_new",
        "import types",
        "d={'a':1}; p=types.MappingProxyType(d)",
        ["d.update(b=2) or dict(p)"],
    ),
    (
        "mapping_proxy_earlier_changed",
        "import types\nd={'a':1}; p=types.MappingProxyType(d)",
        "d['z']=p['a']+1",
        ["p['z']", "d.update(b=2) or dict(p)"],
    ),
    (
        "class_namespace_proxy",
        "class A: x=1",
        "v=vars(A)",
        ["v['x']", "setattr(A,'y',2) or v['y']"],
    ),
    (
        "dict_views_of_new",
        "",
        "d={'a':[1]}; k=d.keys(); v=d.values(); i=d.items()",
        ["d.update(b=2) or (list(k),list(v),list(i))", "list(v)[0] is d['a']"],
    ),
    (
        "set_of_instances",
        "class P:\n  def __init__(s,n): s.n=n\nps=[P(1),P(2),P(3)]; s=set(ps[:2])",
        "s.add(ps[2]); s.discard(ps[0]); q=next(x for x in s if x.n==2)",
        ["q is ps[1]", "ps[2] in s", "ps[0] in s", "len(s)"],
    ),
    (
        "dict_with_instance_keys",
        "class P:\n  def __init__(s,n): s.n=n\na,b=P(1),P(2); d={a:'x'}",
        "d[b]=a; d[(a,b)]=[b]",
        ["d[a]", "d[b] is a", "d[(a,b)][0] is b", "len(d)"],
    ),
    (
        "keys_hashing_by_state",
        "class P:\n  def __init__(s,n): s.n=n\n  def __hash__(s): return hash(s.n)\n"
        "  def __eq__(s,o): return s.n==o.n\na=P('k')",
        "d={a:1,P('z'):2}; t={a,P('y')}; f=frozenset([a])",
        ["d[P('k')]", "d[P('z')]", "P('y') in t", "a in f", "next(iter(f)) is a"],
    ),
    (
        "set_changed_with_tuples",
        "s={(1,2),'a'}; t=s",
        "s.add((1,('b',None))); s.remove('a'); s|={frozenset({1,2})}",
        ["t is s", "(1,('b',None)) in t", "frozenset({2,1}) in t", "len(t)"],
    ),
    (
        "tuple_identity_and_cycle",
        "t=([],)",
        "u=t; t[0].append(t); v=(t,t)",
        ["u[0] is t[0]", "t[0][0][0] is t[0]", "v[0][0] is v[1][0]"],
    ),
    (
        "tuple_cycle_new",
        "",
        "l=[]; t=(l,); l.append(t)",
        ["t[0] is l", "l[0][0] is l", "type(l[0])"],
    ),
    (
        "bytearray_views",
        "b=bytearray(b'abcd'); m=[b]",
        "b[1:2]=b'xyz'; c=bytes(b); d=b",
        ["m[0] is b", "d is b", "bytes(b)", "c"],
    ),
    (
        "array_array_grown",
        "import array\na=array.array('d',[1.,2.]); w=(a,)",
        "a.extend([3.]); b=array.array('u','hé'); c=a[:1]",
        ["w[0] is a", "a", "b", "c.append(1.) or c"],
    ),
    (
        "list_subclass_with_overrides",
        "class L(list):\n  def append(s,x): raise RuntimeError\n  def __setitem__(s,i,x): raise RuntimeError\n"
        "  def __iter__(s): return iter(['no'])\n  def __len__(s): return 99\n  def extend(s,x): raise RuntimeError\n"
        "l=L(); list.append(l,1); w=[l]",
        "list.append(l,2); m=L(); list.extend(m,[5,6]); m.tag='t'",
        ["w[0] is l", "list.__getitem__(l,1)", "list.__len__(m)", "m.tag", "type(m) is L"],
    ),
    (
        "dict_subclass_with_overrides",
        "class D(dict):\n  def __setitem__(s,k,v): dict.__setitem__(s,k.upper(),v)\n"
        "  def __iter__(s): return iter(['no'])\n  def items(s): return [('no',0)]\n"
        "  def update(s,*a,**k): raise RuntimeError\n  def __missing__(s,k): return k*2\n"
        "d=D(); d['a']=1; w=[d]",
        "d['b']=2; e=D(); e['q']=d; e.note=[d]",
        [
            "list(dict.keys(w[0]))",
            "dict.__getitem__(e,'Q') is d",
            "e.note[0] is d",
            "e['zz']",
            "w[0] is d",
        ],
    ),
    (
        "dict_subclass_own_init",
        "",
        "class D(dict):\n  def __init__(s,need): super().__init__(); s.need=need; s['n']=need\nd=D([1])",
        ["d", "d.need is d['n']", "type(d) is D"],
    ),
    (
        "ordered_dict_subclass",
        "from collections import OrderedDict",
        "class O(OrderedDict):\n  def __init__(s,n): super().__init__(); s.n=n\n"
        "  def __setitem__(s,k,v): super().__setitem__(k,v*2)\no=O(3); o['b']=1; o['a']=2",
        ["list(o.items())", "o.n", "type(o) is O"],
    ),
    (
        "set_subclass_cycle",
        "",
        "class S(set):\n  pass\ns=S({1}); s.me=s; f=frozenset({s.me.pop()})",
        ["s.me is s", "f", "type(s) is S"],
    ),
    (
        "str_and_int_subclasses",
        "",
        "class S(str):\n  def __new__(c,v,t): o=super().__new__(c,v); o.t=t; return o\n"
        "class I(int):\n  __slots__=()\n  def __repr__(s): return 'I!'\n"
        "s=S('a',[1]); i=I(5); t=s; fs={s:i}",
        ["t is s", "s.t", "i+1", "i", "type(s) is S", "fs['a'] is i", "s.t.append(2) or t.t"],
    ),
    (
        "str_subclass_earlier_attributes",
        "class S(str): pass\ns=S('a'); s.n=1; w=[s]; d={s:1}",
        "s.n=2; u=s",
        ["w[0].n", "u is s", "w[0] is s", "[k.n for k in d]"],
    ),
    (
        "tuple_subclass_attributes",
        "class T(tuple): pass\nt=T([1,[2]]); t.x=1; w=[t]",
        "t.x=5; t[1].append(3); v=t",
        ["w[0].x", "v is t", "w[0] is t", "t"],
    ),
    (
        "named_tuple_with_methods",
        "",
        "from typing import NamedTuple\nclass N(NamedTuple):\n  a:list\n  b:int=2\n"
        "  @property\n  def s(self): return len(self.a)+self.b\n  def f(self): return self._replace(b=9)\n"
        "n=N([1]); m=n._replace(b=3)",
        [
            "n.s",
            "n.f()",
            "m.a is n.a",
            "N._fields",
            "N._field_defaults",
            "N.__annotations__",
            "N.__new__.__defaults__",
        ],
    ),
]
