/** Nodes said in another language. Texts have the form of the files in locales/. */

/**
 * Puts translated texts into the definition of a node, as the server sent it.
 *
 * @param {object} definition is changed.
 * @param {object|undefined} texts of the language: {nodeDefs, nodeCategories}.
 */
export function translateDefinition(definition, texts) {
  const own = texts?.nodeDefs?.[definition.name];
  if (!own) return;
  definition.display_name = own.display_name ?? definition.display_name;
  definition.description = own.description ?? definition.description;
  definition.category = definition.category
    .split("/")
    .map((part) => texts.nodeCategories?.[part] ?? part)
    .join("/");
  for (const section of [definition.input?.required, definition.input?.optional]) {
    for (const [name, field] of Object.entries(section ?? {})) {
      const tooltip = own.inputs?.[name]?.tooltip;
      if (tooltip) field[1] = { ...field[1], tooltip };
    }
  }
  definition.output_tooltips = definition.output_tooltips?.map((tip, place) => own.outputs?.[place]?.tooltip ?? tip);
}

/**
 * Gives the sockets and widgets of a new node their translated names. What a user has renamed is put back later, when
 * the node gets what was saved of it.
 *
 * @param {object} node of the canvas; is changed.
 * @param {object|undefined} texts of the language.
 */
export function nameParts(node, texts) {
  const own = texts?.nodeDefs?.[node.comfyClass];
  if (!own) return;
  for (const socket of node.inputs ?? []) nameSocket(socket, own.inputs?.[socket.name]);
  for (const [place, socket] of (node.outputs ?? []).entries()) nameSocket(socket, own.outputs?.[place]);
  for (const widget of node.widgets ?? []) widget.label = own.inputs?.[widget.name]?.name ?? widget.label;
}

/**
 * @param {Record<string, object>} languages what the server has collected from locales/.
 * @param {string} locale such as "zh" or "zh-TW".
 * @returns {object|undefined} undefined where there is no translation, and for English, which the nodes speak already.
 */
export function textsOf(languages, locale) {
  return locale.startsWith("en") ? undefined : languages[locale];
}

function nameSocket(socket, texts) {
  if (texts?.name) socket.localized_name = texts.name;
}
