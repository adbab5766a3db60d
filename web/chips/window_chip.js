/** A word with its window. */

import { element } from "../shared/dom.js";
import { chipRoot, showState, wordLabel } from "./chip.js";
import { tooltipOf } from "./describe.js";
import { windowTrack } from "./track.js";

export function windowChip(first, actions, t) {
  const number = element("span", { class: "p2p-number" });
  const label = element("div", { class: "p2p-word" }, ...wordLabel(first), number);
  const track = first.inherits ? windowTrack(actions, t, true) : null;
  const root = chipRoot("div", first, { role: "group", "aria-label": first.text, dataset: { word: first.id } }, label);
  if (track) root.append(track.root);

  function update(chip, readOnly) {
    showState(root, chip, readOnly);
    root.classList.toggle("is-dim", !chip.inherits || !chip.everywhere || chip.phrase === null);
    root.classList.toggle("has-window", chip.isSet);
    number.textContent = chip.inherits ? `${chip.start}–${chip.end}` : "";
    const own = chip.inherits ? "" : t("ownAttention", { word: chip.text });
    label.title = tooltipOf(chip, t, own || (readOnly ? "" : t("windowHelp")));
    track?.update(chip, readOnly);
  }

  return { root, update, focus: () => root.querySelector(".p2p-handle")?.focus() };
}
