"""Random ways of sampling with stock nodes: one stage or two, any sampler and scheduler, guiders, few steps."""

from dataclasses import dataclass

from .drawing import Drawing, Link

# All that the pinned ComfyUI has; newer ones add to them.
SAMPLERS = (
    "euler", "euler_cfg_pp", "euler_ancestral", "euler_ancestral_cfg_pp", "heun", "heunpp2", "dpm_2",
    "dpm_2_ancestral", "lms", "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral", "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde", "dpmpp_2m", "dpmpp_2m_cfg_pp", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_3m_sde", "ddpm", "lcm",
    "ipndm", "ipndm_v", "deis", "res_multistep", "res_multistep_cfg_pp", "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp", "gradient_estimation", "gradient_estimation_cfg_pp", "er_sde", "seeds_2",
    "seeds_3", "sa_solver", "sa_solver_pece", "ddim", "uni_pc", "uni_pc_bh2",
)  # fmt: skip
SCHEDULERS = ("simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal", "linear_quadratic")
SIGMAS = {"KarrasScheduler": {"rho": 7.0}, "ExponentialScheduler": {}, "PolyexponentialScheduler": {"rho": 1.0}}


@dataclass(frozen=True)
class Inputs:
    """What a sampler gets, all of P2P Apply but where a ControlNet or a store comes between."""

    model: Link
    positive: Link
    negative: Link
    latent: Link


@dataclass(frozen=True)
class Plan:
    """What is common to the stages of one graph."""

    steps: int
    sampler: str
    scheduler: str
    cfg: float
    seed: int
    denoise: float
    stages: int


def draw_plan(drawing: Drawing, needs_denoise: bool) -> Plan:
    return Plan(
        steps=drawing.chance.randint(1, 4),
        sampler=drawing.one(SAMPLERS),
        scheduler=drawing.one(SCHEDULERS),
        cfg=drawing.one([1.0, drawing.number(1, 9), drawing.number(3, 7)]),
        seed=drawing.chance.randrange(2**48),
        denoise=drawing.number(0.5, 1.0) if needs_denoise or drawing.maybe(0.15) else 1.0,
        stages=2 if drawing.maybe(0.25) else 1,
    )


def draw_sampling(drawing: Drawing, inputs: Inputs, plan: Plan) -> Link:
    """The latents of the last stage."""
    if plan.stages == 2:
        return drawing.one([_two_in_one_schedule, _upscaled, _split_sigmas])(drawing, inputs, plan)
    return drawing.one([simple_sampling, simple_sampling, _custom, _advanced])(drawing, inputs, plan)


def simple_sampling(drawing: Drawing, inputs: Inputs, plan: Plan, denoise: float | None = None) -> Link:
    """One KSampler."""
    return drawing.add(
        "KSampler", model=inputs.model, positive=inputs.positive, negative=inputs.negative,
        latent_image=inputs.latent, seed=plan.seed, steps=plan.steps, cfg=plan.cfg, sampler_name=plan.sampler,
        scheduler=plan.scheduler, denoise=plan.denoise if denoise is None else denoise,
    )[0]  # fmt: skip


def _upscaled(drawing: Drawing, inputs: Inputs, plan: Plan) -> Link:
    """A picture, enlarged or not, and sampled further."""
    first = simple_sampling(drawing, inputs, plan)
    if drawing.maybe(0.5):
        by = drawing.one([1.25, 1.5])
        first = drawing.add("LatentUpscaleBy", samples=first, upscale_method="nearest-exact", scale_by=by)[0]
    later = Inputs(inputs.model, inputs.positive, inputs.negative, first)
    return simple_sampling(drawing, later, plan, denoise=drawing.number(0.4, 0.8))


def _two_in_one_schedule(drawing: Drawing, inputs: Inputs, plan: Plan) -> Link:
    """Two KSampler (Advanced): the second ends what the first began."""
    steps = max(plan.steps, 2)
    cut = drawing.chance.randint(1, steps - 1)
    latent = inputs.latent
    for start, end, noise, left in ((0, cut, "enable", "enable"), (cut, 10000, "disable", "disable")):
        latent = drawing.add(
            "KSamplerAdvanced", model=inputs.model, positive=inputs.positive, negative=inputs.negative,
            latent_image=latent, add_noise=noise, noise_seed=plan.seed, steps=steps, cfg=plan.cfg,
            sampler_name=plan.sampler, scheduler=plan.scheduler, start_at_step=start, end_at_step=end,
            return_with_leftover_noise=left,
        )[0]  # fmt: skip
    return latent


def _sigmas(drawing: Drawing, inputs: Inputs, plan: Plan, steps: int) -> Link:
    if plan.denoise == 1 and drawing.maybe(0.3):
        kind = drawing.one(list(SIGMAS))
        return drawing.add(kind, steps=steps, sigma_max=14.614642, sigma_min=0.0291675, **SIGMAS[kind])[0]
    settings = {"scheduler": plan.scheduler, "steps": steps, "denoise": plan.denoise}
    return drawing.add("BasicScheduler", model=inputs.model, **settings)[0]


def _custom(drawing: Drawing, inputs: Inputs, plan: Plan) -> Link:
    sampler = drawing.add("KSamplerSelect", sampler_name=plan.sampler)
    return drawing.add(
        "SamplerCustom", model=inputs.model, add_noise=True, noise_seed=plan.seed, cfg=plan.cfg,
        positive=inputs.positive, negative=inputs.negative, sampler=sampler[0],
        sigmas=_sigmas(drawing, inputs, plan, plan.steps), latent_image=inputs.latent,
    )[drawing.one([0, 1])]  # fmt: skip


def _advanced(drawing: Drawing, inputs: Inputs, plan: Plan) -> Link:
    return _with_guider(drawing, inputs, plan, _sigmas(drawing, inputs, plan, plan.steps))


def _split_sigmas(drawing: Drawing, inputs: Inputs, plan: Plan) -> Link:
    steps = max(plan.steps, 2)
    sigmas = _sigmas(drawing, inputs, plan, steps)
    parts = drawing.add("SplitSigmas", sigmas=sigmas, step=1)
    first = _with_guider(drawing, inputs, plan, parts[0])
    later = Inputs(inputs.model, inputs.positive, inputs.negative, first)
    return _with_guider(drawing, later, plan, parts[1], noise=drawing.add("DisableNoise")[0])


def _with_guider(drawing: Drawing, inputs: Inputs, plan: Plan, sigmas: Link, noise: Link | None = None) -> Link:
    noise = noise or drawing.add("RandomNoise", noise_seed=plan.seed)[0]
    sampler = drawing.add("KSamplerSelect", sampler_name=plan.sampler)
    return drawing.add(
        "SamplerCustomAdvanced", noise=noise, guider=_guider(drawing, inputs, plan), sampler=sampler[0],
        sigmas=sigmas, latent_image=inputs.latent,
    )[0]  # fmt: skip


def _guider(drawing: Drawing, inputs: Inputs, plan: Plan) -> Link:
    kind = "BasicGuider" if plan.cfg == 1 else drawing.one(["CFGGuider", "CFGGuider", "DualCFGGuider"])
    if kind == "BasicGuider":
        return drawing.add("BasicGuider", model=inputs.model, conditioning=inputs.positive)[0]
    if kind == "CFGGuider":
        pair = {"positive": inputs.positive, "negative": inputs.negative}
        return drawing.add("CFGGuider", model=inputs.model, **pair, cfg=plan.cfg)[0]
    conds = {"cond1": inputs.positive, "cond2": inputs.negative, "negative": inputs.negative}
    cfgs = {"cfg_conds": plan.cfg, "cfg_cond2_negative": 2.0, "style": drawing.one(["regular", "nested"])}
    return drawing.add("DualCFGGuider", model=inputs.model, **conds, **cfgs)[0]
