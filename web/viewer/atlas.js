/** Grey tiles of one size in one picture, line by line, as the server packs them (p2p_core/attention_atlas.py). */

/**
 * @typedef {{bytes: Uint8ClampedArray|Uint8Array, width: number,
 *   tile: {width: number, height: number, across: number}}} Atlas one byte per pixel of the picture.
 */

/** Where a tile begins, in pixels. */
export function placeOf(tile, number) {
  return { left: (number % tile.across) * tile.width, top: Math.floor(number / tile.across) * tile.height };
}

/**
 * @param {Atlas} atlas
 * @param {number} number of the tile.
 * @param {number} largest the value that the lightest grey stands for.
 * @returns {Float32Array} the values of the tile, line by line.
 */
export function tileValues({ bytes, width, tile }, number, largest) {
  const { left, top } = placeOf(tile, number);
  const values = new Float32Array(tile.width * tile.height);
  for (let y = 0; y < tile.height; y++) {
    const line = (top + y) * width + left;
    for (let x = 0; x < tile.width; x++) values[y * tile.width + x] = (bytes[line + x] / 255) * largest;
  }
  return values;
}

/** The red channel of what a canvas gives: one byte per pixel. */
export function greyOf(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let i = 0; i < grey.length; i++) grey[i] = rgba[4 * i];
  return grey;
}
