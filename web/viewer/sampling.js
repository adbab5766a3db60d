/** Values between the places of a grid, bilinear with the places in the middle of their cells, as PyTorch does it. */

/**
 * @param {Float32Array} values line by line.
 * @param {number} x between 0 (the left edge of the picture) and 1; outside, the nearest edge counts.
 * @param {number} y
 */
export function valueAt(values, width, height, x, y) {
  const [left, right, across] = between(x * width - 0.5, width);
  const [upper, lower, down] = between(y * height - 0.5, height);
  const above = mix(values[upper * width + left], values[upper * width + right], across);
  const below = mix(values[lower * width + left], values[lower * width + right], across);
  return mix(above, below, down);
}

/** The grid with every place made that many places wide and high. */
export function enlarged(values, width, height, times) {
  if (times === 1) return values;
  const columns = Array.from({ length: width * times }, (_, x) => between((x + 0.5) / times - 0.5, width));
  const large = new Float32Array(width * height * times * times);
  for (let y = 0; y < height * times; y++) {
    const [upper, lower, down] = between((y + 0.5) / times - 0.5, height);
    for (let x = 0; x < columns.length; x++) {
      const [left, right, across] = columns[x];
      const above = mix(values[upper * width + left], values[upper * width + right], across);
      const below = mix(values[lower * width + left], values[lower * width + right], across);
      large[y * columns.length + x] = mix(above, below, down);
    }
  }
  return large;
}

/** How often a grid is enlarged so that its longer side has about that many places. */
export function enlargement(width, height, side) {
  return Math.max(Math.floor(side / Math.max(width, height)), 1);
}

function between(place, count) {
  const inside = Math.min(Math.max(place, 0), count - 1);
  const first = Math.floor(inside);
  return [first, Math.min(first + 1, count - 1), inside - first];
}

function mix(a, b, part) {
  return a + (b - a) * part;
}
