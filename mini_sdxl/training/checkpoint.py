"""Resumable training: everything that must survive an interruption, and a progress line."""

import os
import sys
import time
from pathlib import Path

import torch


class Checkpoint:
    """Named things with ``state_dict``, saved together with the step in one file that is replaced atomically."""

    def __init__(self, path: Path, **parts):
        self.path, self.parts = path, parts

    def restore(self) -> int:
        """The step to go on from; 0 when there is no file."""
        if not self.path.exists():
            return 0
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        return state["step"]

    def save(self, step: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        torch.save({"step": step, **{name: part.state_dict() for name, part in self.parts.items()}}, temporary)
        os.replace(temporary, self.path)


class Progress:
    """One line that tells step, loss (a running mean) and the time still to go."""

    def __init__(self, name: str, total: int, first: int = 0, every: float = 5.0):
        self.name, self.total, self.first, self.every = name, total, first, every
        self.started = self.last = time.monotonic()
        self.mean: float | None = None
        self.losses: list[torch.Tensor] = []

    def update(self, step: int, loss: torch.Tensor) -> None:
        self.losses.append(loss.detach())
        now = time.monotonic()
        if now - self.last < self.every and step < self.total:
            return
        self.last = now
        recent = float(torch.stack(self.losses).mean())
        self.losses.clear()
        self.mean = recent if self.mean is None else 0.8 * self.mean + 0.2 * recent
        pace = (now - self.started) / max(step - self.first, 1)
        filled = 30 * step // self.total
        end = "\r" if sys.stderr.isatty() and step < self.total else "\n"
        bar = "#" * filled + "." * (30 - filled)
        left = pace * (self.total - step) / 60
        print(
            f"{self.name} [{bar}] {step}/{self.total} loss {self.mean:.4f} {pace:.3f} s/step, {left:.1f} min left",
            end=end,
            file=sys.stderr,
            flush=True,
        )

    def say(self, text: str) -> None:
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)
