// Which prompts a node is about, whatever stands between.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { linkedText, promptsOf } from "../../web/chips/prompts.js";
import { encoder, fader, giveOut, graphOf, replaceNode } from "./chips_graph.js";

const SWAP = { source: "a cat", target: "a dog", kind: "replace" };
const ALONE = { source: null, target: "a cat", kind: "replace" };
const passing = (type, origin, rest = {}) => ({
  type, inputs: { in: ["CONDITIONING", origin, 0] }, outputs: ["CONDITIONING"], ...rest,
});
const sampler = (model, positive, negative) => ({
  type: "KSampler", inputs: { model: ["MODEL", model, 0], positive, negative }, outputs: ["LATENT"],
});
const RECORD = { type: "P2PRecord", inputs: { model: "MODEL" }, outputs: ["MODEL", "P2P_RECORD"], widgets: { words: "" } };

function targetsOf(nodes, id) {
  const { targets, problem } = promptsOf(graphOf(nodes).getNodeById(id));
  return problem ?? targets;
}

describe("controllers", () => {
  test("source and target", () => {
    const nodes = { 1: encoder("a cat"), 2: encoder("a dog"), 3: replaceNode(1, 2), 4: fader(3), 5: fader(4) };
    assert.deepEqual(targetsOf(nodes, 3), [SWAP]);
    assert.deepEqual(targetsOf(nodes, 5), [SWAP]);
  });

  test("refine is told from replace, and comments are no words", () => {
    const nodes = { 1: encoder("a cat /* not\n a dog */"), 2: encoder("a dog // or so"), 3: { ...replaceNode(1, 2), type: "P2PRefineController" } };
    assert.deepEqual(targetsOf(nodes, 3), [{ source: "a cat ", target: "a dog ", kind: "refine" }]);
  });

  test("a prompt alone", () => {
    const alone = { type: "P2PMoveController", inputs: { controller: "P2P_CONTROLLER", conditioning: ["CONDITIONING", 1, 0] } };
    assert.deepEqual(targetsOf({ 1: encoder("a cat"), 2: alone }, 2), [ALONE]);
  });

  test("several targets, each once", () => {
    const both = { type: "P2PCombine", inputs: { first: ["P2P_CONTROLLER", 4, 0], second: ["P2P_CONTROLLER", 5, 0] }, outputs: ["P2P_CONTROLLER"] };
    const nodes = { 1: encoder("a cat"), 2: encoder("a dog"), 3: encoder("a cow"), 4: replaceNode(1, 2), 5: replaceNode(1, 3), 6: both, 7: fader(6) };
    assert.deepEqual(targetsOf(nodes, 7), [SWAP, { ...SWAP, target: "a cow" }]);
  });

  test("nothing connected", () => {
    assert.equal(targetsOf({ 1: { type: "P2PReweightController", inputs: { controller: "P2P_CONTROLLER", conditioning: "CONDITIONING" } } }, 1), "notConnected");
    assert.equal(targetsOf({ 1: { type: "P2PLocalBlend", inputs: { controller: "P2P_CONTROLLER" } } }, 1), "notConnected");
  });

  test("a circle ends", () => {
    assert.equal(targetsOf({ 1: fader(2), 2: fader(1) }, 1), "notConnected");
  });
});

describe("between the encoder and the controller", () => {
  const through = (between) => targetsOf({ 1: encoder("a cat"), 2: encoder("a dog"), 8: between, 9: replaceNode(8, 2) }, 9);

  test("a reroute, a bypassed node, a node that passes conditioning on", () => {
    const reroute = { type: "Reroute", inputs: { "": ["*", 1, 0] }, outputs: ["*"], isVirtualNode: true };
    for (const between of [reroute, passing("Anything", 1, { mode: 4 }), passing("ConditioningSetMask", 1)]) {
      assert.deepEqual(through(between), [SWAP]);
    }
  });

  test("a bypassed node of other types, and a muted one", () => {
    assert.equal(through({ type: "X", mode: 4, inputs: { image: "IMAGE" }, outputs: ["CONDITIONING"] }), "notConnected");
    assert.equal(through(passing("ConditioningSetMask", 1, { mode: 2 })), "notConnected");
  });

  test("a virtual node with a link of its own", () => {
    const virtual = { type: "GetNode", outputs: ["CONDITIONING"], isVirtualNode: true, getInputLink: () => ({ origin_id: 1, origin_slot: 0 }) };
    assert.deepEqual(through(virtual), [SWAP]);
  });

  test("the input of the output's name is followed, not the first", () => {
    const control = {
      type: "ControlNetApplyAdvanced",
      inputs: { positive: ["CONDITIONING", 2, 0], negative: ["CONDITIONING", 1, 0] },
      outputs: ["CONDITIONING", "CONDITIONING"],
    };
    const graph = graphOf({ 1: encoder("a cat"), 2: encoder("a dog"), 8: control, 9: replaceNode(8, 2) });
    graph.getNodeById(8).outputs.forEach((output, slot) => (output.name = ["positive", "negative"][slot]));
    graph.getLink(graph.getNodeById(9).inputs[0].link).origin_slot = 1;
    assert.deepEqual(promptsOf(graph.getNodeById(9)).targets, [SWAP]);
  });

  test("an encoder that is not this pack's, and a loader", () => {
    assert.equal(through({ type: "CLIPTextEncode", inputs: { clip: "CLIP" }, outputs: ["CONDITIONING"], widgets: { text: "a cat" } }), "notTagged");
    assert.equal(through({ type: "LoadConditioning", outputs: ["CONDITIONING"] }), "elsewhere");
  });

  test("a combined conditioning is told to be more", () => {
    const nodes = { 1: encoder("a cat"), 2: passing("ConditioningCombine", 1), 3: replaceNode(2, 1) };
    assert.equal(promptsOf(graphOf(nodes).getNodeById(3)).isPart, true);
  });
});

describe("the text of an encoder", () => {
  const withText = (node) =>
    targetsOf({ 1: encoder("", { text: ["STRING", 7, 0] }), 2: encoder("a dog"), 3: replaceNode(1, 2), 7: node }, 3);

  test("a node that has nothing but a text", () => {
    assert.deepEqual(withText({ type: "PrimitiveStringMultiline", outputs: ["STRING"], widgets: { value: "a cat" } }), [SWAP]);
  });

  test("a node that makes its text of something", () => {
    assert.equal(withText({ type: "Concat", outputs: ["STRING"], widgets: { a: "a", b: "cat" } }), "computed");
    const upper = { type: "Upper", inputs: { x: ["STRING", 2, 0] }, outputs: ["STRING"], widgets: { text: "a cat" } };
    assert.equal(withText(upper), "computed");
  });
});

describe("subgraphs", () => {
  test("a node inside finds prompts outside, one outside finds prompts inside", () => {
    const root = graphOf({ 1: encoder("a cat"), 2: encoder("a dog") });
    const inside = graphOf({ 5: { type: "P2PReplaceController", inputs: { source: ["CONDITIONING", -10, 0], target: ["CONDITIONING", -10, 1] }, outputs: ["P2P_CONTROLLER"] } }, root);
    giveOut(inside, 5, 0);
    const outer = graphOf({
      1: encoder("a cat"), 2: encoder("a dog"),
      3: { type: "uuid", subgraph: inside, inputs: { a: ["CONDITIONING", 1, 0], b: ["CONDITIONING", 2, 0] }, outputs: ["P2P_CONTROLLER"] },
      4: fader(3),
    });
    inside.rootGraph = outer;
    assert.deepEqual(promptsOf(inside.getNodeById(5)).targets, [SWAP]);
    assert.deepEqual(promptsOf(outer.getNodeById(4)).targets, [SWAP]);
  });

  test("where the front end writes ids as text", () => {
    const inside = graphOf({ 5: fader(-10) });
    for (const link of inside.links.values()) link.origin_id = String(link.origin_id);
    const outer = graphOf({
      1: encoder("a cat"), 2: encoder("a dog"), 3: replaceNode(1, 2),
      4: { type: "uuid", subgraph: inside, inputs: { controller: ["P2P_CONTROLLER", 3, 0] } },
    });
    inside.rootGraph = outer;
    assert.deepEqual(promptsOf(inside.getNodeById(5)).targets, [SWAP]);
  });

  test("a text that the subgraph node shows", () => {
    const inside = graphOf({ 1: encoder("old", { text: ["STRING", -10, 0] }), 2: encoder("a dog"), 3: replaceNode(1, 2) });
    const outer = graphOf({ 9: { type: "uuid", subgraph: inside, inputs: { text: "STRING" }, widgets: { text: "a cat" } } });
    inside.rootGraph = outer;
    assert.deepEqual(promptsOf(inside.getNodeById(3)).targets, [SWAP]);
    assert.equal(linkedText(inside.getNodeById(1), "text"), "a cat");
  });
});

describe("the attention store", () => {
  const store = (prompt = "positive") => ({ type: "P2PAttentionStore", inputs: { model: "MODEL" }, outputs: ["MODEL", "P2P_ATTENTION"], widgets: { words: "", prompt } });
  const maps = { type: "P2PAttentionMaps", inputs: { attention: ["P2P_ATTENTION", 3, 1] } };

  test("the prompts of its sampler, also for its maps and past another model node", () => {
    const lora = { type: "LoraLoader", inputs: { model: ["MODEL", 3, 0] }, outputs: ["MODEL"] };
    const nodes = { 1: encoder("a cat"), 2: encoder("fog"), 3: store(), 4: lora, 5: sampler(4, ["CONDITIONING", 1, 0], ["CONDITIONING", 2, 0]), 6: maps };
    assert.deepEqual(targetsOf(nodes, 3), [ALONE]);
    assert.deepEqual(targetsOf(nodes, 6), [ALONE]);
    assert.deepEqual(targetsOf({ ...nodes, 3: store("both") }, 3).map(({ target }) => target), ["a cat", "fog"]);
  });

  test("the prompts of an edit", () => {
    const apply = { type: "P2PApply", inputs: { model: ["MODEL", 3, 0], controller: ["P2P_CONTROLLER", 7, 0] }, outputs: ["MODEL", "CONDITIONING", "CONDITIONING", "LATENT"] };
    const nodes = { 1: encoder("a cat"), 2: encoder("a dog"), 3: store(), 7: replaceNode(1, 2), 8: apply, 9: sampler(8, ["CONDITIONING", 8, 1], ["CONDITIONING", 8, 2]) };
    assert.deepEqual(targetsOf(nodes, 3), [SWAP]);
  });

  test("a record, which has no choice of the prompt", () => {
    const nodes = { 1: encoder("a cat"), 2: encoder("fog"), 3: RECORD, 5: sampler(3, ["CONDITIONING", 1, 0], ["CONDITIONING", 2, 0]) };
    assert.deepEqual(targetsOf(nodes, 3), [ALONE]);
  });

  test("models in a circle end", () => {
    const around = (model) => ({ type: "LoraLoader", inputs: { model: ["MODEL", model, 0] }, outputs: ["MODEL"] });
    const nodes = { 3: { ...store(), inputs: { model: ["MODEL", 5, 0] } }, 4: around(3), 5: around(4) };
    assert.equal(targetsOf(nodes, 3), "noSampler");
  });

  test("no sampler", () => {
    assert.equal(targetsOf({ 3: store() }, 3), "noSampler");
    assert.equal(targetsOf({ 1: { type: "P2PAttentionMaps", inputs: { attention: ["P2P_ATTENTION", 2, 0] } }, 2: { type: "P2PLoadAttention", outputs: ["P2P_ATTENTION"] } }, 1), "elsewhere");
  });
});

describe("an adjustment of a record", () => {
  const adjusting = (type, record, slot = 0, rest = {}) => ({
    type, inputs: { record: ["P2P_RECORD", record, slot], latent: "LATENT" }, outputs: ["P2P_RECORD", "IMAGE"], ...rest,
  });
  const recorded = { 1: encoder("a cat"), 2: encoder("fog"), 3: RECORD, 5: sampler(3, ["CONDITIONING", 1, 0], ["CONDITIONING", 2, 0]) };
  const loading = (file, inputs = {}) => ({ type: "P2PLoadRecord", inputs, outputs: ["P2P_RECORD", "LATENT"], widgets: { file } });

  test("the prompt of the sampler that records, whatever other adjustments stand between", () => {
    const nodes = {
      ...recorded,
      6: adjusting("P2PAdjustMove", 3, 1), 7: adjusting("P2PAdjustScale", 6),
      8: adjusting("P2PAdjustBlend", 7, 0, { mode: 4 }), 9: adjusting("P2PAdjustMask", 8), 10: adjusting("P2PAdjustBlend", 9),
    };
    for (const id of [6, 7, 9, 10]) assert.deepEqual(targetsOf(nodes, id), [ALONE]);
  });

  test("not the prompts of the edit that is made from the record", () => {
    const apply = {
      type: "P2PApply", inputs: { controller: ["P2P_CONTROLLER", 7, 0], record: ["P2P_RECORD", 6, 0] },
      outputs: ["MODEL", "CONDITIONING", "CONDITIONING", "LATENT"],
    };
    const nodes = {
      ...recorded, 4: encoder("a dog"), 6: adjusting("P2PAdjustMove", 3, 1), 7: replaceNode(1, 4),
      8: apply, 9: sampler(8, ["CONDITIONING", 8, 1], ["CONDITIONING", 8, 2]),
    };
    assert.deepEqual(targetsOf(nodes, 6), [ALONE]);
  });

  test("a saved one: the server knows its prompt", () => {
    const file = "a.record.safetensors [output]";
    assert.deepEqual(targetsOf({ 3: loading(file), 6: adjusting("P2PAdjustMove", 3) }, 6), [{ record: file }]);
  });

  test("where there is none, or its sampler is not there", () => {
    assert.equal(targetsOf({ 6: { type: "P2PAdjustMove", inputs: { record: "P2P_RECORD" } } }, 6), "notConnected");
    assert.equal(targetsOf({ 3: RECORD, 6: adjusting("P2PAdjustMove", 3, 1) }, 6), "noSampler");
    assert.equal(targetsOf({ 3: loading(""), 6: adjusting("P2PAdjustMove", 3) }, 6), "elsewhere");
    const computed = { ...loading("a.record.safetensors", { file: ["COMBO", 2, 0] }) };
    assert.equal(targetsOf({ 2: { type: "X", outputs: ["COMBO"] }, 3: computed, 6: adjusting("P2PAdjustMove", 3) }, 6), "elsewhere");
  });

  test("a circle ends", () => {
    assert.equal(targetsOf({ 6: adjusting("P2PAdjustMove", 7), 7: adjusting("P2PAdjustMove", 6) }, 6), "notConnected");
  });
});

describe("attention guidance", () => {
  const guidance = (model) => ({ type: "P2PAttentionGuidance", inputs: { model: model ? ["MODEL", model, 0] : "MODEL" }, outputs: ["MODEL"], widgets: { words: "" } });

  test("the prompt of its sampler, also past a record", () => {
    const record = { ...RECORD, inputs: { model: ["MODEL", 3, 0] } };
    const nodes = { 1: encoder("a cat"), 2: encoder("fog"), 3: guidance(), 4: record, 5: sampler(4, ["CONDITIONING", 1, 0], ["CONDITIONING", 2, 0]) };
    assert.deepEqual(targetsOf(nodes, 3), [ALONE]);
    assert.equal(targetsOf({ 3: guidance() }, 3), "noSampler");
  });

  test("the prompts of an edit, before and after P2P Apply", () => {
    const apply = (model) => ({
      type: "P2PApply", inputs: { model: model ? ["MODEL", model, 0] : "MODEL", controller: ["P2P_CONTROLLER", 7, 0] },
      outputs: ["MODEL", "CONDITIONING", "CONDITIONING", "LATENT"],
    });
    const prompts = { 1: encoder("a cat"), 2: encoder("a dog"), 7: replaceNode(1, 2) };
    const positive = ["CONDITIONING", 8, 1];
    assert.deepEqual(targetsOf({ ...prompts, 3: guidance(), 8: apply(3), 9: sampler(8, positive, positive) }, 3), [SWAP]);
    assert.deepEqual(targetsOf({ ...prompts, 8: apply(), 3: guidance(8), 9: sampler(3, positive, positive) }, 3), [SWAP]);
  });
});
