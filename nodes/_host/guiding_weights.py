"""Weights that a gradient can pass through.

The host loads models in inference mode, and a tensor that was made there can be no part of a graph, even where its own
gradient is not wanted. So such weights are made again, equal to the bit, where the model already lies; the model is
the same to everyone else.
"""

import comfy.utils
import torch


def make_weights_ordinary(network: torch.nn.Module, device: torch.device) -> None:
    """Replaces the inference tensors among the parameters and buffers that lie on the device, one after the other.

    What lies elsewhere is copied by the host for every call, and the copy is an ordinary tensor.
    """
    with torch.inference_mode(False), torch.no_grad():
        for name, parameter in list(network.named_parameters()):
            if parameter.is_inference() and parameter.device == device:
                comfy.utils.set_attr_param(network, name, parameter.detach().clone())
        for name, buffer in list(network.named_buffers()):
            if buffer is not None and buffer.is_inference() and buffer.device == device:
                comfy.utils.set_attr(network, name, buffer.detach().clone())
