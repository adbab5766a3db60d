/** Which prompts a node is about, found by walking the canvas: what the graph says now, before it runs. */

import { classOf, consumersOf, isLinked, isSlotLinked, originOf, placeOf, widgetValue } from "./links.js";

const ENCODERS = ["P2PTextEncode", "P2PTagPrompt"];
const FOLLOWING = { P2PReplaceController: "replace", P2PRefineController: "refine" };
const CHAINED = ["P2PReweightController", "P2PMoveController", "P2PLocalBlend"];
const STORES = ["P2PAttentionStore", "P2PAttentionGuidance", "P2PRecord"];
const ADJUSTING = ["P2PAdjustMove", "P2PAdjustScale", "P2PAdjustBlend", "P2PAdjustMask"];
const POSITIVE = 1; // the output of P2P Apply
const MOST_STEPS = 100;

/** Why the prompts are not known; the key of a message. */
class Unknown extends Error {}

/**
 * @param {object} node of this pack.
 * @returns {{targets: ({source: string|null, target: string, kind: string}|{record: string})[], problem: string|null, isPart: boolean}}
 *   `problem`: the key of the message that says why there are none. `isPart`: a combined conditioning has more words.
 */
export function promptsOf(node) {
  const found = { isPart: false };
  try {
    return { targets: unique(targetsOf(placeOf(node), found, MOST_STEPS)), problem: null, isPart: found.isPart };
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    return { targets: [], problem: error.message, isPart: false };
  }
}

/** The text that comes through a linked text input; null where a node computes it. */
export function linkedText(node, inputName) {
  return textOf(placeOf(node), inputName);
}

function targetsOf(place, found, steps) {
  if (steps <= 0) throw new Unknown("notConnected");
  const name = classOf(place.node);
  if (name in FOLLOWING) return [following(place, FOLLOWING[name], found, steps)];
  if (name === "P2PCombine") {
    return ["first", "second"].flatMap((input) => targetsOf(connected(place, input), found, steps - 1));
  }
  if (CHAINED.includes(name)) return chained(place, found, steps);
  if (name === "P2PAttentionMaps") return targetsOf(connected(place, "attention"), found, steps - 1);
  if (ADJUSTING.includes(name)) return targetsOf(connected(place, "record"), found, steps - 1);
  if (name === "P2PLoadRecord") return [saved(place)];
  if (STORES.includes(name)) return stored(place, found, steps);
  throw new Unknown("elsewhere");
}

/** A record that was saved: the server reads the prompt in its file. */
function saved(place) {
  const record = isLinked(place.node, "file") ? null : asText(widgetValue(place.node, "file"));
  if (!record) throw new Unknown("elsewhere");
  return { record };
}

function following(place, kind, found, steps) {
  const [source] = conditioning(place, "source", found, steps);
  const [target] = conditioning(place, "target", found, steps);
  return { source: source.target, target: target.target, kind };
}

function chained(place, found, steps) {
  if (isLinked(place.node, "controller")) return targetsOf(connected(place, "controller"), found, steps - 1);
  return conditioning(place, "conditioning", found, steps);
}

function connected(place, input) {
  const origin = originOf(place, input);
  if (!origin?.place) throw new Unknown("notConnected");
  return origin.place;
}

/** The prompts of a conditioning input: of P2P Apply's positive output they are those of its edits. */
function conditioning(place, input, found, steps) {
  if (steps <= 0) throw new Unknown("notConnected");
  const origin = originOf(place, input);
  if (!origin?.place) throw new Unknown("notConnected");
  const { node } = origin.place;
  const name = classOf(node);
  const output = node.outputs?.[origin.slot]?.name;
  if (ENCODERS.includes(name)) return [{ source: null, target: written(origin.place), kind: "replace" }];
  if (name === "P2PApply" && origin.slot === POSITIVE) {
    return targetsOf(connected(origin.place, "controller"), found, steps - 1);
  }
  if (name === "ConditioningCombine") found.isPart = true;
  const inputs = (node.inputs ?? []).filter(({ type }, slot) => type === "CONDITIONING" && isSlotLinked(node, slot));
  const through = inputs.find((one) => one.name === output) ?? inputs[0];
  if (!through) throw new Unknown(node.inputs?.some(({ type }) => type === "CLIP") ? "notTagged" : "elsewhere");
  return conditioning(origin.place, through.name, found, steps - 1);
}

function written(place) {
  const text = textOf(place, "text");
  if (text === null) throw new Unknown("computed");
  return withoutComments(text);
}

function textOf(place, inputName) {
  if (!isLinked(place.node, inputName)) return asText(widgetValue(place.node, inputName));
  const origin = originOf(place, inputName);
  if (!origin) return null;
  return asText(origin.place ? literalOf(origin.place.node) : origin.value);
}

function asText(value) {
  return typeof value === "string" ? value : null;
}

/** The text of a node that has nothing but a text; null for a node that makes its text of something. */
function literalOf(node) {
  const isAlone = node.widgets?.length === 1 && !node.inputs?.some((_, slot) => isSlotLinked(node, slot));
  return isAlone ? node.widgets[0].value : null;
}

/** The front end takes comments out of a prompt when it queues it. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
}

/** The prompts of the samplers that use the model of a store or a record, which has those of the positive. */
function stored(place, found, steps) {
  const chosen = widgetValue(place.node, "prompt") ?? "positive";
  const inputs = chosen === "both" ? ["positive", "negative"] : [chosen];
  const samplers = samplersOf(place, new Set());
  if (!samplers.length) throw new Unknown("noSampler");
  return samplers.flatMap((sampler) =>
    inputs
      .map((input) => (input === "positive" && !hasInput(sampler.node, input) ? "conditioning" : input))
      .filter((input) => hasInput(sampler.node, input))
      .flatMap((input) => conditioning(sampler, input, found, steps - 1)),
  );
}

function samplersOf(place, seen) {
  if (seen.has(place.node)) return [];
  seen.add(place.node);
  const models = (place.node.outputs ?? []).flatMap(({ type }, slot) => (type === "MODEL" ? [slot] : []));
  return models
    .flatMap((slot) => consumersOf(place, slot))
    .flatMap(({ place: there }) => (isSampler(there.node) ? [there] : samplersOf(there, seen)));
}

function isSampler(node) {
  return hasInput(node, "positive") || (hasInput(node, "conditioning") && node.outputs?.[0]?.type === "GUIDER");
}

function hasInput(node, name) {
  return Boolean(node.inputs?.some((input) => input.name === name && input.type === "CONDITIONING"));
}

function unique(targets) {
  const byContent = new Map(targets.map((target) => [JSON.stringify(target), target]));
  return [...byContent.values()];
}
