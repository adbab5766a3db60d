/** The forming maps as they travel: one grey byte per place, all tiles of all rows after each other. */

/**
 * @param {{rows: {words: string[]}[], width: number, height: number, data: string}} detail what the server sent.
 * @returns {Uint8Array[]} a tile per word, in the order of the rows and of their words.
 */
export function tilesOf({ rows, width, height, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const size = width * height;
  const count = rows.reduce((sum, row) => sum + row.words.length, 0);
  if (bytes.length !== count * size) throw new Error(`${bytes.length} bytes are not ${count} tiles of ${size}.`);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

/**
 * @param {Uint8Array} tile
 * @param {number[][]} colours red, green and blue of each of the 256 greys.
 * @returns {Uint8ClampedArray} red, green, blue and 255 of every place.
 */
export function coloured(tile, colours) {
  const pixels = new Uint8ClampedArray(tile.length * 4);
  tile.forEach((grey, place) => pixels.set([...colours[grey], 255], 4 * place));
  return pixels;
}

/** Whether two messages are of the same words in tiles of the same size, so that what is on the page can stay. */
export function haveSameTiles(one, other) {
  const shape = ({ rows, width, height }) => JSON.stringify([rows, width, height]);
  return one !== null && shape(one) === shape(other);
}

/** What to call a row of maps. */
export function rowName({ side, target }, say) {
  const row = target === null ? "" : target === 0 ? say("source") : say("target_only", { target });
  if (side !== "negative") return row;
  return row ? say("negative", { row }) : say("negative_only");
}
