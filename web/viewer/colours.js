/** The colours of heat maps, those of p2p_core/attention_pictures.py. */

// Nine stops of matplotlib's viridis (Smith and van der Walt 2015): lightness rises evenly, also for colour-blind eyes.
const VIRIDIS = [
  [68, 1, 84],
  [71, 45, 123],
  [59, 82, 139],
  [44, 114, 142],
  [33, 145, 140],
  [40, 174, 128],
  [94, 201, 98],
  [173, 220, 48],
  [253, 231, 37],
];

const FINENESS = 1024; // colours that a map is drawn with: more than a screen can tell apart

/**
 * @param {number} value 0…1; below 0 and above 1 the colours are those of 0 and 1.
 * @returns {number[]} red, green and blue in 0…255, not rounded.
 */
export function heatColour(value) {
  const place = Math.min(Math.max(value, 0), 1) * (VIRIDIS.length - 1);
  const stop = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[stop].map((channel, index) => channel + (VIRIDIS[stop + 1][index] - channel) * (place - stop));
}

/**
 * @param {Float32Array} values
 * @param {number} full the value that gets the lightest colour; where it is 0, all get the darkest.
 * @returns {Uint8ClampedArray} red, green, blue and 255 of every value.
 */
export function heatPixels(values, full) {
  const colours = Array.from({ length: FINENESS + 1 }, (_, step) => heatColour(step / FINENESS));
  const pixels = new Uint8ClampedArray(values.length * 4);
  for (let i = 0; i < values.length; i++) {
    const share = full > 0 ? Math.min(Math.max(values[i] / full, 0), 1) : 0;
    const [red, green, blue] = colours[Math.round(share * FINENESS)];
    pixels[4 * i] = red;
    pixels[4 * i + 1] = green;
    pixels[4 * i + 2] = blue;
    pixels[4 * i + 3] = 255;
  }
  return pixels;
}

/** Stops for a CSS gradient from the least to the largest value. */
export function heatGradient() {
  return `linear-gradient(to right, ${VIRIDIS.map((stop) => `rgb(${stop.join(" ")})`).join(", ")})`;
}
