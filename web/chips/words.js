/** The words to choose from, made of what the server tells of the prompts. */

import { wordsOfPhrase } from "./phrases.js";

/**
 * A word that can have a chip.
 *
 * @typedef {object} ChipWord
 * @property {string} id of its own among the words.
 * @property {string} text
 * @property {string|null} phrase what to write for it; null where it cannot be meant alone, as punctuation.
 * @property {boolean} punctuation
 * @property {"kept"|"replaced"|"added"|"removed"} change
 * @property {string} other the words that it takes the place of, or that take its place.
 * @property {[number, number][]} tokens chunk, and place in it.
 * @property {boolean} inherits whether it follows the source at all.
 * @property {boolean} choosable false for a word that is only shown where another prompt's are chosen.
 * @property {boolean} everywhere whether every target has it.
 */

/**
 * @param {object[]} views one per target, as `/prompt_to_prompt/words` tells them; the first one's words are shown.
 * @param {"target"|"source"|"both"} side whose words are chosen.
 * @returns {{list: ChipWord[], covered: (phrase: string) => string[]}} `covered`: the ids of the words that a phrase
 *   means; none where a target lacks it.
 */
export function wordsToChoose(views, side) {
  const [view] = views;
  const ordered = view.pairs.flatMap((pair) => wordsOfPair(view, pair, side));
  const list = ordered.map((word) => ({ ...word, everywhere: isEverywhere(views, side, word) }));
  const shown = new Set(list.filter((word) => word.choosable).map((word) => word.id));
  return { list, covered: (phrase) => coveredIn(views, side, phrase).filter((id) => shown.has(id)) };
}

/** The words where no prompt is known: those that the text names. */
export function wordsOfEntries(places) {
  const phrases = [...new Set(places.map(({ entry }) => entry.phrase))];
  const list = phrases.map((phrase) => ({
    id: phrase,
    text: phrase,
    phrase,
    punctuation: false,
    change: "kept",
    other: "",
    tokens: [],
    inherits: true,
    choosable: true,
    everywhere: true,
  }));
  return { list, covered: (phrase) => (phrases.includes(phrase) ? [phrase] : []), keepsAll: true };
}

function wordsOfPair(view, { change, source, target }, side) {
  const textOf = (words, numbers) => numbers.map((number) => words[number].text).join(" ");
  const isShownBeside = side === "both"; // the new word then says what it takes the place of
  const old = source.map((number) => shownWord("source", number, view.source[number], {
    change: change === "replaced" && isShownBeside ? "removed" : change,
    other: change === "replaced" && !isShownBeside ? textOf(view.target, target) : "",
    choosable: side !== "target",
  }));
  const now = target.map((number) => shownWord("target", number, view.target[number], {
    change,
    other: change === "replaced" ? textOf(view.source, source) : "",
    choosable: side !== "source",
  }));
  if (side === "source") return old;
  if (side === "target") return change === "removed" ? old : now;
  return change === "kept" ? now : [...old, ...now];
}

function shownWord(side, number, word, { change, other, choosable }) {
  const { text, phrase, punctuation, tokens, inherits = true } = word;
  return { id: `${side}${number}`, text, phrase, punctuation, tokens, inherits, change, other, choosable };
}

function coveredIn(views, side, phrase) {
  const ids = (view, of) => wordsOfPhrase(textsOf(view, of), phrase).map((number) => `${of}${number}`);
  if (side === "both") return [...ids(views[0], "target"), ...ids(views[0], "source")];
  return views.every((view) => ids(view, side).length) ? ids(views[0], side) : [];
}

function isEverywhere(views, side, word) {
  if (side !== "target" || word.phrase === null || !word.choosable) return true;
  return views.every((view) => wordsOfPhrase(textsOf(view, "target"), word.phrase).length);
}

function textsOf(view, side) {
  return view[side].map((word) => word.text);
}
