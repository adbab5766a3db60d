"""Change the latents so that words get their place in the picture: gradients of their attention, where asked for."""

from comfy_api.latest import io

from ..p2p_core.attention_objectives import BeHere, BeInBox, BePresent, BeThisBig, Objective
from ..p2p_core.attention_store import AttentionStore
from ..p2p_core.errors import P2PError
from ..p2p_core.grammar import parse_words
from ..p2p_core.guidance import Guidance
from ..p2p_core.reference_attention import StayLike, StayLikeRecord
from ..p2p_core.source_record import RecordHandle
from ..p2p_core.windows import Window
from ._host.guiding import with_guidance
from ._host.versions import schema
from .checks import checked, problem
from .inputs import GRIDS, fraction
from .types import AttentionType, RecordType

PRESENT, HERE, BIG, BOX, STAY = OBJECTIVES = [
    "be present", "be here", "be this big", "be in this box", "stay like this",
]  # fmt: skip


class P2PAttentionGuidance(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return schema(
            node_id="P2PAttentionGuidance",
            display_name="P2P Attention Guidance",
            search_aliases=["attend and excite", "self-guidance", "pix2pix-zero", "missing object", "layout", "place"],
            description="Changes the latents a little before a step, by the gradient of the words' attention, so that "
            "no object is left out, or it is at a place or of a size. Guided steps take about three times as long.",
            inputs=[
                io.Model.Input("model", tooltip="The model to guide, before or after P2P Apply."),
                io.String.Input(
                    "words",
                    default="",
                    multiline=False,
                    placeholder="cat, teddy bear",
                    tooltip="The words to guide: 'cat, teddy bear'. The positive prompt must come from P2P Text Encode "
                    "or P2P Tag Prompt and have every one of them.",
                ),
                io.Combo.Input(
                    "objective",
                    options=OBJECTIVES,
                    default=PRESENT,
                    tooltip="be present: every word gets a place of its own, against objects that are left out. be "
                    "here: the centre is at x, y. be this big: the area is width times height, wherever it is. be in "
                    "this box: x, y is the middle of the box. stay like this: attention as in the reference.",
                ),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    round=0.001,
                    tooltip="How far an update goes; the same for every model, size and sampler. 0 is off, above 3 "
                    "pictures suffer.",
                ),
                fraction("start", 0.0, "When guidance starts: 0 is pure noise, 1 the finished picture."),
                fraction(
                    "end",
                    0.7,
                    "When it ends. What is where is decided early; later updates cost time and change little.",
                ),
                io.Int.Input(
                    "iterations",
                    default=1,
                    min=1,
                    max=20,
                    tooltip="Updates in every guided step. Each takes as long as one to three steps.",
                ),
                fraction("x", 0.5, "Where across the picture the centre is to be: 0 left, 1 right."),
                fraction("y", 0.5, "Where down the picture the centre is to be: 0 top, 1 bottom."),
                _length("width", "wide"),
                _length("height", "high"),
                io.Combo.Input(
                    "largest_grid",
                    options=GRIDS,
                    default="medium",
                    tooltip="The finest attention that counts: coarse (a quarter of the latent), medium (half) or all. "
                    "Finer takes more memory and time.",
                ),
                AttentionType.Input(
                    "reference",
                    optional=True,
                    tooltip="For stay like this: the attention of P2P Attention Store with keep_steps on, or of P2P "
                    "Load Attention, with the same words.",
                ),
                RecordType.Input(
                    "record",
                    optional=True,
                    tooltip="For stay like this, in place of a reference: a record of another run that has the words, "
                    "of the same model and size. Adjustments of the record are followed.",
                ),
                io.Latent.Input(
                    "after",
                    optional=True,
                    tooltip="The latent of the sampler that fills the reference or the record, so that this one waits "
                    "for it. It is not used.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="The model that guides; connect it to the sampler.")
            ],
        )

    @classmethod
    def validate_inputs(
        cls, words=None, objective=None, scale=None, start=None, end=None, iterations=None, x=None, y=None,
        width=None, height=None,
    ):  # fmt: skip
        typed = {"words": words, "objective": objective, "scale": scale, "start": start, "end": end}
        typed |= {"iterations": iterations, "x": x, "y": y, "width": width, "height": height}

        def check():
            _window(start, end)
            if words is not None:
                _words(words)

        return problem(cls, typed, check)

    @classmethod
    @checked
    def execute(
        cls, model, words, objective, scale, start, end, iterations, x, y, width, height, largest_grid="coarse",
        reference=None, record=None, after=None,
    ):  # fmt: skip
        window, phrases = _window(start, end), _words(words)
        _refuse_other_references(objective, reference, record)
        wanted = _objective(objective, phrases, x, y, width, height, reference, record)
        guidance = Guidance(phrases, wanted, scale, window, iterations, largest_grid)
        return io.NodeOutput(with_guidance(model, guidance))


def _objective(
    name: str,
    words: tuple[str, ...],
    x: float,
    y: float,
    width: float,
    height: float,
    reference: AttentionStore | None,
    record: RecordHandle | None,
) -> Objective:
    if reference is not None:
        return StayLike(reference, words)
    if record is not None:
        return StayLikeRecord(record, words)
    made = {PRESENT: BePresent(), HERE: BeHere(x, y), BIG: BeThisBig(width * height)}
    return made[name] if name in made else BeInBox(x, y, width, height)


def _refuse_other_references(name: str, reference: AttentionStore | None, record: RecordHandle | None) -> None:
    """Stay like this needs one of the two, and nothing else any."""
    given = [what for what, one in (("reference", reference), ("record", record)) if one is not None]
    if name == STAY and not given:
        raise P2PError(
            "P2P Attention Guidance has the objective stay like this but nothing to be like: connect the attention of "
            "P2P Attention Store with keep_steps on to reference, or a record to record."
        )
    if name == STAY and len(given) > 1:
        raise P2PError("P2P Attention Guidance has a reference and a record: disconnect one of the two.")
    if name != STAY and given:
        raise P2PError(
            f"P2P Attention Guidance has a {given[0]}, which the objective {name} does not use: choose stay like this, "
            f"or disconnect the {given[0]}."
        )


def _words(text: str) -> tuple[str, ...]:
    words = parse_words(text)
    if not words:
        raise P2PError("words is empty: give the words of the prompt that are to be guided.")
    return words


def _window(start: float | None, end: float | None) -> Window | None:
    """None where one of the two is not known yet."""
    if start is None or end is None:
        return None
    if start >= end:
        raise P2PError(f"start ({start}) is not before end ({end}), so nothing would be guided: give a later end.")
    return Window(start, end)


def _length(name: str, adjective: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=0.4,
        min=0.02,
        max=1.0,
        step=0.01,
        round=0.001,
        tooltip=f"How {adjective} the words are to be, as a part of the picture, for be this big and be in this box.",
    )


NODES = [P2PAttentionGuidance]
