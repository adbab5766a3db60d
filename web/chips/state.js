/**
 * What the chips of one text input show, and how the text changes when they are moved. The text is the only truth:
 * everything here is a function of the text and of the words of the prompt.
 *
 * An entry may mean several words ("teddy bear: 2", or "dog: 2" where there are two dogs). Their chips then show the
 * same entry and move together. Entries that mean no word of the prompt are left alone.
 */

import { GrammarError, located } from "../shared/grammar.js";
import { withEntry, withMore, withoutEntries } from "./entries.js";
import { phraseOfRange } from "./phrases.js";

export const NEUTRAL = 1;
const DECIMALS = 4;

/** The entries of a text, or the sentence that says what is wrong with it. */
export function readText(kind, text) {
  try {
    return { places: located(kind, text), error: null };
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error;
    return { places: [], error: error.message };
  }
}

/**
 * @param {"scales"|"word_windows"|"words"} kind
 * @param {string} text
 * @param {{list: object[], covered: (phrase: string) => string[]}} words
 * @param {[number, number]} usual the window of words that have none of their own.
 * @returns {{error: string|null, chips: object[], unknown: string[]}} one chip per word, with what it shows: `isSet`,
 *   `scale`, `start`, `end`, `also` (other entries that mean it) and `together` (the phrase that sets several words).
 */
export function stateOf(kind, text, words, usual = [0, 1]) {
  const { places, error } = readText(kind, text);
  const entries = places.map((place) => ({ ...place, ids: words.covered(place.entry.phrase) }));
  const chips = words.list.map((word) => chipOf(kind, word, entries, usual));
  const unknown = entries.filter(({ ids }) => !ids.length).map(({ entry }) => entry.phrase);
  return { error, chips, unknown: [...new Set(unknown)] };
}

/** The text with another scale of a word. Where it is neutral and has no window, the entry goes. */
export function withScale(text, words, id, scale) {
  return changed("scales", text, words, id, { scale: rounded(scale) });
}

/** The text with another window of a word. */
export function withWindow(kind, text, words, id, start, end) {
  return changed(kind, text, words, id, { start: rounded(start), end: rounded(end) });
}

/** The text in which a word has no window of its own. */
export function withoutWindow(kind, text, words, id) {
  if (kind === "scales") return changed(kind, text, words, id, { start: 0, end: 1 });
  const { governing } = governed(kind, text, words, id);
  return governing ? withoutEntries(text, governing.group) : text;
}

/** The text with a word chosen, or without it and whatever was chosen together with it. */
export function withToggled(text, words, id) {
  const covering = entriesOf("words", text, words).filter(({ ids }) => ids.includes(id));
  if (covering.length) return withoutEntries(text, covering);
  return withMore(text, "words", { phrase: wordOf(words, id).phrase });
}

/** The text with this word as the only one of the prompt that is chosen. */
export function withOnly(text, words, id) {
  return withPhraseOnly(text, words, wordOf(words, id).phrase);
}

/** The text with the words from one to another chosen as one phrase; null where no phrase means them alone. */
export function withSpan(text, words, fromId, toId) {
  const side = toId.replace(/\d+$/, "");
  if (fromId.replace(/\d+$/, "") !== side || side === toId) return null;
  const [first, last] = [fromId, toId].map((id) => Number(id.slice(side.length))).sort((one, other) => one - other);
  const texts = [];
  for (const word of words.list) if (word.id.startsWith(side)) texts[Number(word.id.slice(side.length))] = word.text;
  if (Array.from(texts).includes(undefined)) return null; // words that stand between them are not shown
  const phrase = phraseOfRange(texts, first, last + 1);
  return phrase === null ? null : withPhraseOnly(text, words, phrase);
}

function withPhraseOnly(text, words, phrase) {
  const known = entriesOf("words", text, words).filter(({ ids }) => ids.length);
  return withMore(withoutEntries(text, known), "words", { phrase });
}

function entriesOf(kind, text, words) {
  return located(kind, text).map((place) => ({ ...place, ids: words.covered(place.entry.phrase) }));
}

function wordOf(words, id) {
  return words.list.find((word) => word.id === id);
}

function governed(kind, text, words, id) {
  return { governing: governingEntry(kind, id, entriesOf(kind, text, words)) };
}

/** Where nothing says anything of the word yet, an entry of its own comes at the end. */
function changed(kind, text, words, id, values) {
  const { governing } = governed(kind, text, words, id);
  const entry = { scale: NEUTRAL, start: 0, end: 1, ...governing?.entry, ...values };
  const says = kind !== "scales" || entry.scale !== NEUTRAL || entry.start !== 0 || entry.end !== 1 || words.keepsAll;
  if (!governing) return says ? withMore(text, kind, { ...entry, phrase: wordOf(words, id).phrase }) : text;
  const [last, ...others] = [...governing.group].reverse();
  if (!says) return withoutEntries(text, governing.group);
  return withoutEntries(withEntry(text, last, kind, entry), others);
}

/**
 * The entry that a chip shows and moves: of scales, which multiply, the one that means the fewest words; of windows,
 * which override each other, the last. Entries that mean the same words at the same time count as one.
 */
function governingEntry(kind, id, entries) {
  const covering = entries.filter(({ ids }) => ids.includes(id));
  if (!covering.length) return null;
  const fewest = kind === "scales" ? Math.min(...covering.map(({ ids }) => ids.length)) : Infinity;
  const last = covering.filter(({ ids }) => ids.length <= fewest).at(-1);
  const group = covering.filter((other) => isSame(kind, other, last));
  const scale = group.reduce((product, { entry }) => product * (entry.scale ?? 1), 1);
  return { entry: { ...last.entry, scale: rounded(scale) }, group, ids: last.ids, covering };
}

function isSame(kind, one, other) {
  if (one.ids.join() !== other.ids.join()) return false;
  return kind !== "scales" || (one.entry.start === other.entry.start && one.entry.end === other.entry.end);
}

function chipOf(kind, word, entries, [usualStart, usualEnd]) {
  const governing = word.choosable ? governingEntry(kind, word.id, entries) : null;
  const { scale = NEUTRAL, start = usualStart, end = usualEnd, phrase = null } = governing?.entry ?? {};
  const also = governing ? governing.covering.filter((entry) => !governing.group.includes(entry)) : [];
  return {
    ...word,
    isSet: governing !== null,
    scale,
    start,
    end,
    together: governing && governing.ids.length > 1 ? phrase : null,
    also: kind === "scales" ? also.map(({ entry }) => entry) : [],
  };
}

function rounded(value) {
  return Number(value.toFixed(DECIMALS));
}
