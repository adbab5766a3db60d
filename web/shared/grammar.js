/**
 * The one grammar of all text inputs, as p2p_core/grammar.py reads and writes it; tests/grammar_cases.json is the
 * contract of both. Patterns are written so that they never go back over what they have read.
 *
 *     word windows   dog: 0-0.4, teddy bear#2: 0.3       a number alone is a window from 0 to it
 *     scales         night: 1.6, pink: -1 @ 0.2-0.8      without a window: all the time
 *     words          cat, teddy bear, dog#2
 */

export const LARGEST_SCALE = 100;
export const MOST_ENTRIES = 1000; // of a text

/** A text that the grammar does not know; the message is the sentence that Python says. */
export class GrammarError extends Error {}

const SPACE = /[\s\x1c-\x1f\x85]+/gu; // \x1c-\x1f and \x85 are white space to Python only
const AROUND = new Set(" \"'`“”„‟‘’‚‛«»‹›「」『』");
const NUMBER = String.raw`(?:\p{Nd}+(?:\.\p{Nd}*)?|\.\p{Nd}+)`;
const BOUNDS = new RegExp(`^(?:(?<start>${NUMBER}) ?- ?)?(?<end>${NUMBER})$`, "u");
const SCALE = new RegExp(`^(?<scale>[-+]?${NUMBER})(?: ?@ ?(?<window>.+))?$`, "u");
const EXPONENT = /(?:^|[-+@ ])[\p{Nd}.]*\p{Nd}\.?[eE][-+]?\p{Nd}/u;
const VALUE_ALONE = /^[-+@. ]*\p{Nd}[-+@.\p{Nd} ]*$/u;
const MOST_DIGITS = 9; // of an occurrence, as in p2p_core/phrases.py
const LONGEST_QUOTE = 80; // characters of an entry in a message

/** How messages speak of an entry. */
const KINDS = {
  word_windows: { name: "a window of a word", shape: '"word: start-end"', example: '"dog: 0-0.4"' },
  scales: {
    name: "a scale of a word",
    shape: '"word: scale" or "word: scale @ start-end"',
    example: '"night: 1.6 @ 0-0.8"',
  },
  words: { name: "a word or phrase", shape: "words separated by commas", example: '"cat, teddy bear, dog#2"' },
};

/** @returns {[string, number, number][]} (word or phrase, start, end) in the order they are written. */
export function parseWordWindows(text) {
  return located("word_windows", text).map(({ entry }) => [entry.phrase, entry.start, entry.end]);
}

/** @returns {[string, number, number, number][]} (word or phrase, scale, start, end) in the order they are written. */
export function parseScales(text) {
  return located("scales", text).map(({ entry }) => [entry.phrase, entry.scale, entry.start, entry.end]);
}

/** @returns {string[]} words or phrases in the order they are written. */
export function parseWords(text) {
  return located("words", text).map(({ entry }) => entry.phrase);
}

/** The text that `parseWordWindows` reads as these, one a line. */
export function formatWordWindows(windows) {
  return windows.map(([phrase, start, end]) => formatEntry("word_windows", { phrase, start, end })).join("\n");
}

/** The text that `parseScales` reads as these, one a line. */
export function formatScales(scales) {
  return scales.map(([phrase, scale, start, end]) => formatEntry("scales", { phrase, scale, start, end })).join("\n");
}

/** The text that `parseWords` reads as these, in one line. */
export function formatWords(words) {
  return words.map((phrase) => formatEntry("words", { phrase })).join(", ");
}

/**
 * The entries of a text and where they stand in it, so that one can be changed without touching the others.
 *
 * @param {"scales"|"word_windows"|"words"} kind
 * @param {string} text
 * @returns {{from: number, to: number, entry: {phrase: string, scale?: number, start?: number, end?: number}}[]}
 * @throws {GrammarError} at the first entry that the grammar does not know.
 */
export function located(kind, text) {
  const written = [];
  let from = 0;
  for (const part of text.split(/[\n,]/)) {
    const to = from + part.length;
    if (trimmed(part)) written.push({ from, to, part });
    from = to + 1;
  }
  if (written.length > MOST_ENTRIES) throw tooMany(written);
  return written.map(({ from, to, part }) => ({ from, to, entry: readEntry(kind, stripped(oneSpaced(part), isSpace)) }));
}

function tooMany(written) {
  const first = quoted(trimmed(written[0].part));
  return new GrammarError(
    `The text has ${written.length} entries: write no more than ${MOST_ENTRIES}. The first is "${first}".`,
  );
}

/** One entry as the grammar writes it. */
export function formatEntry(kind, { phrase, scale, start, end }) {
  const written = writable(phrase, kind);
  if (kind === "words") return written;
  if (kind === "word_windows") return `${written}: ${bounds(start, end)}`;
  const line = `${written}: ${formatNumber(checkedScale(scale, phrase))}`;
  return start === 0 && end === 1 ? line : `${line} @ ${bounds(start, end)}`;
}

/** The shortest decimal that is read as the same number, without an exponent: 1, 0.25, -1.5, 0.00001. */
export function formatNumber(value) {
  const { sign, digits, exponent } = scientific(value);
  const point = exponent + 1; // the digits before it
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, "0") : "0";
  const decimals = point > 0 ? digits.slice(point) : "0".repeat(-point) + digits;
  return sign + whole + (/[1-9]/.test(decimals) ? `.${decimals}` : "");
}

/** `"dog#2"` is `["dog", 2]`; without a number it is `["dog", null]`. */
export function splitOccurrence(phrase) {
  const mark = phrase.lastIndexOf("#");
  const number = mark < 0 ? "" : stripped(phrase.slice(mark + 1), isSpace);
  if (/^\p{Nd}+$/u.test(number) && [...number].length <= MOST_DIGITS) {
    return [stripped(phrase.slice(0, mark), isSpace), Number(plainDigits(number))];
  }
  return [stripped(phrase, isSpace), null];
}

function readEntry(kind, entry) {
  if (kind === "words") return { phrase: readPhrase(entry, entry, kind) };
  const { phrase, value } = phraseAndValue(entry, kind);
  if (kind === "word_windows") return { phrase, ...readWindow(value, entry, kind) };
  const parts = SCALE.exec(value)?.groups;
  if (!parts) throw refusal(entry, kind);
  const window = parts.window === undefined ? { start: 0, end: 1 } : readWindow(parts.window, entry, kind);
  return { phrase, scale: checkedScale(readNumber(parts.scale), entry), ...window };
}

function phraseAndValue(entry, kind) {
  const { shape, example } = KINDS[kind];
  const whole = trimmed(entry);
  const colon = whole.lastIndexOf(":");
  const value = trimmed(whole.slice(colon + 1)).replace(/[–−]/g, "-");
  if (colon < 0 && VALUE_ALONE.test(value)) {
    throw new GrammarError(
      `"${quoted(entry)}" has no word: write ${shape}, such as ${example}. ` +
        "Decimals take a point, because a comma ends an entry.",
    );
  }
  if (EXPONENT.test(value)) {
    throw new GrammarError(
      `"${quoted(entry)}" has a number with an exponent: write it in full, such as ${example}.`,
    );
  }
  return { phrase: readPhrase(whole.slice(0, Math.max(colon, 0)), entry, kind), value };
}

/** The one spelling of a phrase: `' "dog" # 02 '` is `dog#2`. */
function readPhrase(written, entry, kind) {
  const [spelled, occurrence] = splitOccurrence(trimmed(written));
  const phrase = trimmed(spelled);
  if (!phrase) throw refusal(entry, kind);
  if (occurrence === 0) {
    throw new GrammarError(
      `"${quoted(entry)}" asks for occurrence 0: count from 1, such as "${quoted(phrase)}#1".`,
    );
  }
  return occurrence === null ? phrase : `${phrase}#${occurrence}`;
}

function readWindow(value, entry, kind) {
  const parts = BOUNDS.exec(value)?.groups;
  if (!parts) throw refusal(entry, kind);
  const [start, end] = [readNumber(parts.start ?? "0"), readNumber(parts.end)];
  const wrong = windowProblem(start, end);
  if (wrong) throw new GrammarError(`In "${quoted(entry)}": ${wrong} For example, ${KINDS[kind].example}.`);
  return { start, end };
}

function windowProblem(start, end) {
  for (const bound of [start, end]) {
    if (!(bound >= 0 && bound <= 1)) {
      const outside = pythonNumber(bound);
      return `A window goes from 0 (first step) to 1 (last step), ${outside} is outside: use 0 to 1.`;
    }
  }
  if (start <= end) return null;
  return `The window ${pythonNumber(start)}-${pythonNumber(end)} starts after its end: swap the two.`;
}

function checkedScale(scale, entry) {
  if (!(scale >= -LARGEST_SCALE && scale <= LARGEST_SCALE)) {
    throw new GrammarError(
      `In "${quoted(entry)}": a scale goes from -${LARGEST_SCALE} to ${LARGEST_SCALE}, and 1 changes nothing. ` +
        `For example, ${KINDS.scales.example}.`,
    );
  }
  return scale + 0; // -0 is 0
}

function refusal(entry, kind) {
  const { name, shape, example } = KINDS[kind];
  return new GrammarError(`"${quoted(entry)}" is not ${name}: write ${shape}, such as ${example}.`);
}

function quoted(entry) {
  const characters = [...entry];
  return characters.length <= LONGEST_QUOTE ? entry : `${characters.slice(0, LONGEST_QUOTE - 1).join("")}…`;
}

function writable(phrase, kind) {
  return readPhrase(phrase.replace(/[\n,]/g, " "), phrase, kind);
}

function bounds(start, end) {
  return `${formatNumber(start)}-${formatNumber(end)}`;
}

function oneSpaced(text) {
  return text.replace(SPACE, " ");
}

function isSpace(character) {
  return character === " ";
}

function trimmed(text) {
  return stripped(oneSpaced(text), (character) => AROUND.has(character));
}

/** Without the characters at both ends that are to go; a pattern for the end would be slow on long texts. */
function stripped(text, goes) {
  let [first, last] = [0, text.length];
  while (first < last && goes(text[first])) first += 1;
  while (last > first && goes(text[last - 1])) last -= 1;
  return text.slice(first, last);
}

function readNumber(written) {
  return Number(plainDigits(written));
}

/** Decimal digits of any script as 0-9. */
function plainDigits(written) {
  return written.replace(/\p{Nd}/gu, (digit) => (digit <= "9" ? digit : String(digitValue(digit.codePointAt(0)))));
}

/** Unicode has the decimal digits of every script in runs of ten, from 0 to 9, and some of these runs side by side. */
function digitValue(codePoint) {
  let first = codePoint;
  while (/^\p{Nd}$/u.test(String.fromCodePoint(first - 1))) first -= 1;
  return (codePoint - first) % 10;
}

/** Sign, digits without a point, and the power of ten of the first digit. */
function scientific(value) {
  const [mantissa, exponent] = Math.abs(value).toExponential().split("e");
  return { sign: value < 0 ? "-" : "", digits: mantissa.replace(".", ""), exponent: Number(exponent) };
}

/** A number as Python's messages have it: 4.0, 1e+16, inf. */
function pythonNumber(value) {
  if (!Number.isFinite(value)) return "inf";
  const { digits, exponent } = scientific(value);
  if (exponent >= -4 && exponent < 16) {
    const full = formatNumber(value);
    return full.includes(".") ? full : `${full}.0`;
  }
  const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
