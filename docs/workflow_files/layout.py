"""Where nodes lie on the canvas: in columns from left to right, with a note before them."""

from .host import WIDGETS, Nodes

EDITS = ("P2PReplaceController", "P2PRefineController", "P2PReweightController", "P2PMoveController")
# (title, width, kinds of nodes from top to bottom)
COLUMNS = (
    (
        "Model and size",
        300,
        (
            "CheckpointLoaderSimple",
            "P2PMiniSDXL",
            "LoraLoaderModelOnly",
            "P2PMiniLora",
            "ControlNetLoader",
            "P2PMiniControlNet",
            "EmptyLatentImage",
        ),
    ),
    ("Prompts", 360, ("P2PTextEncode", "CLIPTextEncode")),
    (
        "Edit",
        360,
        (*EDITS, "P2PCombine", "P2PRecord"),
    ),
    ("Apply", 340, ("P2PLocalBlend", "P2PAdjustMove", "P2PApply", "P2PAttentionGuidance", "P2PAttentionStore")),
    ("Control picture", 300, ("SolidMask", "MaskComposite", "GrowMask", "MaskToImage", "ControlNetApplyAdvanced")),
    ("Sampling: stock nodes", 300, ("KSampler", "VAEDecode")),
    ("Result", 440, ("P2PAttentionMaps", "SaveImage")),
    ("Preview", 440, ("PreviewImage",)),
)
NOTE_WIDTH, NOTE_HEIGHT = 420, 620
GAP, FRAME, TOP = 60, 20, 40

TITLE_ROW, SOCKET_ROW, WIDGET_ROW, TEXT_ROWS, PICTURE_ROWS = 30, 20, 24, 100, 466
# What the pack's own widgets need below the ordinary ones, in pixels.
CHIPS, BLEND_CHIPS, TIMELINE, LIVE_MAPS, VIEWER = 160, 260, 130, 220, 420
OWN_WIDGETS = {
    **dict.fromkeys(EDITS, CHIPS),
    "P2PAdjustMove": CHIPS,
    "P2PLocalBlend": BLEND_CHIPS,
    "P2PApply": TIMELINE,
    "P2PAttentionGuidance": CHIPS,
    "P2PAttentionStore": CHIPS + LIVE_MAPS,
    "P2PRecord": CHIPS,
    "P2PAttentionMaps": CHIPS + VIEWER,
}


def height(kind: str, nodes: Nodes) -> int:
    """The height of a node, with room for all that it shows."""
    fields, outputs = nodes.inputs(kind), nodes.outputs(kind)
    sockets = sum(field_kind not in WIDGETS for _, field_kind, _ in fields)
    rows = sum(
        TEXT_ROWS if is_long else WIDGET_ROW * (2 if name == "seed" else 1)
        for name, field_kind, is_long in fields
        if field_kind in WIDGETS
    )
    picture = PICTURE_ROWS if kind in ("SaveImage", "PreviewImage") else 0
    return TITLE_ROW + SOCKET_ROW * max(sockets, len(outputs)) + rows + OWN_WIDGETS.get(kind, 0) + picture


def arrange(parts: list[dict]) -> list[dict]:
    """Sets place and width of every node, column by column, and returns the groups around the columns."""
    left, bottom, found = NOTE_WIDTH + GAP, 0, []
    for title, width, kinds in COLUMNS:
        column = sorted((part for part in parts if part["type"] in kinds), key=lambda part: kinds.index(part["type"]))
        if not column:
            continue
        top = TOP
        for part in column:
            part["pos"], part["size"][0] = [left, top], width
            top += part["size"][1] + GAP
        found.append((title, left, width))
        left, bottom = left + width + GAP, max(bottom, top - GAP)
    return [
        {
            "id": number,
            "title": title,
            "bounding": [left - FRAME, -TOP, width + 2 * FRAME, bottom + TOP + FRAME],
            "color": "#3f789e",
            "font_size": 24,
            "flags": {},
        }
        for number, (title, left, width) in enumerate(found, 1)
    ]


def note(identity: int, text: str) -> dict:
    """A note to the left of everything."""
    return {
        "id": identity,
        "type": "MarkdownNote",
        "pos": [0, 0],
        "size": [NOTE_WIDTH, NOTE_HEIGHT],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "title": "Read me",
        "properties": {},
        "widgets_values": [text],
    }
