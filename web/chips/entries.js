/** Changing single entries of a text without touching the rest of it: what the user wrote stays as it is written. */

import { formatEntry } from "../shared/grammar.js";

/** The text with the entry at this place written anew; the white space around it stays. */
export function withEntry(text, place, kind, entry) {
  const written = text.slice(place.from, place.to);
  const before = written.length - written.trimStart().length;
  const after = written.length - written.trimEnd().length;
  const changed = written.slice(0, before) + formatEntry(kind, entry) + written.slice(written.length - after);
  return text.slice(0, place.from) + changed + text.slice(place.to);
}

/** The text without the entries at these places, and without a separator for each. */
export function withoutEntries(text, places) {
  const fromTheEnd = [...places].sort((one, other) => other.from - one.from);
  return fromTheEnd.reduce(withoutEntry, text);
}

/** The text with one more entry at its end. */
export function withMore(text, kind, entry) {
  const written = formatEntry(kind, entry);
  if (!text.trim()) return written;
  if (/[\n,][^\S\n]*$/.test(text)) return text + (/,$/.test(text) ? " " : "") + written;
  return text + (kind === "words" ? ", " : "\n") + written;
}

function withoutEntry(text, { from, to }) {
  const hasNext = to < text.length;
  const start = hasNext || from === 0 ? from : from - 1;
  const rest = text.slice(0, start) + text.slice(hasNext ? to + 1 : to);
  return from === 0 ? rest.trimStart() : rest;
}
