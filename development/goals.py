"""What the demo is expected to show on the embedded model, and whether it did."""

from collections.abc import Sequence

from . import demo_guidance, figures

BACKGROUND = 35.0  # dB
BLEND_SUCCESS = 0.85
MOVED = 0.5  # of the asked distance
MAPS = 3.0  # times the mask's share
ALONE = 2.0  # of 255
RECORD = 50.0  # dB, of edits from a record in fp16
CURVES = ("plain", "switching", "p2p")


def curve(entries: Sequence[dict]) -> dict:
    """Return the colour's mean probability, and how often it is seen, by scale and arm; 1 is the source itself.

    Empty where no colour was turned up or down.
    """
    if not entries:
        return {}
    scales = sorted({1.0, *(float(entry["value"]) for entry in entries)})
    result: dict[str, list] = {"scales": scales}
    for measure in ("colour", "success"):
        for arm in CURVES:
            result[f"{measure}_{arm}"] = [_at(entries, scale, measure, arm) for scale in scales]
    return result


def _at(entries: Sequence[dict], scale: float, measure: str, arm: str) -> float | None:
    if scale == 1:
        return figures.mean([entry.get(f"{measure}_source") for entry in entries])
    return figures.mean([entry.get(f"{measure}_{arm}") for entry in entries if entry["value"] == scale])


def goals(result: dict) -> list[dict]:
    """Return every expectation that this run can answer: what it is, the value, and whether it was reached."""
    sections, found = result["sections"], []

    def at_least(what: str, value: float | None, least: float, form: str) -> None:
        if value is not None:
            asked = f"at least {form.format(least)}"
            found.append({"goal": what, "asked": asked, "value": form.format(value), "reached": value >= least})

    blend = sections.get("blend", {}).get("mean", {})
    at_least("local blend: target seen", blend.get("success_blend"), BLEND_SUCCESS, "{:.2f}")
    at_least(
        "local blend: background beyond a cell", blend.get("background_psnr_beyond_blend"), BACKGROUND, "{:.1f} dB"
    )
    at_least("local blend: background up to the masks", blend.get("background_psnr_blend"), BACKGROUND, "{:.1f} dB")
    rising = result["curve"].get("colour_p2p", [])
    if rising and None not in rising:
        values = ", ".join(f"{value:.2f}" for value in rising)
        scales = ", ".join(f"{scale:g}" for scale in result["curve"]["scales"])
        goal = {"goal": f"reweight: colour at {scales}", "asked": "rising", "value": values}
        found.append({**goal, "reached": figures.is_rising(rising)})
    at_least(
        "move: part of the asked distance", sections.get("move", {}).get("mean", {}).get("moved_p2p"), MOVED, "{:.2f}"
    )
    at_least("maps: ratio, smallest value taken off", result["maps_mean"]["floor_free"], MAPS, "{:.2f}")
    at_least("maps: ratio, raw", result["maps_mean"]["raw"], MAPS, "{:.2f}")
    for what, value, least in demo_guidance.goals(result["guidance"]):
        at_least(what, value, least, "{:.2f}")
    if result["record"]:
        at_least("edits from a record: as the pairs", result["record"]["psnr"], RECORD, "{:.1f} dB")
    apart = [entry["alone_difference_together"] for entry in result["edits"] if "alone_difference_together" in entry]
    if apart:
        goal = {
            "goal": "two targets: as each alone",
            "asked": f"at most {ALONE:.0f}/255",
            "value": f"{max(apart):.0f}/255",
        }
        found.append({**goal, "reached": max(apart) <= ALONE})
    return found
