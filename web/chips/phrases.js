/** Finding a phrase that a person typed among the words of a prompt, as p2p_core/phrases.py does. */

import { splitOccurrence } from "../shared/grammar.js";

const PUNCTUATION = /^[\p{P}\p{Z}\p{C}$+<=>^`|~]$/u;
const LETTER = /^\p{L}$/u;

/** Runs of letters and single other characters without case: "Teddy-bear 20" is teddy, bear, 2, 0. */
export function unitsOf(text) {
  const units = [];
  let run = "";
  for (const character of [...withoutCase(text), ""]) {
    if (LETTER.test(character)) {
      run += character;
      continue;
    }
    if (run) units.push(run);
    run = "";
    if (character && !PUNCTUATION.test(character)) units.push(character);
  }
  return units;
}

/**
 * Every place, left to right and without overlap, where consecutive words spell the text.
 *
 * @param {string[]} words the words of a prompt in order.
 * @param {string} text without an occurrence.
 * @returns {[number, number][]} the first word, and the one after the last.
 */
export function placesOf(words, text) {
  const wanted = unitsOf(text);
  const spelled = words.map(unitsOf);
  const places = [];
  let first = 0;
  while (wanted.length && first < words.length) {
    const last = endOfMatch(spelled, first, wanted);
    if (last !== null) places.push([first, last]);
    first = last ?? first + 1;
  }
  return places;
}

/** The words that a phrase means, as numbers: all its occurrences, or the one it asks for; none if it is not there. */
export function wordsOfPhrase(words, phrase) {
  const [text, number] = splitOccurrence(phrase);
  const places = placesOf(words, text);
  const meant = number === null ? places : places.slice(number - 1, number);
  return meant.flatMap(([first, last]) => Array.from({ length: last - first }, (_, place) => first + place));
}

/** What to write to mean these consecutive words alone; null where nothing does. */
export function phraseOfRange(words, first, last) {
  const text = words
    .slice(first, last)
    .filter((word) => unitsOf(word).length)
    .join(" ");
  const places = placesOf(words, text);
  const number = places.findIndex((place) => place[0] === first && place[1] === last);
  if (number < 0) return null;
  return places.length === 1 && splitOccurrence(text)[1] === null ? text : `${text}#${number + 1}`;
}

function endOfMatch(spelled, first, wanted) {
  if (!spelled[first].length) return null;
  const units = [];
  let last = first;
  while (last < spelled.length && units.length < wanted.length) {
    units.push(...spelled[last]);
    last += 1;
  }
  return units.length === wanted.length && units.every((unit, place) => unit === wanted[place]) ? last : null;
}

/** ß is ss and ς is σ, as where Python folds case; a whole word at once would have ς at its end. */
function withoutCase(text) {
  return Array.from(text.toLowerCase().toUpperCase(), (character) => character.toLowerCase()).join("");
}
