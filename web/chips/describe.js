/** What a chip says of its word in text: the tooltip, and what a screen reader hears. */

import { formatEntry } from "../shared/grammar.js";
import { shownScale } from "./numbers.js";

/** Tokens, what the aligner did, what else sets the word, and how to use the chip: a line each. */
export function tooltipOf(chip, t, help) {
  const lines = [tokensOf(chip, t), chip.tokens.length ? changeOf(chip, t) : ""];
  if (chip.together) lines.push(t("together", { phrase: chip.together }));
  if (chip.also?.length) lines.push(t("also", { entries: chip.also.map(entryText).join(", ") }));
  if (!chip.everywhere) lines.push(t("notEverywhere"));
  if (chip.choosable && chip.phrase === null) lines.push(t("notAlone"));
  else if (help) lines.push(help);
  return lines.filter(Boolean).join("\n");
}

/** "dog, cat → dog, 1.60" */
export function spokenScale(chip, t) {
  const window = chip.start === 0 && chip.end === 1 ? "" : ` @ ${chip.start}-${chip.end}`;
  const scale = t("scaleText", { scale: shownScale(chip.scale) }) + window;
  return [chip.text, chip.tokens.length ? changeOf(chip, t) : "", scale].filter(Boolean).join(", ");
}

export function changeOf(chip, t) {
  if (chip.change === "replaced" && chip.other) {
    return t(chip.id.startsWith("source") ? "replacedBy" : "replaced", { word: chip.text, other: chip.other });
  }
  return t(chip.change);
}

function tokensOf({ tokens }, t) {
  if (!tokens.length) return "";
  const isLong = tokens.some(([chunk]) => chunk > 0);
  const place = ([chunk, number]) => (isLong ? t("inChunk", { place: number, chunk: chunk + 1 }) : number);
  return t(tokens.length === 1 ? "token" : "tokens", { places: tokens.map(place).join(", ") });
}

function entryText(entry) {
  return formatEntry("scales", entry);
}
