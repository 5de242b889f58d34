"""What once was served stale, found by trying: each of these cells has at most five lines."""

from __future__ import annotations

from staleness import Case

X = ("x = 1", "x = 2")

# fmt: off
FOUND = [
    ("a ufunc of a function", "import numpy as np\nx = 1\nu = np.frompyfunc(lambda a: a + x, 1, 1)\n---\n@print(u(np.arange(2)))"),
    ("numpy's error callback", "import numpy as np\nx = 1\nnp.seterr(divide='call'); np.seterrcall(lambda a, b: print('called', x));\n---\n@np.float64(1) / 0;\n---\nnp.seterr(divide='warn'); np.seterrcall(None);"),
    ("numpy's formatter over a variable", "import numpy as np\nx = 1\nnp.set_printoptions(formatter={'float': lambda v: f'<{x}>'})\n---\n@print(np.array([1.0]))\n---\nnp.set_printoptions(formatter=None)"),
    ("decimal's default context", "import decimal\nx = 1\ndecimal.DefaultContext.prec = x + 5\n---\n@print(decimal.Context().prec)\n---\ndecimal.DefaultContext.prec = 28"),
    ("the socket timeout set in a function", "import socket\nx = 1\ndef go(): socket.setdefaulttimeout(x)\ngo()\n---\n@print(socket.getdefaulttimeout())\n---\nsocket.setdefaulttimeout(None)"),
    ("the digits of an integer's text", "import sys\nx = 1\nsys.set_int_max_str_digits([0, 900][x - 1])\n---\n@try: s = str(7 ** 2000)[:3]\nexcept ValueError: s = '-'\nprint(s)"),
    ("the recursion limit that is hit", "import sys\nx = 1\nsys.setrecursionlimit([600, 900][x - 1])\n---\n@def f(n=0):\n    try: return f(n + 1)\n    except RecursionError: return n\nprint(f() // 300)"),
    ("a disabled garbage collector", "import gc\nx = 1\nif x == 2: gc.disable()\n---\n@print(gc.isenabled())\n---\ngc.enable()"),
    ("the number of environment variables", "import os\nx = 1\nif x == 2: os.environ['ZR'] = '1'\n---\n@print(len(os.environ) - len([k for k in os.environ if k[0] != 'Z']))"),
    ("a new variable among all", "import os\nx = 1\nif x == 2: os.environ['APP_ZR'] = '1'\n---\n@print([k for k in os.environ if k.startswith('APP_')])"),
    ("os.environ under another name", "import os\nx = 1\ne = os.environ\ne['ZA'] = str(x)\n---\n@print(e['ZA'])"),
    ("os.access", "import os\nx = 1\nopen('d', 'w').close(); os.chmod('d', [0o600, 0o755][x - 1])\n---\n@print(os.access('d', os.X_OK))"),
    ("a path in bytes", "import ctypes\nx = 1\nopen('{far}/d.txt', 'w').write(f'v{x}');\n---\n@c = ctypes.CDLL(None); b = ctypes.create_string_buffer(9)\nf = c.open(b'{far}/d.txt', 0); c.read(f, b, 8); c.close(f)\nprint(b.value); del c, b"),
    ("a script that reads elsewhere", "x = 1\nopen('{far}/d.txt', 'w').write(f'v{x}')\nopen('s.sh', 'w').write('cd {far}; cat d.txt')\n---\n@!sh s.sh"),
    ("a program that reads elsewhere", "x = 1\nopen('{far}/d.txt', 'w').write(f'v{x}')\nopen('s.py', 'w').write(\"print(open('{far}' + '/d.txt').read())\")\n---\n@import subprocess, sys\nprint(subprocess.run([sys.executable, 's.py'], capture_output=True).stdout)"),
    ("a module in an archive", "import zipfile, sys, os\nx = 1\nwith zipfile.ZipFile('{m}.zip', 'w') as z: z.writestr(zipfile.ZipInfo('{m}z.py', (1980, 1, 1, 0, 0, 0)), f'def f(): return {x}')\nsys.path.insert(0, os.path.abspath('{m}.zip'))\nimport {m}z\n---\n@print({m}z.f())"),
    ("a module made by hand", "import sys, types\nx = 1\nk = types.ModuleType('{m}r'); exec(f'def f(): return {x}', k.__dict__)\nsys.modules['{m}r'] = k; del k\n---\n@import {m}r\nprint({m}r.f())"),
    ("a method that a decorator adds to a library's class", "import pandas as pd\nx = 1\ndef add(f): setattr(pd.Series, f.__name__, f); return f\n@add\ndef zq(s): return x\n---\n@print(pd.Series([1]).zq())\n---\ndel pd.Series.zq"),
    ("a method added to the class that a decorator is given", "import pandas as pd\nx = 1\ndef add_to(cls):\n    def deco(f): setattr(cls, f.__name__, f); return f\n    return deco\n@add_to(pd.Series)\ndef zq(s): return x\n---\n@print(pd.Series([1]).zq())\n---\ndel pd.Series.zq"),
    ("an attribute of a value's class", "import pandas as pd\nx = 1\ndf = pd.DataFrame({'a': [1]})\ntype(df).zq = x\n---\n@print(df.zq)\n---\ndel pd.DataFrame.zq"),
    ("setattr over classes", "import pandas as pd\nx = 1\nfor k, v in [(pd.DataFrame, x), (pd.Series, 0)]: setattr(k, 'zq', v)\n---\n@print(pd.DataFrame().zq)\n---\ndel pd.Series.zq, pd.DataFrame.zq"),
    ("a class under a function's own name for it", "import pathlib\nx = 1\ndef go():\n    p = pathlib.PurePath\n    p.zq = x\ngo()\n---\n@print(pathlib.PurePath('a').zq)\n---\ndel pathlib.PurePath.zq"),
    ("a mock of a module's attribute", "import unittest.mock as um, textwrap\nx = 1\np = um.patch.object(textwrap, 'shorten', lambda *a: x); p.start()\n---\n@print(textwrap.shorten('a', 9))\n---\np.stop()"),
    ("a pickle of a module's class", "import sys, os, pathlib, importlib\nsys.path.insert(0, os.getcwd())\nx = 1\npathlib.Path('{m}.py').write_text(f'class B:\\n    def v(s): return {x}'); os.utime('{m}.py', (x, x)); importlib.invalidate_caches()\nimport {m}, pickle\nblob = pickle.dumps({m}.B())\n---\n@import pickle\nprint(pickle.loads(blob).v())"),
    ("a printer that is a method", "class P: pass\nclass Show:\n    def show(self, o, p, c): p.text(f'P{x}')\nx = 1\nhtml = get_ipython().display_formatter.formatters['text/plain']\nhtml.for_type(P, Show().show)\np = P();\n---\n@p\n---\nhtml.pop(P);"),
    ("a printer by its type's name", "from decimal import Context\nx = 1\nhtml = get_ipython().display_formatter.formatters['text/plain']\nhtml.for_type_by_name('decimal', 'Context', lambda o, p, c: p.text(f'C{x}'))\nc = Context();\n---\n@c\n---\nhtml.pop(Context);"),
    ("a held formatter's option", "x = 1\nfm = get_ipython().display_formatter.formatters['text/plain']\nfm.max_width = 50 + x\n---\n@print(fm.max_width)\n---\nfm.max_width = 79"),
    ("the warning filters themselves", "import warnings\nx = 1\nwarnings.filterwarnings('ignore', message=f'zq{x}')\n---\n@print([f[1].pattern for f in warnings.filters if f[1] and f[1].pattern[:2] == 'zq'][:1])\n---\nwarnings.filters[:] = [f for f in warnings.filters if not (f[1] and f[1].pattern[:2] == 'zq')]"),
    ("parameters past their class", "import matplotlib; matplotlib.use('agg')\nx = 1\nmatplotlib.rcParams['lines.linewidth'] = 1 + x\n---\n@print([v for k, v in dict.items(matplotlib.rcParams) if k == 'lines.linewidth'])\n---\nmatplotlib.rcdefaults()"),
    ("the time zone in a function", "import os, time\nx = 1\nos.environ['TZ'] = ['UTC', 'Asia/Tokyo'][x - 1]; time.tzset()\ndef h(): return time.strftime('%H', time.localtime(0))\n---\n@print(h())"),
    ("the file mode mask", "import os\nx = 1\nold = os.umask([0o022, 0o077][x - 1])\n---\n@open('um', 'w').close(); print(oct(os.stat('um').st_mode)); os.remove('um')\n---\nos.umask(old)"),
    ("a function that took a library's name", "import functools, textwrap\nx = 1\nold = textwrap.shorten\n@functools.wraps(old)\ndef mine(*t): return x\ntextwrap.shorten = mine\n---\n@print(textwrap.shorten('a', 9))\n---\ntextwrap.shorten = old"),
]

FILES = "import os\nx = 1\nos.makedirs('{far}/s', exist_ok=True)\nopen('{far}/s/a.csv', 'w').write(f'a\\n{x}\\n')\n"
REFUSED = [
    ("arrow's file system over a built path", FILES + "---\n@import pyarrow.fs as pfs, pyarrow.csv as pc\nfs = pfs.LocalFileSystem()\nprint(pc.read_csv(fs.open_input_stream('/'.join(['{far}', 's', 'a.csv'])))['a'].to_pylist()); del fs"),
    ("arrow's file system over a folder", FILES + "import pyarrow.fs as pfs\nsub = pfs.SubTreeFileSystem('{far}', pfs.LocalFileSystem())\n---\n@with sub.open_input_file('s/a.csv') as f: print(f.read())\ndel f"),
    ("arrow's file system from an address", FILES + "---\n@import pyarrow.fs as pfs\nfs, p = pfs.FileSystem.from_uri('file://' + '{far}')\nprint(fs.open_input_stream(p + '/s/a.csv').read()); del fs"),
    ("what arrow's file system tells of a file", FILES + "import pyarrow.fs as pfs\nopen('{far}/s/b', 'w').write('q' * x)\n---\n@print(pfs.LocalFileSystem().get_file_info('{far}/s/b').size)"),
    ("a variable of duckdb's own connection", "import duckdb\nx = 1\nduckdb.sql(f'set variable zq = {x}')\n---\n@print(duckdb.sql(\"select getvariable('zq')\").fetchall())\n---\nduckdb.sql('reset variable zq')"),
]

REFUSED += [
    ("a magic of the notebook's own", "from IPython.core.magic import register_line_magic\nx = 1\ntable = get_ipython().magics_manager.magics['line']; old = table['pwd']\n@register_line_magic\ndef pwd(line): return x\n---\n@q = %pwd\nprint(q)\n---\ntable['pwd'] = old"),
    ("an alias of a magic's name", "x = 1\nget_ipython().run_line_magic('alias', f'ls echo {x}')\n---\n@%ls\n---\n%alias ls ls -F --color"),
    ("a formatter of the notebook's own", "import logging, sys\nx = 1\nclass F(logging.Formatter):\n    def format(self, record): return str(x)\nlg = logging.getLogger('zqi'); lg.propagate = False\nlg.addHandler(logging.StreamHandler(sys.stdout)); lg.handlers[0].setFormatter(F())\n---\n@lg.error('said')\n---\nlg.handlers.clear()"),
]

LEVEL = "import logging\nx = 1\nlg = logging.getLogger('zq'); lg.setLevel(x * 10)\n---\n@print(%s)\n---\nlg.setLevel(0)"
LATER = [
    ("how a class is copied", "import copyreg\nx = 1\nclass P: pass\ncopyreg.pickle(P, lambda p: (int, (x,)))\np = P()\n---\n@import copy\nprint(copy.copy(p))"),
    ("numpy's size of buffers", "import numpy as np\nx = 1\nnp.setbufsize(x * 8192)\n---\n@print(np.getbufsize())\n---\nnp.setbufsize(8192);"),
    ("a logger's effective level", LEVEL % "logging.getLogger('zq.b').getEffectiveLevel()"),
    ("a held logger's own level", LEVEL % "lg.level"),
    ("a logger's text", LEVEL.replace("x * 10", "x * 10 + 10") % "f'{lg}'"),
    ("whether a logger has handlers", "import logging\nx = 1\nlg = logging.getLogger('zq2'); lg.propagate = False\nif x == 2: lg.addHandler(logging.NullHandler())\n---\n@print(lg.hasHandlers())\n---\nlg.handlers.clear()"),
    ("a thread's name", "import threading\nx = 1\nthreading.main_thread().name = f'T{x}'\n---\n@print(threading.current_thread().name)\n---\nthreading.main_thread().name = 'MainThread'"),
    ("what polars was told is sorted", "import polars as pl\nx = 1\ns = pl.Series([3, 1, 2])\nif x == 2: s = s.set_sorted()\n---\n@print(s.max())"),
    ("what polars was told is sorted, some missing", "import polars as pl\nx = 1\ns = pl.Series([1, None, 0])\nif x == 2: s = s.set_sorted()\n---\n@print(s.max())"),
    ("arguments that a function reads", "import sys\nx = 1\nsys.argv = ['a', str(x)]\ndef h(): return sys.argv[1]\n---\n@print(h())"),
    ("filters that a function counts", "import warnings\nx = 1\nif x == 2: warnings.filterwarnings('ignore', message='zq')\ndef h(): return [f[1].pattern for f in warnings.filters if f[1] and f[1].pattern == 'zq']\n---\n@print(h())\n---\nwarnings.filters[:] = [f for f in warnings.filters if not (f[1] and f[1].pattern == 'zq')]"),
    ("a thread's name in a function", "import threading\nx = 1\nthreading.main_thread().name = f'T{x}'\ndef h(): return threading.current_thread().name\n---\n@print(h())\n---\nthreading.main_thread().name = 'MainThread'"),
    ("how often threads take turns", "import sys\nx = 1\nsys.setswitchinterval(x / 100)\ndef h(): return round(sys.getswitchinterval(), 3)\n---\n@print(h())\n---\nsys.setswitchinterval(0.005)"),
    ("the import path in a function", "import sys\nx = 1\nsys.path.append(f'/zq{x}')\ndef h(): return sys.path[-1]\n---\n@print(h())"),
    ("a logger's filter", "import logging, sys\nx = 1\nlg = logging.getLogger('zqf'); lg.propagate = False\nlg.addHandler(logging.StreamHandler(sys.stdout))\nif x == 2: lg.addFilter(lambda record: False)\n---\n@lg.error('said')\n---\nlg.filters.clear(); lg.handlers.clear()"),
    ("a handler's filter", "import logging, sys\nx = 1\nlg = logging.getLogger('zqg'); lg.propagate = False\nlg.addHandler(logging.StreamHandler(sys.stdout))\nif x == 2: lg.handlers[0].addFilter(lambda record: False)\n---\n@lg.error('said')\n---\nlg.handlers.clear()"),
    ("what makes log records", "import logging, sys\nx = 1\nold = logging.getLogRecordFactory()\ndef made(*a, **k):\n    found = old(*a, **k); found.msg = f'own {x}'; return found\nlogging.setLogRecordFactory(made)\nlg = logging.getLogger('zqh'); lg.propagate = False\nlg.addHandler(logging.StreamHandler(sys.stdout))\n---\n@lg.error('said')\n---\nlogging.setLogRecordFactory(old); lg.handlers.clear()"),
    ("polars' settings by their class", "import polars as pl\nx = 1\npl.Config(tbl_rows=x + 3);\n---\n@print(pl.DataFrame({'a': list(range(40))}))\n---\npl.Config.restore_defaults();"),
    ("a name of a level", "import logging\nx = 1\nlogging.addLevelName(15, f'L{x}')\n---\n@print(logging.getLevelName(15))"),
]

STREAMS = [
    ("where numpy's stream stands", "import numpy as np\nx = 1\nnp.random.seed(x)\n---\n@print(np.random.get_state()[1][:2])"),
    ("where Python's stream stands", "import random\nx = 1\nrandom.seed(x)\n---\n@s = random.getstate()\nprint(s[1][:2])"),
    ("a copied distribution that draws", "import copy, numpy as np, scipy.stats as st\nx = 1\nv = st.norm(1, 2); np.random.seed(x)\n---\n@print(copy.deepcopy(v).rvs())"),
    ("a function that pickles a distribution", "import pickle, numpy as np, scipy.stats as st\nx = 1\nv = st.norm(1, 2); np.random.seed(x)\ndef f(): return pickle.loads(pickle.dumps(v)).rvs()\n---\n@print(f())"),
    ("where a distribution draws from", "import numpy as np, scipy.stats as st\nx = 1\nv = st.norm(1, 2); v.random_state = x\n---\n@print(v.rvs())"),
    ("the code of a library's function", "import textwrap\nx = 1\nold = textwrap.indent.__code__\ntextwrap.indent.__code__ = (lambda text, prefix, predicate=None, k=0: text * len(prefix)).__code__ if x == 2 else old\n---\n@print(textwrap.indent('a', 'bcd'))\n---\ntextwrap.indent.__code__ = old"),
    ("an attribute of a polars frame", "import polars as pl\nx = 1\ndf = pl.DataFrame({'a': [1]}); df.note_ = x\n---\n@print(df.note_)"),
    ("an attribute of an index", "import pandas as pd\nx = 1\ni = pd.Index([1, 2]); i.note_ = [x]\n---\n@print(i.note_)"),
]

CASES = [
    *(Case(name, text, X) for name, text in STREAMS),
    *(Case(name, text, X) for name, text in LATER),
    *(Case(name, text, X, refused=True) for name, text in REFUSED),
    Case("a file of the same size in git's work tree", "import os\nx = 1\nif not os.path.exists('.git'): os.system('git init -q . && git config user.email a@b && git config user.name n && echo 1 > a && git add a && git commit -qm one; sleep 1.1; git status -s > /dev/null');\nif x == 2: open('a', 'w').write('3' + chr(10));\n---\n@!git --no-optional-locks status --short", X),
    Case("git's work tree below", "import os\nx = 1\nif not os.path.exists('w'): os.system('mkdir w && cd w && git init -q . && git config user.email a@b && git config user.name n && echo 1 > a && git add a && git commit -qm one; sleep 1.1; git status -s > /dev/null');\nopen('s.sh', 'w').write('cd w; git --no-optional-locks status --short');\nif x == 2: open('w/a', 'w').write('3' + chr(10));\n---\n@!git --no-optional-locks -C w status --short", X),
    Case("git's work tree that a script enters", "import os\nx = 1\nif not os.path.exists('w'): os.system('mkdir w && cd w && git init -q . && git config user.email a@b && git config user.name n && echo 1 > a && git add a && git commit -qm one; sleep 1.1; git status -s > /dev/null');\nopen('s.sh', 'w').write('cd w; git --no-optional-locks status --short');\nif x == 2: open('w/a', 'w').write('3' + chr(10));\n---\n@!sh s.sh", X),
    Case("a new file in git's work tree", "import os\nx = 1\nif not os.path.exists('.git'): os.system('git init -q . && mkdir d && touch d/a && git add d; sleep 1.1; git status -s > /dev/null');\nif x == 2: open('d/b', 'w').close()\n---\n@!git --no-optional-locks status --short", X),
    Case("the number of a cell", "n = get_ipython().execution_count\nx = 1\n---\n@print(get_ipython().execution_count - n)", ("x = 1", "x = 1\n---\nx = 2"), needless="it is another one each time"),
    Case("the history in a function", "x = 1\ndef h(): return get_ipython().history_manager.input_hist_raw[-3]\n---\n1;\n---\n@print(h())", X, needless="every earlier text counts"),
    Case("a function over variables of its own", "x = 1\nns = {'x': x, 'y': 0, 'o': object()}\nexec('def f(): return x', ns)\nf = ns['f']; del ns\n---\n@print(f())", X),
    *(Case(name, text, X) for name, text in FOUND),
    Case("os.environ's own table", "import os\nx = 1\nos.environ['ZQA'] = str(x)\n---\n@print(os.environ._data[b'ZQA'])", X, needless="every variable of the environment counts"),
    Case("a function's module", "x = 1\nf = lambda: 0\n---\n@import inspect\nprint(inspect.getmodule(f).x)", X, needless="every variable counts"),
    Case("the shell's history", "x = 1\n---\n@print(get_ipython().history_manager.input_hist_raw[-2])", X, needless="every earlier text counts"),
    Case("a time stamp that a command tells", "open('f.txt', 'w').write('1')\nimport os; os.utime('f.txt', (5, 5))\n---\n@!stat -c %Y f.txt", ("(5, 5)", "(6, 6)")),
    Case("a time stamp that a listing tells", "open('f.txt', 'w').write('1')\nimport os; os.utime('f.txt', (5, 5))\n---\n@!ls -l --time-style=full-iso f.txt", ("(5, 5)", "(90000, 90000)")),
    Case("what a command makes of time stamps", "open('f.txt', 'w').write('1')\nimport os; os.utime('f.txt', (5, 5))\n---\nopen('g.txt', 'w').write('1'); os.utime('g.txt', (9, 9))\n---\n@!find . -newer f.txt -name '*.txt'", ("(5, 5)", "(12, 12)")),
    Case("a time stamp beside the content", "open('f.txt', 'w').write('1')\nimport os; os.utime('f.txt', (5, 5))\n---\n@print(os.path.getmtime('f.txt'), open('f.txt').read())", ("(5, 5)", "(6, 6)")),
    Case("a time stamp that a script asks for", "open('s.sh', 'w').write('stat -c %Y f.txt')\n---\nopen('f.txt', 'w').write('1')\nimport os; os.utime('f.txt', (5, 5))\n---\n@!sh s.sh", ("(5, 5)", "(6, 6)")),
    Case("a file that a command reads, touched", "open('f.txt', 'w').write('1')\nimport os; os.utime('f.txt', (5, 5))\n---\n@!cat f.txt", ("'1'", "'12'"), ("(5, 5)", "(6, 6)")),
    Case("what waits in a pipe", "import os\nr, w = os.pipe()\nos.write(w, b'abc')\n---\n@print(os.read(r, 3))", ("abc", "abd"), refused=True),
    Case("a file opened by number", "open('f.txt', 'w').write('1')\nimport os; os.utime('f.txt', (5, 5))\n---\nfd = os.open('f.txt', os.O_RDONLY)\n---\n@print(os.read(fd, 3))", ("'1'", "'2'"), refused=True),
    Case("fields of a format", "q = 7\nk = 1\n---\n@print('{q} {k}'.format(q=3, k=k))", ("k = 1", "k = 2"), ("q = 7", "q = 8")),
    Case("a query made by a format", "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nlow = 1\n---\n@print(len(df.query('a > @{q}'.format(q='low'))))", ("low = 1", "low = 2")),
    Case("names that match a pattern", "import os\nopen('a.csv', 'w').close()\n# more\n---\n@import glob\nprint(sorted(glob.glob('*.csv')))", ("# more", "open('n.csv', 'w').close()"), ("# more", "open('n.txt', 'w').close()")),
]
