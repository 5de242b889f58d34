"""Cells that define and use enumerations of every sort."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "enum_auto_and_alias",
        "import enum",
        "class E(enum.Enum):\n  A=enum.auto()\n  B=enum.auto()\n  C=A\ne=E.C",
        ["e is E.A", "list(E)", "list(E.__members__)", "E(2) is E.B", "E['C'] is E.A"],
    ),
    (
        "str_enum",
        "import enum",
        "class E(str,enum.Enum):\n  A='a'\n  B='b'\n  def up(s): return s.upper()\ne=E('b'); d={E.A:1}",
        ["e is E.B", "E.A=='a'", "d[E.A]", "e.up()", "repr(e)", "d['a']", "E.A+'x'"],
    ),
    (
        "int_enum_and_flag",
        "import enum",
        "class I(enum.IntEnum):\n  X=1\n  Y=2\nclass F(enum.Flag):\n  R=enum.auto()\n  W=enum.auto()\n  RW=R|W\ni=I.Y; f=F.R|F.W; g=~F.R; n=F(0)",
        [
            "i+1",
            "I(1) is I.X",
            "f is F.RW",
            "g is F.W",
            "F.R in f",
            "bool(n)",
            "n is F(0)",
            "sorted(I)",
        ],
    ),
    (
        "enum_own_init",
        "import enum",
        "class P(enum.Enum):\n  A=(1,2.5)\n  B=(2,[3])\n  def __init__(s,m,r): s.m=m; s.r=r\n  @property\n  def t(s): return s.m\np=P.B",
        ["p is P.B", "p.r", "P.A.t", "P((1,2.5)) is P.A", "p.r is p.value[1]"],
    ),
    (
        "enum_own_new",
        "import enum",
        "class C(bytes,enum.Enum):\n  def __new__(c,v,label):\n    o=bytes.__new__(c,[v]); o._value_=v; o.label=label; return o\n  X=(0,'x')\n  Y=(1,'y')\nc=C(1)",
        ["c is C.Y", "c.label", "C.X==b'\\0'", "C.Y.value"],
    ),
    (
        "enum_generate_next_value",
        "import enum",
        "class O(enum.Enum):\n  @staticmethod\n  def _generate_next_value_(name,start,count,last): return name.lower()\n  A=enum.auto()\n  B=enum.auto()\no=O.B",
        ["o.value", "O('a') is O.A"],
    ),
    (
        "enum_missing",
        "import enum",
        "class M(enum.Enum):\n  A=1\n  D=0\n  @classmethod\n  def _missing_(c,v): return c.D\nm=M(77)",
        ["m is M.D", "M(5) is M.D"],
    ),
    (
        "enum_members_with_state",
        "import enum\nclass E(enum.Enum):\n  A=1\n  B=2\nk=[E.A]",
        "E.A.note=[1]; x=E.A",
        ["k[0].note", "x is k[0]", "E.A.note is x.note"],
    ),
    (
        "enum_mutable_values",
        "import enum\nclass E(enum.Enum):\n  A=[1]\nv=E.A.value",
        "E.A.value.append(2); w=E.A.value",
        ["v is w", "E.A.value", "w"],
    ),
    (
        "enum_new_mutable_values",
        "import enum",
        "l=[1]\nclass E(enum.Enum):\n  A=l\n  B={'k':l}",
        ["E.A.value is l", "E.B.value['k'] is l", "E.A.value.append(1) or l"],
    ),
    (
        "enum_functional",
        "import enum",
        "A=enum.Enum('A','x y z'); B=enum.IntFlag('B',['p','q']); a=A.y; b=B.p|B.q",
        ["a is A.y", "list(A)", "int(b)", "A.__module__", "A(1) is A.x"],
    ),
    (
        "enum_nested_and_decorated",
        "import enum",
        "class K:\n  @enum.unique\n  class E(enum.Enum):\n    A=1\n    B=2\n    def __str__(s): return 'E:'+s.name\n  pick=E.A\nk=K.pick",
        ["k is K.E.A", "str(k)", "K.E.__qualname__", "repr(k)"],
    ),
    (
        "enum_as_dataclass_mixin",
        "import enum\nfrom dataclasses import dataclass",
        "@dataclass(frozen=True)\nclass P:\n  m:float\n  r:float=1.0\nclass E(P,enum.Enum):\n  A=1.0,2.0\n  B=3.0\ne=E.B",
        ["e is E.B", "e.m", "e.r", "E.A.value", "isinstance(e,P)"],
    ),
    (
        "enum_base_with_behaviour",
        "import enum\nclass Base(enum.Enum):\n  def hi(s): return s.name+'!'\n  @classmethod\n  def first(c): return next(iter(c))",
        "class E(Base):\n  A=1\n  B=2\n  _ignore_=['tmp']\n  tmp=3\ne=E.first()",
        ["e is E.A", "E.B.hi()", "hasattr(E,'tmp')", "E.__base__ is Base"],
    ),
    (
        "flag_boundary",
        "import enum\n",
        "class F(enum.IntFlag):\n  A=1\n  B=4\nf=F(7); g=F.A|8; h=f&F.B",
        ["int(f)", "int(g)", "h is F.B", "type(g) is F", "F(7)==f"],
    ),
    (
        "enum_earlier_members_everywhere",
        "import enum\nclass E(enum.Flag):\n  A=1\n  B=2\nx=E.A|E.B; d={E.A:'a',x:'x'}",
        "y=E.A|E.B; d[E.B]=y; z=[E(3),E.A]",
        ["y is x", "d[E.B] is x", "z[0] is x", "z[1] is E.A", "len(d)"],
    ),
]
