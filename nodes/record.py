"""Record a source once, to make many edits of it at about half the price."""

from comfy_api.latest import io

from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_words
from ..p2p_core.source_record import RecordHandle, RecordRequest
from ._host.browser import own_id
from ._host.install import with_record
from ._host.versions import schema
from .checks import checked, problem
from .inputs import GRIDS
from .recorder import recorded_window, recorder_output, window_inputs
from .types import RecordType

KEEPS = {"everything": "queries", "key words": "words"}
POOLINGS = {"full": 1, "half": 2, "quarter": 4}
HOMES = {"memory": "memory", "graphics card": "device", "file": "file"}
LARGEST_BUDGET = 1_000_000


class P2PRecord(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PRecord",
            display_name="P2P Record",
            search_aliases=["cache attention", "record source", "replay", "many edits", "faster edits"],
            description="Records the source while its sampler runs, so that P2P Apply can make edits of it without "
            "sampling it again. Connect the model to the sampler of the source, and the record to P2P Apply.",
            not_idempotent=True,  # two records with the same settings are two records
            inputs=[
                io.Model.Input("model", tooltip="The model that samples the source."),
                io.Combo.Input(
                    "keep",
                    options=[*KEEPS],
                    default="everything",
                    tooltip="everything: any edit can be made of the record. key words: only the attention of the "
                    "words below is kept, many times smaller; other words of an edit find their own place, and "
                    "self-attention is not kept.",
                ),
                io.String.Input(
                    "words",
                    default="",
                    multiline=False,
                    tooltip="With keep set to key words: words or phrases of the prompt, such as 'cat, red hat'.",
                ),
                io.Combo.Input(
                    "cross_grids",
                    options=GRIDS,
                    default="all",
                    tooltip="The finest cross-attention that is kept: coarse (a quarter of the latent), medium (half) "
                    "or all. Edits act on what is kept only.",
                ),
                io.Combo.Input(
                    "self_grids",
                    options=["none", *GRIDS],
                    default="coarse",
                    tooltip="The finest self-attention that is kept. Edits use the coarse one unless you told them "
                    "otherwise.",
                ),
                *window_inputs("When recording ends. Edits that stop at 0.8 need no more than 0.8."),
                io.Combo.Input(
                    "resolution",
                    options=[*POOLINGS],
                    default="full",
                    tooltip="With keep set to key words: at which part of its width and height attention is kept.",
                ),
                io.Combo.Input(
                    "precision",
                    options=["int8", "fp16", "fp32"],
                    default="int8",
                    tooltip="int8: the difference is smaller than the rounding of a picture's colours. fp16: twice as "
                    "large, closer still. fp32: exact.",
                ),
                io.Combo.Input(
                    "keep_in",
                    options=[*HOMES],
                    default="memory",
                    tooltip="memory: the computer's. graphics card: fastest, but of its memory. file: in the temp "
                    "folder, for what fits nowhere else.",
                ),
                io.Int.Input(
                    "budget",
                    default=8192,
                    min=1,
                    max=LARGEST_BUDGET,
                    tooltip="Megabytes (MiB) that the record may take. What does not fit is left out before sampling "
                    "starts: fine self-attention first, then fine cross-attention, then the last steps. The node says "
                    "what it keeps.",
                ),
            ],
            outputs=[
                recorder_output(),
                RecordType.Output(
                    display_name="record", tooltip="What was recorded, once the sampler has run. For P2P Apply."
                ),
            ],
            hidden=[io.Hidden.unique_id],  # to say on the node what is kept
        )

    @classmethod
    def validate_inputs(cls, keep=None, words=None, start=None, end=None, budget=None):
        def check():
            parsed = parse_words(words or "")
            if keep is not None and words is not None:
                _refuse_no_words(keep, parsed)
            recorded_window(start, end)

        typed = {"keep": keep, "words": words, "start": start, "end": end, "budget": budget}
        return problem(cls, typed, check)

    @classmethod
    @checked
    def execute(
        cls, model, keep, words, cross_grids, self_grids, start, end, resolution, precision, keep_in, budget
    ):  # fmt: skip
        parsed = parse_words(words)
        _refuse_no_words(keep, parsed)
        request = RecordRequest(
            keep=KEEPS[keep],
            words=parsed if KEEPS[keep] == "words" else (),
            self_attention=None if self_grids == "none" else self_grids,
            grids=cross_grids,
            window=recorded_window(start, end),
            pooling=POOLINGS[resolution] if KEEPS[keep] == "words" else 1,
            precision=precision,
            home=HOMES[keep_in],
            budget=budget,
        )
        handle = RecordHandle(request, node=own_id(cls))
        return io.NodeOutput(with_record(model, handle), handle)


def _refuse_no_words(keep: str, words: tuple[str, ...]) -> None:
    if KEEPS.get(keep) == "words" and not words:
        raise P2PError(
            "keep is set to key words, but words is empty: name the words of the prompt whose attention is to be kept, "
            "such as 'cat', or set keep to everything."
        )


NODES = [P2PRecord]
