"""Work that repeats on an NVIDIA GPU, recorded once and started as a whole from then on."""

from collections.abc import Callable

import torch
from torch import Tensor

_UNRECORDED = 3  # calls in which libraries allocate and load what cannot be prepared while they are recorded

Compute = Callable[[Tensor, Tensor], tuple[Tensor, ...]]


class CudaGraph:
    """A function of a batch, as a CUDA graph: one launch in place of hundreds, which take longer than what they start.

    The graph has the same kernels in the same order: results are the same to the bit. Batches must all have the shape
    of the first. What `compute` decides in Python, it decides once; where it needs the value of a tensor for that, it
    cannot be recorded, and is called each time.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._inputs: tuple[Tensor, ...] = ()
        self._outputs: tuple[Tensor, ...] = ()

    @property
    def recorded(self) -> bool:
        """Whether calls replay the graph."""
        return self._graph is not None

    def __call__(self, images: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Return what `compute` returns, as copies; what it changes, such as gradients, is changed in place."""
        self._calls += 1
        if self._calls == _UNRECORDED + 1:
            self._record(images, targets)
        if self._graph is None:
            return self._compute(images, targets)
        for held, given in zip(self._inputs, (images, targets), strict=True):
            held.copy_(given)
        self._graph.replay()
        return tuple(output.clone() for output in self._outputs)

    def _record(self, images: Tensor, targets: Tensor) -> None:
        """Record `compute`, which computes nothing yet, on tensors that stay where they are."""
        graph, inputs = torch.cuda.CUDAGraph(), (images.clone(), targets.clone())
        try:
            # Other threads of this process may use the GPU meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                outputs = self._compute(*inputs)
        except RuntimeError:
            return
        self._graph, self._inputs, self._outputs = graph, inputs, outputs
