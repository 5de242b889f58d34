"""Cases of what reaches a cell past its names: open descriptors, remembered lines, the folder."""

from staleness import Case

W = ("abc", "xyz")
OPEN = "import os\nopen('d.txt', 'w').write('abc')\nfd = os.dup2(os.open('d.txt', os.O_RDONLY), 900)\n---\n"
CLOSE = "\n---\nos.close(900)"
WHERE = (
    "import os\nfor n in 'pq': os.makedirs(f'{far}/{n}', exist_ok=True)\nos.chdir('{far}/p')\n---\n"
)
THERE = ("os.chdir('{far}/p')", "os.chdir('{far}/q')")

KEPT = [
    (
        "a memory map of a descriptor",
        "@import mmap\nwith mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as m: print(m[:])\ndel m",
    ),
    (
        "a memory map by a class's descriptor",
        "class Of: number = fd\ndef show():\n    import mmap\n    with mmap.mmap(Of.number, 0, access=mmap.ACCESS_READ) as m: return m[:]\n---\n@print(show())",
    ),
    (
        "what is sent from a descriptor",
        "@o = os.open('o.txt', os.O_RDWR | os.O_CREAT | os.O_TRUNC)\nos.sendfile(o, fd, 0, 3); print(os.pread(o, 3, 0)); os.close(o); del o",
    ),
]
REFUSED = [
    (
        "a raw file over a descriptor",
        "@import io\ng = io.FileIO(fd, closefd=False); g.seek(0); print(g.read(3)); g.close(); del g",
    ),
    (
        "a command that is handed a descriptor",
        "@import subprocess\nprint(subprocess.run(['cat'], stdin=fd, capture_output=True).stdout)",
    ),
    (
        "where a descriptor's file ends",
        "@print(os.lseek(fd, 0, 2), os.lseek(fd, 0, 0), os.lseek(fd, 1, 0))",
    ),
]
FOLDER = [
    ("where a shell line runs", "@!pwd | tail -c 2"),
    ("where a script of a shell runs", "@%%bash\npwd | tail -c 2"),
]

CASES = [
    *(Case(name, OPEN + text + CLOSE, W) for name, text in KEPT),
    *(
        Case(name, OPEN + text + CLOSE, W, refused=True, same="ends" in name)
        for name, text in REFUSED
    ),
    *(Case(name, WHERE + text, THERE) for name, text in FOLDER),
    Case(
        "lines that linecache remembers",
        "open('l.txt', 'w').write('abc')\nimport linecache\nlinecache.checkcache('l.txt'); linecache.getline('l.txt', 1);\n---\n@print(linecache.getline('l.txt', 1))",
        W,
    ),
    Case(
        "a module's own __getattr__",
        "import sys, types\nx = 1\nsys.modules['{m}'] = types.ModuleType('{m}')\nsys.modules['{m}'].__getattr__ = lambda name: 0 if name[:2] == '__' else x\n---\n@import {m}\nprint({m}.anything)",
        ("x = 1", "x = 2"),
    ),
    Case(
        "all variables of the context",
        "import contextvars\nv = contextvars.ContextVar('{m}'); v.set('abc')\n---\n@print([one for v, one in contextvars.copy_context().items() if v.name == '{m}'])",
        W,
        refused=True,
    ),
    Case(
        "what PATH leads to",
        "import os\nfor n in 'pq':\n    os.makedirs(f'{far}/{n}', exist_ok=True); open(f'{far}/{n}/zqcmd', 'w').write(f'#!/bin/sh\\necho {n}'); os.chmod(f'{far}/{n}/zqcmd', 0o755)\nos.environ['PATH'] = '{far}/p:/usr/bin:/bin'\n---\n@!zqcmd",
        ("{far}/p:", "{far}/q:"),
    ),
    Case(
        "a folder deep below one that a command names",
        "import os, shutil\nshutil.rmtree('{far}/w', ignore_errors=True); os.makedirs('{far}/w/1/2'); open('{far}/w/1/2/abc', 'w').close()\n---\n@!cd {far} && find w -type f",
        W,
    ),
    Case(
        "a file that a loader is asked for",
        "import os\nopen('{far}/s.py', 'w').write('V = \"abc\"')\n---\n@from importlib.machinery import SourceFileLoader\nprint(SourceFileLoader('{m}', '{far}/s.py').load_module().V)",
        W,
        needless="such a module cannot be imported again",
    ),
    Case(
        "an object among the modules",
        "import sys\nclass Any:\n    v = 'abc'\nsys.modules['{m}'] = Any()\n---\n@from {m} import v\nprint(v)",
        W,
        refused=True,
    ),
    Case(
        "a module of a class of its own",
        "import sys, types\nclass Any(types.ModuleType): v = property(lambda self: 'abc')\nsys.modules['{m}'] = types.ModuleType('{m}'); sys.modules['{m}'].__class__ = Any\n---\n@import {m}\nprint({m}.v)",
        W,
        refused=True,
    ),
    Case(
        "the level of a logger by its name",
        "import logging\nlogging.getLogger('{m}').setLevel(10)\n---\n@print(logging.getLogger('{m}').level)",
        ("(10)", "(20)"),
    ),
    Case(
        "a commit that git shows",
        "import os\nos.makedirs('.git/refs/heads', exist_ok=True); open('.git/refs/heads/m', 'w').write('abc')\nopen('{far}/git', 'w').write('#!/bin/sh\\ncat .git/refs/heads/m'); os.chmod('{far}/git', 0o755)\nos.environ['PATH'] = '{far}:/usr/bin:/bin'\n---\n@!git log",
        W,
    ),
    Case(
        "files that a lazy frame will find",
        "import os, shutil, polars as pl\nshutil.rmtree('{far}/g', ignore_errors=True); os.makedirs('{far}/g')\nfor n in range(1): open('{far}/g/%d.csv' % n, 'w').write('v\\n1\\n')\nlazy = pl.scan_csv('{far}/g/*.csv')\n---\n@print(lazy.collect().height)",
        ("range(1)", "range(2)"),
    ),
    Case(
        "what a script of a shell looks for",
        "import os\nif os.path.exists('te'): os.remove('te')\n# more\n---\n@%%bash\ntest -e te && echo yes || echo no",
        ("# more", "open('te', 'w').close()"),
    ),
]
