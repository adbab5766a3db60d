"""Which model call begins a step of the sampler, and the latents that are the sampler's own there."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from .progress import step_at

_CHOOSE_STEPS = ("dpm_fast", "dpm_adaptive")  # they report other steps than the schedule's
# By name, as of ComfyUI 0.3.75 to 0.8.0: a step of these ends with a call at the noise level that the next begins with
# (ancestral ones do at their usual eta).
_LOOK_AHEAD = {
    f"sample_{name}"
    for name in (
        "heun", "heunpp2", "exp_heun_2_x0", "exp_heun_2_x0_sde", "dpm_2_ancestral", "dpmpp_2s_ancestral",
        "dpmpp_2s_ancestral_cfg_pp",
    )
}  # fmt: skip
_SAME_LEVEL = 1e-3  # samplers compute their levels with an error of up to 1e-4
_SCALE_THEIR_LATENTS = "unipc"  # the sampler hands the model a scaled copy: its own latents cannot be changed


class StepStarts:
    """Tells the first call of every step from the further ones, which are no places of the sampler's own path."""

    def __init__(self, sampler_name: str, levels: Sequence[float]) -> None:
        self._levels = levels
        self._by_level_alone = any(part in sampler_name for part in _CHOOSE_STEPS)
        self._looks_ahead = sampler_name in _LOOK_AHEAD
        self._reported = 0
        self._calls = 0  # since the last report
        self._begun = -1

    def report(self, step: int) -> None:
        """The sampler has reported this step, after the step's first call."""
        self._reported, self._calls = step + 1, 0

    def begun(self, sigma: float) -> int | None:
        """The step that a call at this noise level begins; None where it is a further call of a step."""
        step = step_at(self._levels, sigma) if self._by_level_alone else self._reported
        if step <= self._begun or step > len(self._levels) - 2:
            return None
        if not self._by_level_alone:
            self._calls += 1
            is_ahead = self._looks_ahead and step > 0 and self._calls == 1
            if is_ahead or abs(sigma - self._levels[step]) > _SAME_LEVEL * sigma:
                return None
        self._begun = step
        return step


class OwnLatents:
    """The latents of the sampler in its current model call, and the mask of what it may change of them."""

    def __init__(self) -> None:
        self.latents: torch.Tensor | None = None
        self.mask: torch.Tensor | None = None

    @contextmanager
    def known(self, sampler) -> Iterator[None]:
        """While inside, every model call of the sampler says what its latents are.

        With a noise mask the guider gets a mixture made for the call in their place.
        """
        function = getattr(sampler, "sampler_function", None)
        if function is None:
            yield
            return
        can_change = _SCALE_THEIR_LATENTS not in name_of(sampler)

        @functools.wraps(function)
        def telling(model, *args, **kwargs):
            return function(_TellingModel(model, self, can_change), *args, **kwargs)

        sampler.sampler_function = telling
        try:
            yield
        finally:
            sampler.sampler_function = function

    def changed(self, x: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """What the guider is to be given in place of x; the sampler's own latents are changed alike."""
        change = change.to(x)
        if self.mask is not None:
            change = change * self.mask.to(x)
        if self.latents is x:
            return x.add_(change)
        if self.latents is not None:
            self.latents.add_(change)
        return x + change


class _TellingModel:
    def __init__(self, model, own: OwnLatents, can_change: bool) -> None:
        self._model, self._own, self._can_change = model, own, can_change

    def __call__(self, x, sigma, *args, **kwargs):
        own = self._own
        own.latents, own.mask = x if self._can_change else None, self._mask(sigma, *args, **kwargs)
        try:
            return self._model(x, sigma, *args, **kwargs)
        finally:
            own.latents = own.mask = None

    def _mask(self, sigma, denoise_mask=None, model_options=None, **_) -> torch.Tensor | None:
        """The mask as the host uses it in this call."""
        function = (model_options or {}).get("denoise_mask_function")
        if denoise_mask is None or function is None:
            return denoise_mask
        return function(
            sigma, denoise_mask, extra_options={"model": self._model.inner_model, "sigmas": self._model.sigmas}
        )

    def __getattr__(self, name):
        return getattr(self._model, name)


def name_of(sampler) -> str:
    return getattr(getattr(sampler, "sampler_function", None), "__name__", "")
