/** A word that is chosen or not. */

import { element } from "../shared/dom.js";
import { chipRoot, showState, wordLabel } from "./chip.js";
import { tooltipOf } from "./describe.js";

const ITS_OWN_KEYS = ["Enter", " ", "Delete", "Backspace"];

/** @param {object} actions `canChange(chip)` and `choose(chip, {more, span})`. */
export function toggleChip(first, actions, t, help) {
  let chip = first;
  const label = element("span", { class: "p2p-word" }, ...wordLabel(first));
  const root = chipRoot("button", first, { class: "p2p-toggle", type: "button", dataset: { word: first.id } }, label);

  root.addEventListener("click", (event) => {
    if (actions.canChange(chip)) actions.choose(chip, { more: event.ctrlKey || event.metaKey, span: event.shiftKey });
  });
  root.addEventListener("keydown", (event) => {
    if (ITS_OWN_KEYS.includes(event.key)) event.stopPropagation(); // Delete would remove the node
  });

  function update(now, readOnly) {
    chip = now;
    showState(root, chip, readOnly);
    root.setAttribute("aria-pressed", String(chip.isSet));
    root.setAttribute("aria-disabled", String(readOnly || (chip.phrase === null && !chip.isSet)));
    root.title = tooltipOf(chip, t, readOnly ? "" : help);
  }

  return { root, update, focus: () => root.focus() };
}
