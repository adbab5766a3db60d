"""Declares the operators whose compiled parts are missing, just before torchvision is first imported.

Copied into the environment when the plain import fails there. It imports nothing at start-up, so processes that do
not use torchvision pay nothing.
"""

import sys

SCHEMAS = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


class _DeclareBeforeTorchvision:
    """A finder that finds nothing: it only notices that torchvision is about to be imported."""

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            _declare()


def _declare():
    import torch

    for name, schema in SCHEMAS.items():
        torch.library.define(name, schema)


sys.meta_path.insert(0, _DeclareBeforeTorchvision())
