import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { nameParts, textsOf, translateDefinition } from "../../web/translation/definitions.js";

const read = (file) => JSON.parse(readFileSync(new URL(`../../locales/zh/${file}`, import.meta.url), "utf8"));
const CHINESE = { nodeDefs: read("nodeDefs.json"), ...read("main.json") };
const APPLY = CHINESE.nodeDefs.P2PApply;

function definition(name = "P2PApply") {
  return {
    name,
    display_name: "P2P Apply",
    description: "Connect it.",
    category: "prompt-to-prompt/mini",
    input: {
      required: { model: ["MODEL", { tooltip: "A model." }], latent: ["LATENT"] },
      optional: { controlnet_prompt: [["target", "source"], { tooltip: "Which.", default: "target" }] },
    },
    output: ["MODEL"],
    output_tooltips: ["The model."],
  };
}

test("a definition is said in the language", () => {
  const said = definition();
  translateDefinition(said, CHINESE);
  assert.equal(said.display_name, APPLY.display_name);
  assert.equal(said.description, APPLY.description);
  assert.equal(said.category, `${CHINESE.nodeCategories["prompt-to-prompt"]}/${CHINESE.nodeCategories.mini}`);
  assert.equal(said.input.required.model[1].tooltip, APPLY.inputs.model.tooltip);
  assert.equal(said.input.required.latent[1].tooltip, APPLY.inputs.latent.tooltip);
  assert.deepEqual(said.input.optional.controlnet_prompt, [
    ["target", "source"],
    { tooltip: APPLY.inputs.controlnet_prompt.tooltip, default: "target" },
  ]);
  assert.deepEqual(said.output_tooltips, [APPLY.outputs[0].tooltip]);
});

test("saying it twice changes nothing more", () => {
  const once = definition();
  translateDefinition(once, CHINESE);
  const twice = structuredClone(once);
  translateDefinition(twice, CHINESE);
  assert.deepEqual(twice, once);
});

for (const texts of [undefined, {}, { nodeDefs: {} }, { nodeDefs: { P2PApply: {} } }]) {
  test(`without a translation everything stays: ${JSON.stringify(texts)}`, () => {
    const said = definition();
    translateDefinition(said, texts);
    assert.deepEqual(said, definition());
    const node = { comfyClass: "P2PApply", inputs: [{ name: "model" }], outputs: [{ name: "model" }], widgets: [] };
    nameParts(node, texts);
    assert.equal(node.inputs[0].localized_name, undefined);
  });
}

test("sockets and widgets get names to be shown; the names that are saved stay", () => {
  const node = {
    comfyClass: "P2PApply",
    inputs: [{ name: "model", localized_name: "model" }, { name: "unknown", localized_name: "unknown" }],
    outputs: [{ name: "model" }, { name: "positive" }],
    widgets: [{ name: "controlnet_prompt" }, { name: "p2p_live" }],
  };
  nameParts(node, CHINESE);
  assert.deepEqual(node.inputs, [
    { name: "model", localized_name: APPLY.inputs.model.name },
    { name: "unknown", localized_name: "unknown" },
  ]);
  assert.deepEqual(node.outputs[1], { name: "positive", localized_name: APPLY.outputs[1].name });
  assert.equal(node.widgets[0].label, APPLY.inputs.controlnet_prompt.name);
  assert.equal(node.widgets[1].label, undefined);
});

test("English needs no translation, and other languages are chosen as they are named", () => {
  const languages = { en: {}, zh: CHINESE };
  assert.equal(textsOf(languages, "en"), undefined);
  assert.equal(textsOf(languages, "zh"), CHINESE);
  assert.equal(textsOf(languages, "fr"), undefined);
  assert.equal(textsOf(languages, "zh-TW"), undefined); // traditional characters are another translation
});
