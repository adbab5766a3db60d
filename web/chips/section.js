/** The chips of one text input. Chips stay while their words do, so that a drag and the focus outlive a change. */

import { element, fill } from "../shared/dom.js";
import { plainWord } from "./chip.js";
import { tooltipOf } from "./describe.js";
import { scaleChip } from "./scale_chip.js";
import { toggleChip } from "./toggle_chip.js";
import { windowChip } from "./window_chip.js";

/**
 * @param {object} feature of `FEATURES`.
 * @param {object} actions what chips do to the text.
 * @param {string|null} label where a node has several sections.
 */
export function chipSection(feature, actions, t, label) {
  const list = element("div", { class: "p2p-list" });
  const notes = element("div", { class: "p2p-note", role: "status" });
  const heading = label && element("span", { class: "p2p-label" }, label);
  const named = { role: "group", "aria-label": label ?? t("chips"), dataset: { input: feature.name } };
  const root = element("div", { class: "p2p-section", ...named }, list, notes);
  let shown = { signature: "", chips: [] };

  function make(chip) {
    if (chip.punctuation || !chip.choosable) return plainWord(chip, tooltipOf(chip, t, ""));
    if (feature.kind === "scales") return scaleChip(chip, actions, t, !feature.noWindows);
    if (feature.kind === "word_windows") return windowChip(chip, actions, t);
    return toggleChip(chip, actions, t, t(feature.alone ? "aloneHelp" : feature.single ? "singleHelp" : "toggleHelp"));
  }

  function rebuild(signature, chips) {
    const focused = document.activeElement?.closest?.("[data-word]");
    const id = list.contains(focused) ? focused.dataset.word : null;
    shown = { signature, chips: chips.map(make) };
    fill(list, heading, ...shown.chips.map((chip) => chip.root));
    if (id) shown.chips[chips.findIndex((chip) => chip.id === id)]?.focus();
  }

  /**
   * @param {{chips: object[], error: string|null}} state
   * @param {boolean} readOnly
   * @param {string[]} sentences
   */
  function update(state, readOnly, sentences) {
    const signature = JSON.stringify(state.chips.map(wordOnly));
    if (signature !== shown.signature) rebuild(signature, state.chips);
    state.chips.forEach((chip, number) => shown.chips[number].update(chip, readOnly));
    fill(notes, sentences.filter(Boolean).join(" "));
    notes.hidden = !notes.textContent;
    notes.classList.toggle("is-error", state.error !== null);
  }

  return { root, update };
}

/** What of a chip is drawn once: all but what follows the text. */
function wordOnly({ id, text, phrase, punctuation, change, other, choosable, inherits, tokens }) {
  return [id, text, phrase, punctuation, change, other, choosable, inherits, tokens];
}
