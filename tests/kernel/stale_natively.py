"""Files that no call of Python's own names: through SQL, links, children, entries, descriptors."""

from __future__ import annotations

from staleness import Case

X = ("x = 1", "x = 2")
SUB = "import os; os.makedirs('{far}/sub', exist_ok=True)\nx = 1\nopen('{far}/sub/d.csv', 'w').write(f'a\\n{x}\\n');\n"
CONFIG = (
    "import json\njson.dump({'p': '{far}/sub/d.csv'}, open('c.json', 'w'))\n"
    + SUB
    + "---\n@c = json.load(open('c.json'))\n"
)
TABLE = "import os, sqlite3\nx = 1\nif os.path.exists('{far}/u.db'): os.remove('{far}/u.db')\nk = sqlite3.connect('{far}/u.db'); k.execute('create table t (a)'); k.execute('insert into t values (?)', [x]); k.commit(); k.close(); del k\n"
H5 = "x = 1\nimport h5py, os, numpy as np\nos.makedirs('{far}/ext', exist_ok=True)\nwith h5py.File('{far}/ext/e.h5', 'w') as f: f['a'] = np.array([x])\n"
NAMES = "x = 1\nimport os, shutil\nshutil.rmtree('{far}/s', ignore_errors=True); os.makedirs('{far}/s')\nfor n in 'ab'[:x]: open('{far}/s/' + n, 'w').close()\n---\n"
DUCK = "import duckdb\nprint(duckdb.sql(f\"select a from '{%s}'\").fetchall())"
TEXT = "x = 1\nopen('{far}/v.txt', 'w').write(str(x));\n"

# fmt: off
FOUND = [
    ("SQL over a path in a file", CONFIG + DUCK % "c['p']"),
    ("a parameter of SQL", CONFIG + "import duckdb\nk = duckdb.connect(); print(k.execute('select a from read_csv(?)', [c['p']]).fetchall()); del k"),
    ("a native reader that arrives in the cell", CONFIG + "import pyarrow.csv as pc\nprint(pc.read_csv(c['p'])['a'].to_pylist())"),
    ("SQL over a path in a dict", SUB + "conf = {'paths': {'a': '{far}/sub/d.csv'}}\n---\n@" + DUCK % "conf['paths']['a']"),
    ("SQL over a path in an object", SUB + "class Conf: pass\nconf = Conf(); conf.p = '{far}/sub/d.csv'\n---\n@" + DUCK % "conf.p"),
    ("SQL over a path in a function", SUB + "import duckdb\ndef rd(p='{far}/sub/d.csv'): return duckdb.sql(f\"select a from '{p}'\").fetchall()\n---\n@print(rd())"),
    ("SQL over a path at home", SUB + "os.environ['HOME'] = '{far}'\n---\n@import duckdb\nprint(duckdb.sql(\"select a from '~/sub/d.csv'\").fetchall())"),
    ("SQL over a frame of a function, beside a file", SUB + "import duckdb, pandas as pd\ndef f(v): df = pd.DataFrame({'b': [v]}); return duckdb.sql(\"select a, b from df, '{far}/sub/d.csv'\").fetchall()\n---\n@print(f(5))"),
    ("a database by its address", TABLE + "---\n@k = sqlite3.connect('file:{far}/u.db?mode=ro', uri=True); print(k.execute('select a from t').fetchall()); k.close(); del k"),
    ("a database through its other name", TABLE + "parts = ['{far}', 'u.db']\n---\n@from sqlite3 import dbapi2\nk = dbapi2.connect('/'.join(parts)); print(k.execute('select a from t').fetchall()); k.close(); del k"),
    ("a link to another HDF5 file", H5 + "with h5py.File('m.h5', 'w') as f: f['l'] = h5py.ExternalLink('{far}/ext/e.h5', '/a')\ndel f\n---\n@with h5py.File('m.h5', 'r') as f: print(f['l'][0])\ndel f"),
    ("a script that runs a script", TEXT + "open('a.py', 'w').write('import b'); open('b.py', 'w').write(\"print(open('{far}/v.txt').read())\");\n---\n@import subprocess, sys\nprint(subprocess.check_output([sys.executable, 'a.py']))"),
    ("a path behind a shell variable", TEXT + "import os\nos.environ['ZDIR'] = '{far}'\n---\n@!cat $ZDIR/v.txt"),
    ("a notebook that a command reads", "x = 1\nopen('n.ipynb', 'w').write(str(x));\n---\n@!cat n.ipynb"),
    ("a script that is a loaded module", "x = 1\nimport sys; sys.dont_write_bytecode = True\nopen('{m}.py', 'w').write(f'print({x})')\nimport {m}\n---\n@!python -m {m}"),
    ("a forked process", TEXT + "import multiprocessing as mp\nopen('c.txt', 'w').write('{far}/v.txt')\ndef rd(_): return open(open('c.txt').read()).read()\n---\n@with mp.get_context('fork').Pool(1) as p: print(p.map(rd, [0]))\ndel p"),
    ("the size of an entry", "x = 1\nimport os\nos.makedirs('{far}/s', exist_ok=True); open('{far}/s/a', 'w').write('q' * x); os.utime('{far}/s/a', (1, 1))\ndef size(e): return e.stat().st_size\n---\n@print(sum(map(size, os.scandir('{far}/s'))))"),
    ("samefile", "x = 1\nimport os\nfor n in '12': open('{far}/' + n, 'w').close()\nif os.path.islink('{far}/l'): os.remove('{far}/l')\nos.symlink('{far}/%d' % x, '{far}/l')\n---\n@print(os.path.samefile('{far}/l', '{far}/1'))"),
    ("a listing by descriptor", NAMES + "@print([len(f) for _, _, f, _ in os.fwalk('{far}/s')])"),
    ("a folder called like a cache", "x = 1\nimport os\nos.makedirs('my__pycache__', exist_ok=True); open('my__pycache__/d', 'w').write(str(x));\n---\n@print(open('my__pycache__/d').read())"),
    ("a module that is not in sys.modules", "x = 1\nopen('{far}/{m}x.py', 'w').write(f'V = {x}')\nimport importlib.util as u\ns = u.spec_from_file_location('{m}x', '{far}/{m}x.py'); mod = u.module_from_spec(s); s.loader.exec_module(mod); del s\n---\n@print(mod.V)"),
]

PROGRAM = "import os\nx = 1\nos.makedirs('{far}/b', exist_ok=True); open('{far}/b/zqp', 'w').write(f'#!/bin/sh\\necho {x}\\n'); os.chmod('{far}/b/zqp', 0o755)\n"
ASKED = "import os\nx = 1\nopen('{far}/a.txt', 'w').write('q'); os.utime('{far}/a.txt', (x * 9**6,) * 2)\n---\n@import duckdb\n"
LAZY = "import os, polars as pl\nx = 1\n"
LATER = [
    ("a lazy frame of files in many folders", LAZY + "for i in range(5): os.makedirs(f'{far}/q{i}', exist_ok=True); open(f'{far}/q{i}/a.csv', 'w').write(f'a\\n{x if i == 3 else i}\\n')\nlf = pl.scan_csv([f'{far}/q{i}/a.csv' for i in range(5)])\n---\n@print(lf.collect().sum().item())"),
    ("a lazy frame of a file with brackets in its name", LAZY + "open('{far}/a[1].csv', 'w').write(f'a\\n{x}\\n')\nlf = pl.scan_csv('{far}/a[1].csv', glob=False)\n---\n@print(lf.collect().item())"),
    ("when a file changed, asked by SQL", ASKED + "with duckdb.connect() as k: print(k.sql(\"select last_modified from read_text('{far}/a.txt')\").fetchall())\ndel k"),
    ("when files of a pattern changed, asked by SQL", ASKED + "with duckdb.connect() as k: print(k.execute('select last_modified from read_blob(?)', ['{far}/*.txt']).fetchall())\ndel k"),
    ("a program of the user's own folder", PROGRAM + "os.environ['PATH'] = '{far}/b:' + os.environ['PATH']\n---\n@!zqp"),
    ("a program after another command", PROGRAM + "---\n@!true; {far}/b/zqp"),
    ("a program that may come before another", "import os\nx = 1\nos.makedirs('{far}/b', exist_ok=True)\nif x == 2: open('{far}/b/uname', 'w').write('#!/bin/sh\\necho mine\\n'); os.chmod('{far}/b/uname', 0o755)\nos.environ['PATH'] = '{far}/b:' + os.environ['PATH']\n---\n@!uname"),
]

CASES = [
    Case("a makefile", TEXT + "open('Makefile', 'w').write('all:\\n\\t@cat {far}/v.txt\\n');\n---\n@!make -s || cat {far}/v.txt", X, needless="make goes by time stamps"),
    *(Case(name, text, X) for name, text in (*FOUND, *LATER)),
    Case("a virtual HDF5 file", H5 + "lay = h5py.VirtualLayout((1,), 'i8'); lay[:] = h5py.VirtualSource('{far}/ext/e.h5', 'a', (1,))\nwith h5py.File('m.h5', 'w') as f: f.create_virtual_dataset('v', lay)\ndel f, lay\n---\n@with h5py.File('m.h5', 'r') as f: print(f['v'][0])\ndel f", X, needless="HDF5 writes the time into it"),
    Case("a database that is attached by a parameter", TABLE + "parts = ['{far}', 'u.db']\n---\n@k = sqlite3.connect(':memory:'); k.execute('attach ? as q', ['/'.join(parts)]); print(k.execute('select a from q.t').fetchall()); k.close(); del k", X, refused=True),
    Case("who observes a trait", "x = 1\nimport traitlets\nclass T(traitlets.HasTraits):\n    a = traitlets.Int()\nt = T(); t.observe(lambda c: print('saw', x), 'a')\n---\n@t.a += 1", X, refused=True),
    Case("a word of a shell line", "data = 1\nx = 1\nopen('d.txt', 'w').write(str(x));\n---\n@!cat d.txt; echo data", X, ("data = 1", "data = 2")),
]
