/** The blend mask over a picture: what stays as it is is darkened, and the edge of what may change is drawn. */

/**
 * The edges between places inside and outside a mask, as lines of unit length. The edge of the picture is none.
 *
 * @param {Float32Array} mask line by line; above 0.5 is inside.
 * @returns {number[][]} [x1, y1, x2, y2] in places.
 */
export function maskEdges(mask, width, height) {
  const inside = (x, y) => mask[y * width + x] > 0.5;
  const lines = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (x > 0 && inside(x, y) !== inside(x - 1, y)) lines.push([x, y, x, y + 1]);
      if (y > 0 && inside(x, y) !== inside(x, y - 1)) lines.push([x, y, x + 1, y]);
    }
  return lines;
}

/** Part of the picture that may change, 0…1. */
export function maskedPart(mask) {
  let count = 0;
  for (const value of mask) if (value > 0.5) count += 1;
  return count / Math.max(mask.length, 1);
}
