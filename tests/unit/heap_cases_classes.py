"""Cells that define, redefine and change classes, and make instances of them."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "slots_under_other_names",
        "class S: __slots__=('r','__p')",
        "class B: __slots__=('r','__p')\nB.r2=B.r; S.q=S.r; b=B(); b.r=4; s=S(); s.q=3",
        ["b.r2", "s.r", "B.r2 is B.r", "S.q is S.r", "b.__slots__"],
    ),
    (
        "class_redefined",
        "class A:\n  v=1\na=A(); old=A",
        "class A:\n  v=2\nb=A()",
        ["type(a) is old", "type(b) is A", "A is old", "(old.v,A.v)", "isinstance(a,A)"],
    ),
    (
        "class_redefined_on_itself",
        "class A:\n  v=1\n  def f(s): return s.v\na=A()",
        "class A(A):\n  def f(s): return super().f()+1\nb=A()",
        ["b.f()", "a.f()", "A.__mro__[1] is type(a)", "isinstance(b,type(a))"],
    ),
    (
        "class_assigned_on_instance",
        "class A:\n  v=1\nclass B:\n  v=2\na=A(); a.x=1; w=[a]",
        "a.__class__=B",
        ["type(w[0]) is B", "w[0].x", "w[0].v"],
    ),
    (
        "class_assigned_new_class",
        "class A: pass\na=A(); w=[a]",
        "class N:\n  def hi(s): return 'hi'\na.__class__=N",
        ["type(w[0]) is N", "w[0].hi()"],
    ),
    (
        "slots_inherited_and_dict",
        "",
        "class A:\n  __slots__=('x',)\nclass B(A):\n  __slots__=('y','__dict__','__weakref__')\n"
        "class C(B): pass\nb=B(); b.x=1; b.y=2; b.z=3; c=C(); c.x=[b]; c.q=4",
        [
            "(b.x,b.y,b.z)",
            "c.x[0] is b",
            "c.__dict__",
            "b.__dict__",
            "B.__slots__",
            "hasattr(c,'y')",
        ],
    ),
    (
        "slots_same_name_twice",
        "",
        "class A:\n  __slots__=('x',)\nclass B(A):\n  __slots__=('x',)\nb=B(); b.x=1; A.x.__set__(b,2)",
        ["b.x", "A.x.__get__(b)"],
    ),
    (
        "private_slots",
        "",
        "class A:\n  __slots__=('__p',)\n  def __init__(s,v): s.__p=v\n  def g(s): return s.__p\na=A([1])",
        ["a.g()", "a._A__p"],
    ),
    (
        "slots_patched",
        "class A:\n  __slots__=('x','y')\na=A(); a.x=1; w=[a]",
        "a.y=a; del a.x",
        ["w[0].y is a", "hasattr(w[0],'x')"],
    ),
    (
        "frozen_slotted_dataclass",
        "from dataclasses import dataclass, field",
        "@dataclass(frozen=True,slots=True,order=True)\nclass D:\n  x:int\n  y:list=field(default_factory=list,compare=False)\n"
        "d=D(1); e=D(2,d.y); s={1:d}",
        ["d<e", "e.y is d.y", "s[1] is d", "D.__slots__", "hash(d.x)", "D.__match_args__"],
    ),
    (
        "dataclass_features",
        "from dataclasses import dataclass, field, fields, replace, KW_ONLY, InitVar, asdict",
        "@dataclass(kw_only=True)\nclass A:\n  x:int=1\n  z:InitVar[int]=3\n  y:int=field(init=False,repr=False,metadata={'m':1})\n"
        "  def __post_init__(s,z): s.y=s.x+z\nclass B(A):\n  def __repr__(s): return 'B'\n@dataclass\nclass C(A):\n  q:int\na=A(); b=B(x=4); c=C(q=1)",
        [
            "a",
            "b",
            "c",
            "fields(A)[1].metadata['m']",
            "asdict(c)",
            "replace(a,x=5,z=1).y",
            "A.__dataclass_params__",
            "[f.type for f in fields(C)]",
        ],
    ),
    (
        "dataclass_earlier_frozen_reached",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass D:\n  l:list\nd=D([1]); k={'d':d}",
        "d.l.append(2); object.__setattr__(d,'extra',7)",
        ["k['d'] is d", "d.l", "d.extra"],
    ),
    (
        "setattr_override",
        "class A:\n  log=[]\n  def __setattr__(s,k,v): A.log.append(k); object.__setattr__(s,k,v)\n"
        "  def __delattr__(s,k): raise RuntimeError\na=A(); a.x=1; w=[a]",
        "a.y=2; b=A(); b.z=a",
        ["A.log", "w[0].y", "b.z is a"],
    ),
    (
        "getattr_and_getattribute",
        "class A:\n  def __init__(s): s.n=0\n  def __getattr__(s,k):\n    if k[:2]=='__': raise AttributeError(k)\n"
        "    s.n+=1; return k\n  def __eq__(s,o): raise RuntimeError\n  def __bool__(s): raise RuntimeError\n"
        "  def __len__(s): raise RuntimeError\n  __hash__=None\na=A(); w=[a]",
        "x=a.foo; b=A(); b.k=a",
        ["x", "w[0].n", "b.k is a", "b.n"],
    ),
    (
        "properties_and_setters",
        "class A:\n  def __init__(s): s._v=1\n  @property\n  def v(s): 'doc'; return s._v\n  @v.setter\n  def v(s,x): s._v=x*2\n"
        "  @v.deleter\n  def v(s): s._v=None\na=A(); w=[a]",
        "a.v=5; class_=A\nclass B(A):\n  @A.v.getter\n  def v(s): return -1\nb=B(); b.v=3",
        [
            "w[0].v",
            "b.v",
            "b._v",
            "A.v.__doc__",
            "B.v.fset is A.v.fset",
            "type(a).__dict__['v'].fget.__name__",
        ],
    ),
    (
        "class_attribute_through_instance",
        "class A:\n  shared=[]\na=A(); b=A()",
        "a.shared.append(1); a.own=2; type(b).count=3",
        ["b.shared is A.shared", "A.shared", "A.count", "b.__dict__"],
    ),
    (
        "nested_classes",
        "",
        "class Out:\n  class In:\n    def f(s): return Out\n  class Deep(In):\n    class X: pass\no=Out.In(); d=Out.Deep.X()",
        [
            "o.f() is Out",
            "type(o) is Out.In",
            "Out.In.__qualname__",
            "type(d) is Out.Deep.X",
            "Out.Deep.__base__ is Out.In",
        ],
    ),
    (
        "local_class_in_function",
        "",
        "def mk(n):\n  class L:\n    k=n\n    def f(s): return s.__class__, n\n  return L\nA=mk(1); B=mk([2]); a=A(); b=B()",
        ["a.f()[0] is A", "b.f()[1] is B.k", "A is B", "A.__qualname__", "type(b) is B"],
    ),
    (
        "metaclass_with_prepare_and_call",
        "",
        "class M(type):\n  made=[]\n  @classmethod\n  def __prepare__(m,n,b,**k): return {'pre':1}\n"
        "  def __call__(c,*a): o=super().__call__(*a); M.made.append(o); return o\n  def __len__(c): return 7\n"
        "  @property\n  def mp(c): return c.__name__\nclass K(metaclass=M):\n  def __init__(s,x): s.x=x\nk=K(1)",
        ["M.made[0] is k", "len(K)", "K.mp", "K.pre", "K(2) is M.made[1]", "type(K) is M"],
    ),
    (
        "metaclass_setattr_guard",
        "class M(type):\n  def __setattr__(c,k,v): raise RuntimeError('no')\nclass K(metaclass=M): pass",
        "class L(K):\n  y=1\ntype.__setattr__(K,'z',5); l=L()",
        ["K.z", "L.y", "type(L) is M", "type(l) is L"],
    ),
    (
        "singleton_class",
        "class S:\n  one=None\n  def __new__(c):\n    if c.one is None: c.one=super().__new__(c)\n    return c.one\ns=S()",
        "t=S(); t.x=1; u=[t]",
        ["t is s", "S() is t", "u[0] is s", "s.x"],
    ),
    (
        "singleton_class_new",
        "",
        "class S:\n  one=None\n  def __new__(c):\n    if c.one is None: c.one=super().__new__(c)\n    return c.one\nt=S(); t.x=1",
        ["S() is t", "S.one is t", "t.x"],
    ),
    (
        "class_keyword_and_init_subclass",
        "",
        "class R:\n  reg={}\n  def __init_subclass__(cls,/,name,**k): super().__init_subclass__(**k); R.reg[name]=cls\n"
        "class A(R,name='a'): pass\nclass B(A,name='b'): pass",
        ["R.reg['a'] is A", "R.reg['b'] is B", "len(R.reg)", "B.__mro__[1] is A"],
    ),
    (
        "class_set_name",
        "",
        "class D:\n  calls=[]\n  def __set_name__(s,o,n): s.o=o; s.n=n; D.calls.append(n)\n  def __get__(s,i,o): return (s.n,i)\n"
        "  def __set__(s,i,v): i.__dict__[s.n]=v\nclass H:\n  z=D(); y=D()\nh=H(); h.z=3",
        ["h.z[0]", "H.__dict__['z'].o is H", "D.calls", "h.__dict__"],
    ),
    (
        "protocol_and_typed_dict",
        "from typing import Protocol, TypedDict, runtime_checkable",
        "@runtime_checkable\nclass P(Protocol):\n  def f(self)->int: ...\nclass I:\n  def f(self): return 1\n"
        "class T(TypedDict,total=False):\n  a:int\ni=I(); t=T(a=1)",
        [
            "isinstance(i,P)",
            "isinstance(3,P)",
            "t",
            "T.__total__",
            "T.__annotations__",
            "P._is_protocol",
        ],
    ),
    (
        "abc_register",
        "import abc",
        "class A(abc.ABC):\n  @property\n  @abc.abstractmethod\n  def p(s): ...\nclass V: pass\nA.register(V)\n"
        "class Im(A):\n  @property\n  def p(s): return 1\ni=Im()",
        ["isinstance(i,A)", "i.p", "A.__abstractmethods__", "Im.__abstractmethods__"],
    ),
    (
        "abc_virtual_subclass_new",
        "import abc",
        "class A(abc.ABC): pass\nclass V: pass\nA.register(V)",
        ["isinstance(V(),A)", "issubclass(V,A)"],
    ),
    (
        "collections_abc_subclass",
        "from collections.abc import MutableMapping",
        "class M(MutableMapping):\n  def __init__(s): s.d={}\n  def __getitem__(s,k): return s.d[k]\n  def __setitem__(s,k,v): s.d[k]=v\n"
        "  def __delitem__(s,k): del s.d[k]\n  def __iter__(s): return iter(s.d)\n  def __len__(s): return len(s.d)\nm=M(); m['a']=m",
        ["m['a'] is m", "isinstance(m,MutableMapping)", "list(m.keys())", "m.pop('a') is m"],
    ),
    (
        "generic_bounded",
        "from typing import TypeVar, Generic, get_type_hints",
        "T=TypeVar('T',bound=int); K=TypeVar('K',int,str)\nclass G(Generic[T,K]):\n  def __init__(s,v): s.v=v\n"
        "class H(G[T,str]): pass\nS=G[int,str]; g=S(1); h=H(2)",
        [
            "G.__parameters__==(T,K)",
            "H.__parameters__==(T,)",
            "S.__origin__ is G",
            "g.__orig_class__==S",
            "T.__bound__",
            "K.__constraints__",
            "H.__orig_bases__[0].__origin__ is G",
        ],
    ),
    (
        "typing_objects",
        "import typing\nfrom typing import Optional, Callable, Literal, NewType, Annotated, Union",
        "U=NewType('U',int); a=Optional[int]; b=Callable[[int],str]; c=Literal['x']; d=Annotated[int,[1]]; e=list[int]; f=int|str; u=U(5); F=typing.ForwardRef('Q')",
        ["U.__name__", "a", "b", "c", "d.__metadata__", "e", "f", "u", "U.__supertype__", "F"],
    ),
    (
        "multiple_inheritance_diamond",
        "",
        "class A:\n  def f(s): return ['A']\nclass B(A):\n  def f(s): return ['B']+super().f()\nclass C(A):\n  def f(s): return ['C']+super().f()\n"
        "class D(B,C):\n  def f(s): return ['D']+super().f()\nd=D()",
        ["d.f()", "[c.__name__ for c in D.__mro__]", "A.__subclasses__()==[B,C]"],
    ),
    (
        "exception_classes",
        "",
        "class E(ValueError):\n  def __init__(s,code,*,more): super().__init__(f'c{code}'); s.code=code; s.more=more\n"
        "try:\n  raise E(3,more=[1])\nexcept E as x:\n  e=x.with_traceback(None); e.__cause__=KeyError('k')",
        ["e.code", "e.more", "e.args", "type(e) is E", "repr(e.__cause__)", "str(e)"],
    ),
    (
        "class_bases_changed",
        "class A:\n  def f(s): return 'A'\nclass A2:\n  def f(s): return 'A2'\nclass B(A): pass\nb=B()",
        "B.__bases__=(A2,)",
        ["b.f()", "B.__mro__[1] is A2"],
    ),
    (
        "class_method_replaced",
        "class A:\n  def f(s): return 1\na=A(); g=a.f",
        "def f(s): return 2\nA.f=f; A.h=lambda s: s; del_=A.__dict__['f'] is f",
        ["a.f()", "g()", "a.h() is a", "A.f is f", "del_"],
    ),
    (
        "class_attribute_deleted",
        "class A:\n  x=1\n  y=2\na=A()",
        "del A.x; A.y=[A]",
        ["hasattr(a,'x')", "A.y[0] is A"],
    ),
    (
        "class_attribute_order",
        "class A:\n  a=1\n  b=2",
        "A.c=3\nclass B:\n  z=1\n  y=2\n  def m(s): pass\n  x=3",
        ["[k for k in vars(A) if len(k)==1]", "[k for k in vars(B) if len(k)==1]"],
    ),
    (
        "class_docs_and_names",
        "class A: pass",
        "A.__doc__='new'; A.__name__='Z'; A.__qualname__='Z'\nclass B:\n  'the doc'\n  x:int=1\n  y:'B'",
        [
            "A.__doc__",
            "A.__name__",
            "A.__qualname__",
            "B.__doc__",
            "B.__annotations__",
            "B.__module__",
        ],
    ),
    (
        "class_getitem_and_contains",
        "",
        "class Meta(type):\n  def __contains__(c,x): return x==1\n  def __iter__(c): return iter([c])\nclass A(metaclass=Meta):\n"
        "  def __class_getitem__(c,k): return (c,k)\n  def __call__(s): return s\na=A()",
        ["1 in A", "list(A)==[A]", "A['q']==(A,'q')", "a() is a"],
    ),
    (
        "type_call_classes",
        "",
        "A=type('A',(),{'x':1,'f':lambda s: s.x}); B=type('B',(A,),{}); b=B(); import types\nC=types.new_class('C',(A,),{},lambda n: n.update(q=2))",
        ["b.f()", "type(b) is B", "A.__module__", "C.q", "C().f()"],
    ),
    (
        "own_reduce",
        "class A:\n  made=0\n  def __init__(s,v): A.made+=1; s.v=v\n  def __reduce__(s): return (A,(s.v,))\na=A([1]); w=[a]",
        "b=A(a.v); a.v.append(2)",
        ["A.made", "b.v is a.v", "w[0].v", "type(b) is A"],
    ),
    (
        "own_getstate",
        "class A:\n  def __init__(s): s.big=[1]; s.cache='live'\n  def __getstate__(s): return {'big':s.big}\n"
        "  def __setstate__(s,d): s.__dict__.update(d); s.cache='rebuilt'\na=A()",
        "b=A(); a.big.append(2)",
        ["a.big", "a.cache", "b.big", "sorted(b.__dict__)"],
    ),
    (
        "copy_hooks",
        "import copy\nclass A:\n  def __init__(s): s.l=[1]\n  def __deepcopy__(s,m): n=A(); n.l=s.l; return n\na=A()",
        "b=copy.deepcopy(a); c=copy.copy(a)",
        ["b.l is a.l", "c.l is a.l", "b is a"],
    ),
    (
        "instance_with_dict_alias",
        "class A: pass\na=A(); d=a.__dict__",
        "a.x=1; d['y']=2",
        ["d is a.__dict__", "a.y", "d"],
    ),
    (
        "borg",
        "class B:\n  state={}\n  def __init__(s): s.__dict__=B.state\na=B(); b=B()",
        "a.x=1; c=B()",
        ["b.x", "c.x", "c.__dict__ is B.state", "setattr(c,'q',2) or a.q"],
    ),
    (
        "new_with_dict_alias",
        "",
        "class A: pass\na=A(); d=vars(a); a.x=1; b=A(); b.__dict__=d",
        ["d is a.__dict__", "b.__dict__ is d", "setattr(b,'y',1) or a.y"],
    ),
]

CASES.append(
    (
        "order_of_attributes_of_made_states",
        "class G:\n    def __init__(self): self.a, self.b, self.c = 1, 2, 3\n"
        "    def __getstate__(self): return dict(self.__dict__)\n"
        "    def __setstate__(self, state): self.__dict__.update(state)\n"
        "g = G(); held = [g]",
        "del g.a\ng.a = 4",
        ["held[0] is g", "list(vars(g).items())"],
    )
)
