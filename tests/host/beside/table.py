"""Which other nodes work beside an edit, as data. The README shows this table; every row names the test behind it."""

from typing import NamedTuple

BEGIN, END = "<!-- neighbours:begin -->", "<!-- neighbours:end -->"
WORKS, NOTE, REFUSED = "works", "works, note", "refused"


class Row(NamedTuple):
    """One neighbour.

    Attributes:
        name: as a user knows it.
        verdict: ``WORKS``, ``NOTE`` or ``REFUSED``.
        note: what to know, short; required where the verdict is not ``WORKS``.
        test: file and function, from ``tests/host``.
    """

    name: str
    verdict: str
    note: str
    test: str


_PATCHES, _WEIGHTS, _CONTROL = ("beside/test_attention_patches.py", "beside/test_weights.py", "beside/test_control.py")
_TEXT, _MODELS, _SAMPLERS = ("beside/test_conditioning.py", "beside/test_models.py", "beside/test_samplers_custom.py")

ROWS = (
    Row("LoRA", WORKS, "", f"{_WEIGHTS}::test_lora"),
    Row("Hook LoRA, with keyframes", WORKS, "on source or positive", f"{_WEIGHTS}::test_hook_lora"),
    Row("CLIP Set Last Layer (CLIP skip)", WORKS, "", f"{_TEXT}::test_clip_skip"),
    Row(
        "Apply ControlNet",
        NOTE,
        "reads the unedited prompts; `controlnet_prompt` says whose",
        f"{_CONTROL}::test_controlnet",
    ),
    Row("Several ControlNets with ranges", WORKS, "", f"{_CONTROL}::test_two_controlnets_with_ranges"),
    Row("T2I-Adapter", WORKS, "", f"{_CONTROL}::test_t2i_adapter"),
    Row("InstantID's own ControlNet text", WORKS, "", f"{_CONTROL}::test_control_text_of_another_pack"),
    Row(
        "IP-Adapter, one or several",
        NOTE,
        "while a target inherits, it looks at the adapter's picture with the source's layout",
        f"{_PATCHES}::test_ip_adapter",
    ),
    Row("IP-Adapter through a hook", WORKS, "", f"{_WEIGHTS}::test_hooked_ip_adapter"),
    Row(
        "Sage, flash and other attention overrides",
        NOTE,
        "the centre of a resized word is found with plain attention",
        f"{_PATCHES}::test_attention_override",
    ),
    Row("FreeU, FreeU V2", WORKS, "", f"{_PATCHES}::test_freeu"),
    Row("Perturbed-Attention Guidance", WORKS, "", f"{_PATCHES}::test_perturbed_attention_guidance"),
    Row("Self-Attention Guidance", WORKS, "", f"{_PATCHES}::test_self_attention_guidance"),
    Row("Smoothed Energy Guidance", WORKS, "", f"{_PATCHES}::test_smoothed_energy_guidance"),
    Row("Token Merging (TomePatchModel)", WORKS, "", f"{_PATCHES}::test_token_merging"),
    Row("HyperTile", WORKS, "", f"{_PATCHES}::test_hypertile"),
    Row("Kohya Deep Shrink", WORKS, "", f"{_PATCHES}::test_deep_shrink"),
    Row(
        "EasyCache, LazyCache",
        NOTE,
        "which steps are skipped depends on all rows; skipped steps add nothing to maps and records",
        f"{_PATCHES}::test_caches_of_steps",
    ),
    Row("TorchCompileModel", NOTE, "the edits stay outside the compiled graph", f"{_PATCHES}::test_torch_compile"),
    Row("Conditioning (Set Area)", NOTE, "no local blend by words", f"{_TEXT}::TestPlaces::test_area"),
    Row("Conditioning (Set Mask)", WORKS, "", f"{_TEXT}::TestPlaces::test_mask"),
    Row("ConditioningSetTimestepRange", WORKS, "", f"{_TEXT}::TestTimes::test_timestep_range"),
    Row("Conditioning (Combine), plain", WORKS, "", f"{_TEXT}::TestCombinations::test_combine_with_a_plain_prompt"),
    Row(
        "Conditioning (Combine), edited",
        NOTE,
        "the same number of prompts on both sides, in the same order",
        f"{_TEXT}::TestCombinations::test_combine_two_edited_prompts",
    ),
    Row(
        "Conditioning (Concat)",
        NOTE,
        "on source and target, not on the positive of P2P Apply",
        f"{_TEXT}::TestCombinations::test_concat",
    ),
    Row("Conditioning (Average)", WORKS, "", f"{_TEXT}::TestCombinations::test_average"),
    Row(
        "ConditioningZeroOut as negative",
        NOTE,
        "of the source, connected to P2P Apply",
        f"{_TEXT}::TestCombinations::test_zero_out_of_the_source_as_negative",
    ),
    Row("GLIGEN", WORKS, "", f"{_TEXT}::test_gligen"),
    Row("cfg 1 (Turbo, Lightning), from 1 step", WORKS, "", f"{_MODELS}::TestSampling::test_cfg_1"),
    Row(
        "ModelSamplingDiscrete (LCM, v-prediction, zsnr)",
        WORKS,
        "",
        f"{_MODELS}::TestSampling::test_model_sampling_discrete",
    ),
    Row("ModelSamplingContinuousEDM", WORKS, "", f"{_MODELS}::TestSampling::test_model_sampling_continuous_edm"),
    Row("RescaleCFG", WORKS, "", f"{_MODELS}::TestSampling::test_rescale_cfg"),
    Row("SD 1.5", WORKS, "", f"{_MODELS}::TestShapes::test_sd_1_5"),
    Row("SSD-1B, Vega, KOALA", WORKS, "", f"{_MODELS}::TestShapes::test_distilled_sdxl"),
    Row(
        "Inpainting models (InpaintModelConditioning)",
        NOTE,
        "on the source, its latent into P2P Apply",
        f"{_MODELS}::TestInpainting::test_inpaint_model_conditioning",
    ),
    Row("Set Latent Noise Mask", WORKS, "", f"{_MODELS}::TestInpainting::test_noise_mask"),
    Row("Differential Diffusion", WORKS, "", f"{_MODELS}::TestInpainting::test_differential_diffusion"),
    Row("SamplerCustom, SamplerCustomAdvanced", WORKS, "", f"{_SAMPLERS}::TestGuiders::test_sampler_custom"),
    Row("BasicGuider, CFGGuider", WORKS, "", f"{_SAMPLERS}::TestGuiders::test_cfg_guider"),
    Row("DualCFGGuider", WORKS, "the edited prompt in either place", f"{_SAMPLERS}::TestGuiders::test_dual_cfg_guider"),
    Row(
        "PerpNegGuider",
        NOTE,
        "it projects over the whole batch, so the source depends a little on its targets",
        f"{_SAMPLERS}::TestGuiders::test_perp_neg_guider",
    ),
    Row(
        "KSampler (Advanced) in two stages",
        WORKS,
        "",
        f"{_SAMPLERS}::TestStages::test_two_stages_of_ksampler_advanced",
    ),
    Row(
        "A second pass at a larger size",
        WORKS,
        "with the outputs of the same P2P Apply",
        f"{_SAMPLERS}::TestStages::test_a_second_pass_at_twice_the_size",
    ),
    Row("Two samplers on one model", WORKS, "", f"{_SAMPLERS}::TestStages::test_two_samplers_share_one_model"),
    Row("Conditions run one by one (little memory)", WORKS, "", f"{_SAMPLERS}::test_little_memory"),
    Row(
        "Another area, range or ControlNet on the target",
        REFUSED,
        "source and targets are sampled together",
        "test_refusals.py::test_a_setting_that_differs_between_source_and_target",
    ),
    Row(
        "Attention Couple, regional prompts by attention",
        REFUSED,
        "they repeat rows; combine prompts with masks or areas",
        "beside/test_refused.py::test_attention_couple",
    ),
    Row(
        "Context windows that cut the batch",
        REFUSED,
        "",
        "beside/test_refused.py::test_context_windows_that_cut_the_batch",
    ),
    Row(
        "Nodes that drop rows inside the model",
        REFUSED,
        "",
        "test_refusals.py::test_a_node_that_changes_the_batch_inside_the_model",
    ),
    Row(
        "Flux, SD3 and others without cross-attention",
        REFUSED,
        "",
        "test_refusals.py::test_a_model_without_cross_attention",
    ),
)


def markdown() -> str:
    """The table with its markers, as it stands in the README."""
    lines = ["| Beside | | |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.verdict} | {row.note} |".replace("|  |", "| |") for row in ROWS]
    return "\n".join([BEGIN, "", *lines, "", END])
