/** The maps of a view: which words a picture has, their scale, and which of them rank highest at a point. */

import { tileValues } from "./atlas.js";
import { valueAt } from "./sampling.js";

export const PER_WORD = "per word";
export const SHARED = "shared";

/**
 * @typedef {{label: string, column: number, prompt: number, tile: number, largest: (number|null)[]}} Word
 *   ``column``: words of several pictures that took each other's place have the same one. ``largest``: per frame, null
 *   where the prompt took no part in it.
 * @typedef {{role: string, prompts: {side: string, text: string}[], words: Word[]}} Row one picture of the batch.
 */

/** The word of a column in one picture, or null. */
export function wordOf(row, column) {
  return row.words.find((word) => word.column === column) ?? null;
}

/** @returns {Float32Array|null} null where the prompt took no part in the frame. */
export function mapOf(atlas, word, frame) {
  const largest = word.largest[frame];
  return largest === null ? null : tileValues(atlas, word.tile + frame, largest);
}

/** The value that gets the lightest colour: the word's own largest, or the largest of all words of all pictures. */
export function fullOf(rows, word, frame, scale) {
  if (scale !== SHARED) return word.largest[frame] ?? 0;
  let full = 0;
  for (const row of rows) for (const { largest } of row.words) full = Math.max(full, largest[frame] ?? 0);
  return full;
}

/**
 * The words that a place of the picture looks at, the strongest first.
 *
 * @param {{x: number, y: number}} point 0…1 from the left and the top.
 * @param {number} most how many words are told at most.
 * @returns {{word: Word, value: number, share: number}[]} share: of the strongest.
 */
export function ranking(atlas, row, frame, { x, y }, most) {
  const { width, height } = atlas.tile;
  const found = row.words
    .filter((word) => word.largest[frame] !== null)
    .map((word) => ({ word, value: valueAt(mapOf(atlas, word, frame), width, height, x, y) }))
    .sort((a, b) => b.value - a.value)
    .slice(0, most);
  const strongest = Math.max(found[0]?.value ?? 0, Number.MIN_VALUE);
  return found.map((entry) => ({ ...entry, share: entry.value / strongest }));
}

/** A probability as people read it, with as many digits as the contact sheet shows. */
export function percent(value) {
  return `${(value * 100).toFixed(value >= 0.0995 ? 0 : 1)} %`;
}
