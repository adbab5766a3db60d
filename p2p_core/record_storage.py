from typing import Literal

import torch

Home = Literal["device", "memory", "file"]


class RecordStorage:
    def __init__(self, precision, home, folder=None):
        self.precision, self.home = precision, home
        self._t = {}

    def put(self, name, tensor):
        self._t[name] = tensor.detach().to({"fp32": torch.float32}.get(self.precision, torch.float16), copy=True)

    def get(self, name, device, dtype):
        return self._t[name].to(device, dtype)

    def __contains__(self, name):
        return name in self._t

    def names(self):
        return tuple(self._t)

    def drop(self, names):
        for n in names:
            del self._t[n]

    def finish(self):
        pass

    def close(self):
        self._t.clear()

    @property
    def nbytes(self):
        return sum(t.nbytes for t in self._t.values())

    @property
    def ram_bytes(self):
        return self.nbytes
