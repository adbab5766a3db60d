/** Getting the pictures of a view, once. */

import { greyOf } from "./atlas.js";

/** A picture of the temp folder as the front end asks for any. */
export function pictureUrl(api, picture) {
  return api.apiURL(`/view?${new URLSearchParams(picture)}`);
}

/**
 * @param {object} api of the front end.
 * @param {{picture: object, tile: object}} packed an atlas as the server tells of it.
 * @returns {Promise<import("./atlas.js").Atlas>}
 * @throws {Error} the picture is no longer there.
 */
export async function loadAtlas(api, packed) {
  const answer = await api.fetchApi(`/view?${new URLSearchParams(packed.picture)}`);
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { bytes: greyOf(data), width: canvas.width, tile: packed.tile };
}
