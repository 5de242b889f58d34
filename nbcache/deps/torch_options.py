"""PyTorch's global settings: default dtype, gradients, determinism, printing, threads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from nbcache.deps.patching import Patches
from nbcache.errors import NotReplayable

_PRINTING = ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")


class Torch:
    """What ``torch.set_…`` functions change for the process, or for the main thread."""

    name, title, module = "torch", "torch setting", "torch"
    unread = frozenset({"threads"})
    _defaults: ClassVar[dict[str, Any]] = {
        "dtype": "float32", "device": "", "grad": True, "inference": False, "deterministic": False,
        "warn_only": False, "matmul_precision": "highest", "anomaly": False,
        "cudnn_benchmark": False, "cudnn_deterministic": False,
        "print_precision": 4, "print_threshold": 1000, "print_edgeitems": 3,
        "print_linewidth": 80, "print_sci_mode": None,
    }  # fmt: skip

    @property
    def _torch(self) -> Any:
        return sys.modules["torch"]

    def watch_reads(self, patches: Patches, mark: Callable[..., None]) -> bool:
        """Return False: the reads are not seen."""
        return False

    def values(self) -> dict[str, Any]:
        """Return the settings."""
        torch = self._torch
        printing = sys.modules["torch._tensor_str"].PRINT_OPTS
        return {
            "dtype": str(torch.get_default_dtype()).removeprefix("torch."),
            "device": _device(torch),
            "grad": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
            "matmul_precision": torch.get_float32_matmul_precision(),
            "anomaly": torch.is_anomaly_enabled(),
            "cudnn_benchmark": torch.backends.cudnn.benchmark,
            "cudnn_deterministic": torch.backends.cudnn.deterministic,
            "threads": torch.get_num_threads(),
            **{f"print_{name}": getattr(printing, name) for name in _PRINTING},
        }

    def defaults(self) -> Mapping[str, Any]:
        """Return the settings in which torch starts."""
        return {**self._defaults, "threads": self._torch.get_num_threads()}

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set the given settings."""
        torch = self._torch
        merged = {**self.values(), **values}
        if merged["inference"] != torch.is_inference_mode_enabled():
            raise NotReplayable("it leaves torch's inference mode switched; use it in a `with`")
        printing = sys.modules["torch._tensor_str"].PRINT_OPTS
        for name in _PRINTING:
            setattr(printing, name, merged[f"print_{name}"])
        torch.set_default_dtype(getattr(torch, merged["dtype"]))
        if "device" in values:
            torch.set_default_device(values["device"] or None)
        torch.set_grad_enabled(merged["grad"])
        torch.use_deterministic_algorithms(merged["deterministic"], warn_only=merged["warn_only"])
        torch.set_float32_matmul_precision(merged["matmul_precision"])
        torch.set_anomaly_enabled(merged["anomaly"])
        torch.backends.cudnn.benchmark = merged["cudnn_benchmark"]
        torch.backends.cudnn.deterministic = merged["cudnn_deterministic"]
        if "threads" in values:
            torch.set_num_threads(values["threads"])


def _device(torch: Any) -> str:
    """Return the default device when one was set, without setting torch's up."""
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return "" if context is None else str(context.device)
