"""Record what each word looks at while sampling (the paper's attention store, reduced to chosen words)."""

from comfy_api.latest import io

from ..p2p_core.attention_store import AttentionRequest, AttentionStore
from ..p2p_core.grammar import parse_words
from ._host.browser import own_id
from ._host.install import with_store
from ._host.versions import schema
from .checks import checked, problem
from .inputs import GRIDS
from .recorder import recorded_window, recorder_output, window_inputs
from .types import AttentionType


class P2PAttentionStore(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PAttentionStore",
            display_name="P2P Attention Store",
            search_aliases=["record attention", "daam", "heat map", "attention map", "cross attention map"],
            description="Records where in the picture each word has its attention, in any run with or without an edit. "
            "Connect the model to the sampler, and the attention to P2P Attention Maps.",
            not_idempotent=True,  # two stores with the same settings are two stores
            inputs=[
                io.Model.Input("model", tooltip="The model to watch, before or after P2P Apply."),
                io.String.Input(
                    "words",
                    default="",
                    multiline=False,
                    tooltip="Words or phrases to record: 'cat, red hat'. Empty records every word. The prompt must "
                    "come from P2P Text Encode or P2P Tag Prompt.",
                ),
                io.Combo.Input(
                    "prompt",
                    options=["positive", "negative", "both"],
                    default="positive",
                    tooltip="Of which prompt words are recorded.",
                ),
                io.Combo.Input(
                    "largest_grid",
                    options=GRIDS,
                    default="medium",
                    tooltip="The finest attention that counts: coarse (a quarter of the latent), medium (half) or all.",
                ),
                *window_inputs("When recording ends."),
                io.Boolean.Input(
                    "keep_steps", default=False, tooltip="Keep every step by itself instead of their mean."
                ),
                io.Boolean.Input(
                    "self_maps",
                    default=False,
                    optional=True,
                    tooltip="Record self-attention of the coarse grid too, for refine in P2P Attention Maps. It takes "
                    "a few megabytes per picture and makes sampling a little slower.",
                ),
                io.Boolean.Input(
                    "live",
                    default=False,
                    optional=True,
                    tooltip="Show the maps on this node while they form, as often as that takes no more than 1 % of "
                    "the time. The picture stays the same to the bit.",
                ),
            ],
            outputs=[
                recorder_output(),
                AttentionType.Output(display_name="attention", tooltip="What was recorded, once the sampler has run."),
            ],
            hidden=[io.Hidden.unique_id],  # to show the maps on the node
        )

    @classmethod
    def validate_inputs(cls, words=None, start=None, end=None):
        def check():
            parse_words(words or "")
            recorded_window(start, end)

        return problem(cls, {"words": words, "start": start, "end": end}, check)

    @classmethod
    @checked
    def execute(cls, model, words, prompt, largest_grid, start, end, keep_steps, self_maps=False, live=False):
        window = recorded_window(start, end)
        request = AttentionRequest(parse_words(words), prompt, largest_grid, window, keep_steps, self_maps)
        store = AttentionStore(request)
        return io.NodeOutput(with_store(model, store, own_id(cls) if live else None), store)


NODES = [P2PAttentionStore]
