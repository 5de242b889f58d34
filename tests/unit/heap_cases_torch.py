"""Cells over PyTorch: tensors and their memory, gradients, modules, optimizers, generators."""

from __future__ import annotations

IMPORT = "import torch\n"

CASES: list[tuple[str, str, str, list[str]]] = [
    (
        "torch_plain",
        IMPORT,
        (
            "x=torch.arange(6.).reshape(2,3); y=x.T; z=x[1:]; w=torch.ones(2,"
            "dtype=torch.bfloat16); e=torch.empty(0,3); s=torch.tensor(5); "
            "b=torch.tensor([True]); c=torch.tensor([1+2j]).conj(); u=x.view(torch.int32)"
        ),
        [
            "x,y,z,w,e,s,b,c,u",
            "x.zero_() is x",
            "y,z,u",
            "y._base is x",
            "c.is_conj()",
            "x.stride(),y.stride(),z.storage_offset()",
            "s.dtype",
        ],
    ),
    (
        "torch_views_earlier",
        IMPORT + "x=torch.arange(6.)\nl=[x]",
        "y=x[::2]; z=x.view(2,3); d=x.detach()",
        ["y.fill_(9) is y", "x,z,d", "y._base is x"],
    ),
    (
        "torch_patch",
        IMPORT + "x=torch.arange(6.); v=x[2:]; l={'k':x}\nt=x.T if 0 else x.view(2,3).t()",
        "x.mul_(2); v[0]=100",
        ["l['k'],v,t", "l['k'] is x"],
    ),
    (
        "torch_inference",
        IMPORT
        + "import numpy as np\nx=torch.arange(4.); n=np.arange(3.); torch.manual_seed(0); net=torch.nn.Linear(4,2)",
        (
            "with torch.inference_mode():\n"
            " a=torch.arange(6.); b=a[2:]; c=a.reshape(2,3); y=net(x); v=x[1:]; s=x+1\n"
            " t=torch.from_numpy(n); p=torch.nn.Parameter(s*2); z=torch.ones(2,dtype=torch.cfloat).conj()"
        ),
        [
            "[one.is_inference() for one in (a,b,c,y,v,s,t,p,z)]",
            "torch.is_inference_mode_enabled(),y.requires_grad,p.requires_grad,p.is_leaf",
            "torch.inference_mode()(b.zero_)() is b",
            "a,c,t,v,z.is_conj()",
            "v.add_(1) is v, n.fill(7), x, t",
        ],
    ),
    (
        "torch_patch_inference",
        IMPORT + "with torch.inference_mode(): x=torch.arange(6.); v=x[:2]\nl=[x]",
        "with torch.inference_mode(): x.mul_(2); v[0]=100; x.tag='t'",
        ["l[0],v,x.tag", "l[0] is x", "x.is_inference(),v.is_inference()"],
    ),
    (
        "torch_patch_meta",
        IMPORT + "x=torch.zeros(6); l=[x]; v=x[:2]",
        "x.resize_(2,5); x.zero_()",
        ["l[0]", "v", "v.add_(1) is v", "x"],
    ),
    (
        "torch_patch_data",
        IMPORT + "x=torch.arange(6.); l=[x]; v=x[:2]",
        "x.data=torch.ones(3,dtype=torch.float64); y=x[1:]",
        ["l[0]", "v", "y.fill_(4) is y", "x", "v", "x.dtype"],
    ),
    (
        "torch_grad",
        IMPORT + "x=torch.ones(3,requires_grad=True); l=[x]",
        "loss=(x*x).sum(); loss.backward()",
        [
            "x.grad",
            "l[0].grad",
            "loss",
            "loss.requires_grad,loss.is_leaf",
            "loss.grad_fn.name()",
            "x.grad is x.grad",
        ],
    ),
    (
        "torch_mean_spent",
        IMPORT + "x=torch.ones(3,requires_grad=True); l=[x]",
        "loss=(x*x).mean(); loss.backward()",
        ["repr(loss)", "type(loss.grad_fn).__name__", "isinstance(loss.item(),float)"],
    ),
    (
        "torch_unspent_input",
        IMPORT + "x=torch.ones(3,requires_grad=True); y=x*2",
        "z=y.detach()+1; s=y.sum().item()",
        ["z", "s"],
    ),
    (
        "torch_params",
        IMPORT,
        (
            "p=torch.nn.Parameter(torch.ones(2)); q=torch.nn.Parameter(torch.ones(2),"
            "requires_grad=False); p.tag=[1]"
        ),
        ["p", "type(p)", "p.requires_grad,q.requires_grad", "p.tag"],
    ),
    (
        "torch_module",
        IMPORT,
        (
            "torch.manual_seed(0)\nm=torch.nn.Sequential(torch.nn.Linear(2,3),"
            "torch.nn.BatchNorm1d(3),torch.nn.Dropout(.5)); m.eval()\nsd=m.state_dict()"
        ),
        [
            "m(torch.ones(1,2))",
            "sd",
            "m[0].weight.data_ptr()==sd['0.weight'].data_ptr()",
            "sd._metadata",
            "m.training",
        ],
    ),
    (
        "torch_ownmodule",
        IMPORT
        + (
            "class Net(torch.nn.Module):\n  def __init__(s):\n    super().__init__(); "
            "s.l=torch.nn.Linear(2,1); s.k=s.l\n  def forward(s,x): return s.l(x)*2"
        ),
        "torch.manual_seed(0); n=Net()",
        [
            "n(torch.ones(1,2)).item()",
            "n.k is n.l",
            "list(dict(n.named_parameters()))",
            "type(n) is Net",
            "n",
        ],
    ),
    (
        "torch_train",
        IMPORT
        + (
            "torch.manual_seed(0)\nm=torch.nn.Sequential(torch.nn.Linear(2,3),"
            "torch.nn.BatchNorm1d(3),torch.nn.Linear(3,1)); "
            "opt=torch.optim.Adam(m.parameters(),lr=.1); "
            "sch=torch.optim.lr_scheduler.StepLR(opt,1); X=torch.randn(8,2); y=X.sum(1,"
            "keepdim=True); w=m[0].weight"
        ),
        (
            "losses=[]\nfor i in range(3):\n  opt.zero_grad(); "
            "loss=torch.nn.functional.mse_loss(m(X),y); loss.backward(); opt.step(); "
            "sch.step(); losses.append(loss.item())"
        ),
        [
            "losses",
            "w",
            "w is m[0].weight",
            "opt.state[w]['exp_avg']",
            "opt.param_groups[0]['lr']",
            "m(X)",
            "opt.step() or w",
            "sch.step() or opt.param_groups[0]['lr']",
            "loss",
            "w.grad",
            "m[1].running_mean",
        ],
    ),
    (
        "torch_trainnew",
        IMPORT,
        (
            "torch.manual_seed(0)\nm=torch.nn.Linear(2,1); "
            "opt=torch.optim.SGD(m.parameters(),lr=.1,momentum=.9); "
            "sch=torch.optim.lr_scheduler.LambdaLR(opt,lambda e:.5**e)\nX=torch.randn(8,"
            "2)\nfor i in range(3):\n  opt.zero_grad(); m(X).pow(2).mean().backward(); "
            "opt.step(); sch.step()"
        ),
        [
            "opt.param_groups[0]['params'][0] is m.weight",
            "opt.step() or m.weight",
            "sch.step() or opt.param_groups[0]['lr']",
            "opt",
            "sch.optimizer is opt",
        ],
    ),
    (
        "torch_numpy_over",
        IMPORT + "import numpy as np\na=np.arange(6.); t0=torch.ones(3)",
        "t=torch.from_numpy(a); s=torch.from_numpy(a[2:4]); n=t0.numpy(); k=t0[1:].numpy()",
        ["a.fill(7) or (t,s)", "t0.fill_(3) is t0", "n,k"],
    ),
    (
        "torch_numpy_new",
        IMPORT + "import numpy as np",
        "a=np.arange(6.); t=torch.from_numpy(a); n=torch.ones(3); b=n.numpy()",
        ["a.fill(7) or t", "n.fill_(3) is n", "b", "a.flags.owndata", "type(b.base)"],
    ),
    (
        "torch_numpy_new_rev",
        IMPORT + "import numpy as np",
        "t=torch.from_numpy(np.arange(6.)); a=t.numpy(); b=a[2:]",
        ["a.fill(7) or t", "b"],
    ),
    (
        "torch_numpy_patch",
        IMPORT + "import numpy as np\na=np.arange(6.); t=torch.from_numpy(a)",
        "t.add_(1)",
        ["a,t", "t.add_(5) is t", "a"],
    ),
    (
        "torch_gen",
        IMPORT + "g=torch.Generator().manual_seed(3); l=[g]",
        "x=torch.rand(2,generator=g); h=torch.Generator().manual_seed(5)",
        [
            "torch.rand(2,generator=l[0])",
            "torch.rand(1,generator=h)",
            "x",
            "h.initial_seed(),g.initial_seed()",
        ],
    ),
    (
        "torch_consts",
        IMPORT,
        (
            "d=torch.float32; e=torch.device('cpu'); s=torch.Size([1,2]); "
            "l=torch.strided; f=torch.channels_last; g=torch.default_generator; "
            "i=torch.finfo(torch.float32)"
        ),
        [
            "d is torch.float32",
            "e",
            "s,type(s)",
            "l is torch.strided",
            "f",
            "g is torch.default_generator",
            "i.max",
        ],
    ),
    (
        "torch_dataloader",
        IMPORT + "from torch.utils.data import *",
        (
            "ds=TensorDataset(torch.arange(6.)); dl=DataLoader(ds,2); tr,"
            "te=random_split(ds,[4,2],generator=torch.Generator().manual_seed(1))"
        ),
        ["[b for b in dl]", "tr.indices", "tr.dataset is ds"],
    ),
    ("torch_sparse", IMPORT, "s=torch.eye(3).to_sparse()", ["s.to_dense()", "s.is_coalesced()"]),
    ("torch_sparse_in", IMPORT + "s=torch.eye(3).to_sparse()", "y=s.to_dense()+1", ["y"]),
    (
        "torch_freeze",
        IMPORT + "torch.manual_seed(0); m=torch.nn.Linear(2,1)",
        "for p in m.parameters(): p.requires_grad_(False)\nm.half()",
        ["[p.requires_grad for p in m.parameters()]", "m.weight.dtype"],
    ),
    (
        "torch_load_sd",
        IMPORT
        + (
            "torch.manual_seed(0); m=torch.nn.Linear(2,1); n=torch.nn.Linear(2,1); "
            "w=m.weight; d=w.data"
        ),
        "m.load_state_dict(n.state_dict())",
        ["m.weight", "w is m.weight", "d", "n.weight"],
    ),
    (
        "torch_swap",
        IMPORT + "torch.manual_seed(0); m=torch.nn.Linear(2,1); w=m.weight",
        "m.double(); m.register_buffer('b',torch.ones(1)); m.add_module('z',torch.nn.ReLU())",
        ["w is m.weight", "w.dtype", "m.b", "list(m._modules)"],
    ),
    (
        "torch_hooks",
        IMPORT + "torch.manual_seed(0); m=torch.nn.Linear(2,1)\ncalls=[]",
        "h=m.register_forward_hook(lambda *a: calls.append(1))",
        ["m(torch.ones(1,2)).shape", "len(calls)", "h.remove() or len(m._forward_hooks)"],
    ),
    (
        "torch_tensor_in_containers",
        IMPORT + "x=torch.ones(2)",
        "d={x:1}; l=[x,[x+1]]; import collections; o=collections.OrderedDict(a=x)",
        ["d[x]", "l[0] is x", "o['a'] is x"],
    ),
    (
        "torch_expanded",
        IMPORT,
        (
            "x=torch.arange(3.).expand(2,3); y=torch.arange(4.)[[0,1]]; z=torch.zeros(3,"
            "3).diagonal()"
        ),
        ["x", "x.stride()", "z.fill_(2) is z", "z._base"],
    ),
    (
        "torch_subclass",
        IMPORT + "class S(torch.Tensor):\n  pass",
        "s=torch.ones(2).as_subclass(S); s.k=[1]",
        ["type(s)", "s.k", "s+1"],
    ),
    (
        "torch_retain",
        IMPORT + "x=torch.ones(3,requires_grad=True)",
        "y=x*2; y.retain_grad(); z=(y*y).sum(); z.backward()",
        ["y.grad", "y", "z", "x.grad"],
    ),
    (
        "torch_ema",
        IMPORT + "torch.manual_seed(0); m=torch.nn.Linear(2,1)\nimport copy",
        "e=copy.deepcopy(m); e.weight.data.mul_(0)",
        ["e.weight", "m.weight"],
    ),
    (
        "torch_transformer",
        IMPORT,
        (
            "torch.manual_seed(0)\n"
            "m=torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(8,2,16,"
            "batch_first=True),1).eval(); g=torch.nn.LSTM(2,3); c=torch.nn.Conv2d(1,2,3);"
            " e=torch.nn.Embedding(5,2,padding_idx=0)"
        ),
        [
            "m(torch.ones(1,2,8)).sum().item()",
            "g(torch.ones(1,1,2))[0]",
            "c(torch.ones(1,1,3,3))",
            "e(torch.tensor([1]))",
            "e.padding_idx",
        ],
    ),
    (
        "torch_dist",
        IMPORT,
        "d=torch.distributions.Normal(torch.zeros(2),1.)",
        ["d.mean", "d.log_prob(torch.ones(2))"],
    ),
]
