/** A word with its scale as a slider, and its window. */

import { element } from "../shared/dom.js";
import { chipRoot, showState, wordLabel } from "./chip.js";
import { spokenScale, tooltipOf } from "./describe.js";
import { LARGE, SCALES, STEP, draggedScale, placeOnGauge, shownScale, stepped, strengthOf } from "./numbers.js";
import { onDrag } from "./pointer.js";
import { LARGEST_SCALE } from "../shared/grammar.js";
import { windowTrack } from "./track.js";

/**
 * @param {object} first what the chip shows at first.
 * @param {object} actions as of `windowTrack`, and `setScale(chip, scale)`, `attentionStep()`.
 * @param {boolean} hasWindow whether the word can have one.
 */
export function scaleChip(first, actions, t, hasWindow) {
  let chip = first;
  const number = element("span", { class: "p2p-number" });
  const properties = { class: "p2p-word p2p-slider", role: "slider", tabindex: 0 };
  const slider = element("div", properties, ...wordLabel(chip), number);
  slider.setAttribute("aria-label", t("scaleOf", { word: chip.text }));
  slider.setAttribute("aria-valuemin", String(-LARGEST_SCALE));
  slider.setAttribute("aria-valuemax", String(LARGEST_SCALE));
  const bar = element("i");
  const track = hasWindow ? windowTrack(actions, t, false) : null;
  const gauge = element("div", { class: "p2p-gauge", "aria-hidden": "true" }, bar);
  const root = chipRoot("div", chip, { dataset: { word: chip.id } }, slider, gauge, track?.root ?? null);

  onDrag(slider, {
    start() {
      if (!actions.canChange(chip)) return null;
      actions.begin();
      return chip.scale;
    },
    move: (from, pixels) => actions.setScale(chip, draggedScale(from, pixels)),
    end: actions.commit,
  });
  slider.addEventListener("dblclick", () => change(SCALES.neutral));
  slider.addEventListener("keydown", onKey);
  slider.addEventListener("wheel", onWheel, { passive: false });
  root.addEventListener("focusin", () => track?.setReachable(true));
  root.addEventListener("focusout", (event) => track?.setReachable(root.contains(event.relatedTarget)));

  function onKey(event) {
    const wanted = event.altKey ? null : scaleAfter(event);
    if (wanted === null) return;
    event.preventDefault();
    event.stopPropagation();
    change(wanted);
  }

  function scaleAfter({ key, shiftKey, ctrlKey, metaKey }) {
    const far = shiftKey ? LARGE : 1;
    const isVertical = key === "ArrowUp" || key === "ArrowDown";
    if ((ctrlKey || metaKey) && !isVertical) return null;
    const step = (ctrlKey || metaKey ? actions.attentionStep() : STEP) * far;
    const by = (sign) => stepped(chip.scale, sign * step, -LARGEST_SCALE, LARGEST_SCALE);
    if (key === "ArrowRight" || key === "ArrowUp") return by(1);
    if (key === "ArrowLeft" || key === "ArrowDown") return by(-1);
    const fixed = { Home: SCALES.least, End: SCALES.most, Delete: 0, Backspace: 0, Enter: SCALES.neutral };
    return fixed[key] ?? null;
  }

  function onWheel(event) {
    if (document.activeElement !== slider) return;
    event.preventDefault();
    event.stopPropagation();
    change(stepped(chip.scale, -Math.sign(event.deltaY) * STEP, -LARGEST_SCALE, LARGEST_SCALE));
  }

  function change(scale) {
    if (!actions.canChange(chip)) return;
    actions.setScale(chip, scale);
    actions.commit();
  }

  function update(now, readOnly) {
    chip = now;
    showState(root, chip, readOnly);
    number.textContent = shownScale(chip.scale) + (chip.also.length ? "*" : "");
    root.style.setProperty("--p2p-tint", chip.scale < SCALES.neutral ? "var(--p2p-less)" : "var(--p2p-more)");
    root.style.setProperty("--p2p-strength", `${Math.round(12 + strengthOf(chip.scale) * 30)}%`);
    const [from, to] = [0.5, placeOnGauge(chip.scale)].sort((one, other) => one - other);
    bar.style.left = `${from * 100}%`;
    bar.style.width = `${(to - from) * 100}%`;
    slider.setAttribute("aria-valuenow", String(chip.scale));
    slider.setAttribute("aria-valuetext", spokenScale(chip, t));
    slider.setAttribute("aria-readonly", String(readOnly));
    slider.title = tooltipOf(chip, t, readOnly ? "" : t("scaleHelp"));
    track?.update(chip, readOnly);
  }

  return { root, update, focus: () => slider.focus() };
}
