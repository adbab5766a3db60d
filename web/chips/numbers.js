/** The numbers of the sliders: steps, ranges and how far a drag goes. */

export const STEP = 0.05;
export const WINDOW_STEP = 0.01;
export const LARGE = 10; // times, with Shift
export const SCALES = { least: -2, most: 4, neutral: 1 }; // by dragging; the text takes more
const PIXELS_PER_STEP = 4;

/** The scale after a drag over so many pixels of the node, in whole steps. */
export function draggedScale(from, pixels) {
  const steps = Math.round(pixels / PIXELS_PER_STEP);
  if (steps === 0) return from;
  const wanted = Math.round(from / STEP + steps) * STEP;
  return tidy(clamped(wanted, Math.min(SCALES.least, from), Math.max(SCALES.most, from)));
}

/** The bound of a window after a drag over a part of its track. */
export function draggedBound(from, part) {
  return tidy(clamped(Math.round((from + part) / WINDOW_STEP) * WINDOW_STEP, 0, 1));
}

export function stepped(from, step, least, most) {
  return tidy(clamped(from + step, least, most));
}

/** Where a scale stands on its gauge, 0 to 1; the neutral one in the middle. */
export function placeOnGauge(scale) {
  return clamped((scale - SCALES.least) / (SCALES.most - SCALES.least), 0, 1);
}

/** How strongly a chip is tinted, 0 to 1: fully at both ends of the gauge. */
export function strengthOf(scale) {
  return Math.abs(placeOnGauge(scale) - 0.5) * 2;
}

/** A scale as a chip shows it: at least two decimals, so that chips do not change their width. */
export function shownScale(scale) {
  const rounded = Number(scale.toFixed(4));
  const decimals = String(rounded).split(".")[1]?.length ?? 0;
  return rounded.toFixed(Math.max(decimals, 2));
}

function clamped(value, least, most) {
  return Math.min(Math.max(value, least), most);
}

function tidy(value) {
  return Number(value.toFixed(4)) + 0;
}
