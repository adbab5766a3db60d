/**
 * The extension that translates this pack's nodes where the front end does not.
 *
 * Front ends before ComfyUI_frontend#7214 (December 2025, among them 1.32.9) forget the translations of all packs when
 * they load a language of their own. In newer ones the same texts are put where they are already.
 */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { localeOf } from "../shared/language.js";
import { nameParts, textsOf, translateDefinition } from "./definitions.js";

const PREFIX = "P2P";

export function translationExtension() {
  let languages = {};
  const texts = () => textsOf(languages, localeOf(app));

  return {
    name: "prompt_to_prompt.translation",

    async init() {
      languages = await api.getCustomNodesI18n().catch(() => ({}));
    },

    beforeRegisterNodeDef(nodeType, definition) {
      if (definition.name.startsWith(PREFIX)) translateDefinition(definition, texts());
    },

    nodeCreated(node) {
      if (node.comfyClass?.startsWith(PREFIX)) nameParts(node, texts());
    },
  };
}
