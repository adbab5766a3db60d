/** What all chips have in common: the word, and its mark by the aligner as text and shape. */

import { element } from "../shared/dom.js";

/** The word with what it takes the place of; a removed one is struck through. */
export function wordLabel(chip) {
  const isSource = chip.id.startsWith("source");
  const beside = (...parts) => element("span", { class: "p2p-old" }, ...parts);
  const old = chip.other && !isSource ? beside(element("s", {}, chip.other), " →") : null;
  const now = chip.other && isSource ? beside(`→ ${chip.other}`) : null;
  const word = chip.change === "removed" ? element("s", {}, chip.text) : chip.text;
  const mark = chip.change === "added" ? "+ " : "";
  return [old, element("span", { class: "p2p-text" }, mark, word), now];
}

/** A word that is only shown: punctuation, or a word of the other prompt. */
export function plainWord(chip, title) {
  const isGone = !chip.choosable && !chip.punctuation;
  const shown = element("span", { class: isGone ? "p2p-removed" : "p2p-plain", title }, chip.text);
  return { root: shown, update() {}, focus() {} };
}

export function chipRoot(tag, chip, properties, ...children) {
  return element(tag, { ...properties, class: `p2p-chip is-${chip.change} ${properties.class ?? ""}` }, ...children);
}

/** The classes and colours that follow the state. */
export function showState(root, chip, readOnly) {
  root.classList.toggle("is-set", chip.isSet);
  root.classList.toggle("is-fixed", readOnly);
  root.classList.toggle("is-dim", !chip.everywhere || chip.phrase === null);
  root.classList.toggle("has-window", chip.isSet && !(chip.start === 0 && chip.end === 1));
}
