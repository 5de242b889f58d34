"""Cells over numbers, text and what rebinding does to them."""

from __future__ import annotations

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "huge_and_odd_scalars",
        "import struct",
        "a=10**5000; b=-a; n=struct.unpack('<d',bytes.fromhex('01000000000ff87f'))[0]; s='x\\ud800y'; z=-0.0; c=complex(-0.0,float('nan')); e=...; ni=NotImplemented",
        [
            "a==10**5000",
            "b<0",
            "struct.pack('<d',n).hex()",
            "len(s)",
            "ascii(s)",
            "z",
            "c",
            "e is ...",
            "ni is NotImplemented",
        ],
    ),
    (
        "nan_identity",
        "n=float('nan')",
        "l=[n,n]; d={n:1}; m=n; fresh=float('nan'); k=[fresh]",
        ["m is n", "l[0] is n", "l.count(n)", "d[n]", "n in l", "fresh in k"],
    ),
    (
        "nan_in_containers",
        "n=float('nan'); l=[n]; d={n:'x'}",
        "got=l[0]; hit=n in l; s={n}",
        ["got is n", "hit", "got in d", "n in s"],
    ),
    (
        "unchanged_then_rebound",
        "a=[1]; b=a",
        "a=a+[2]",
        ["a", "b", "a is b"],
    ),
    (
        "augmented_assignment",
        "a=[1]; b=a; s={1}; t=s; u=(1,); v=u",
        "a+=[2]; s|={2}; u+=(2,)",
        ["b", "t", "v", "a is b", "s is t", "u"],
    ),
    (
        "swapped_names",
        "a=[1]; b=[2]; c=[a,b]",
        "a,b=b,a",
        ["c[0] is b", "c[1] is a"],
    ),
    (
        "deleted_items",
        "d={'a':[1],'b':[2]}; k=d['b']; l=[1,2,3]",
        "del d['b']; del l[0]",
        ["d", "k", "l"],
    ),
    (
        "moved_between_containers",
        "a=[[1],[2]]; b=[]",
        "b.append(a.pop()); b[0].append(a)",
        ["b[0][1] is a", "a", "len(b[0])"],
    ),
    (
        "slices_and_ranges",
        "",
        "s=slice([1],2,None); r=range(10**30,10**31,7); e=Ellipsis; t=(s,)",
        ["s", "len(str(r[-1]))", "t[0] is s", "s.start.append(2) or t[0]"],
    ),
    (
        "deep_list_of_300",
        "",
        "l=[]\nfor _ in range(300): l=[l]",
        ["len(l)", "l[0][0][0][0] is not l"],
    ),
    (
        "iterators",
        "l=[1,2,3]",
        "i=iter(l); next(i); r=reversed(l); next(r); e=enumerate(l); next(e)",
        ["list(i)", "list(r)", "list(e)"],
    ),
    (
        "iterator_advanced",
        "l=[1,2,3,4]; i=iter(l); w=[i]",
        "next(i); next(i)",
        ["w[0] is i", "next(i)"],
    ),
    (
        "earlier_memory_in_memoryview",
        "b=bytearray(b'abcd'); w=[b]",
        "mv=memoryview(b)[1:3].tobytes(); b[0]=65",
        ["mv", "w[0]"],
    ),
]
