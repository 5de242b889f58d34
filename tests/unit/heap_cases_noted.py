"""Cells that give objects of libraries attributes which the libraries know nothing of; k-d trees."""

from __future__ import annotations

_MAKE = {
    "polars_frame": "import polars as pl; v=pl.DataFrame({'a':[1]})",
    "polars_series": "import polars as pl; v=pl.Series([1,2])",
    "index": "import pandas as pd; v=pd.Index([1,2])",
    "times": "import pandas as pd; v=pd.DatetimeIndex(['2020-01-01'])",
    "levels": "import pandas as pd; v=pd.MultiIndex.from_tuples([(1,2)])",
    "categorical": "import pandas as pd; v=pd.Categorical(['a'])",
    "integers": "import pandas as pd; v=pd.array([1,None])",
    "image": "from PIL import Image; v=Image.new('L',(2,2))",
    "random": "import random; v=random.Random(3)",
    "masked": "import numpy as np; v=np.ma.array([1,2],mask=[0,1])",
    "matrix": "import numpy as np; v=np.matrix([[1]])",
    "tree": "from scipy.spatial import KDTree; v=KDTree([[1.,2.]])",
    "rotation": "from scipy.spatial.transform import Rotation; v=Rotation.identity()",
    "sparse": "import scipy.sparse as sp; v=sp.csr_matrix([[1]])",
    "estimator": "from sklearn.linear_model import Ridge; v=Ridge()",
}
_PROBES = ["v.note_ is held", "v.note_", "w is v", "sorted(set(vars(v)) & {'note_','unit_'})"]
_NOTE = "held=['n']; v.note_=held; w=v"

CASES: list[tuple[str, str, str, list[str]]] = [
    *((f"noted_{name}", "import sys", f"{text}; {_NOTE}", _PROBES) for name, text in _MAKE.items()),
    *((f"noted_earlier_{name}", text, _NOTE, _PROBES) for name, text in _MAKE.items()),
    *(
        (f"noted_again_{name}", f"{text}; v.note_=1; v.unit_=2", f"{_NOTE}; del v.unit_", _PROBES)
        for name, text in _MAKE.items()
    ),
    (
        "trees_over_arrays",
        "import numpy as np; from scipy.spatial import cKDTree, KDTree; a=np.arange(30.).reshape(10,3)",
        "t=cKDTree(a); k=KDTree(a,leafsize=3,boxsize=200); b=a*2; m=cKDTree(b); i=k.indices; c=cKDTree(a,copy_data=True)",
        [
            "(t.data is a, k.data is a, m.data is b, k.indices is i, np.shares_memory(c.data,a))",
            "a.__setitem__(0,100) or (t.data[0].tolist(), k.data[0].tolist(), c.data[0].tolist())",
            "t.query([0,0,0])",
            "k.query_ball_point([0,0,0],9)",
            "(k.n, k.leafsize, k.boxsize.tolist(), type(k).__name__)",
        ],
    ),
]
