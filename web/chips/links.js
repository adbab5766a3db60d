/**
 * Following links on the canvas: through reroutes, bypassed nodes and the borders of subgraphs, both ways. Nothing here
 * changes the graph.
 *
 * A place is `{node, owners}`: owners are the subgraph nodes that it is inside of, the innermost first. A subgraph may
 * stand on the canvas more than once, so a node alone does not say where it is.
 */

const INSIDE_INPUT = -10; // the ids of a subgraph's own inputs and outputs, which newer front ends write as text
const INSIDE_OUTPUT = -20;
const MUTED = 2;
const BYPASSED = 4;
const MOST_STEPS = 500;

/** The place of a node; of several it is the first. */
export function placeOf(node) {
  const root = node.graph?.rootGraph ?? node.graph;
  return { node, owners: ownersOf(root, node.graph) ?? [] };
}

/**
 * What an input is connected to.
 *
 * @returns {{place: object, slot: number}|{value: unknown}|null} an output of a node that runs; the value of the
 *   widget that a subgraph node shows for it; null where nothing is connected that could run.
 */
export function originOf(place, inputName) {
  return originOfSlot(place, slotNamed(place.node, inputName), MOST_STEPS);
}

export function isLinked(node, inputName) {
  return isSlotLinked(node, slotNamed(node, inputName));
}

export function isSlotLinked(node, slot) {
  return linkInto(node, slot) !== null;
}

/** The inputs, as {place, slot}, that an output is connected to. */
export function consumersOf(place, slot, steps = MOST_STEPS) {
  const { node } = place;
  const isFromHere = (link) => String(link.origin_id) === String(node.id) && link.origin_slot === slot;
  return [...node.graph.links.values()].filter(isFromHere).flatMap((link) => consumersOfLink(place, link, steps));
}

export function classOf(node) {
  return node.comfyClass ?? node.constructor?.comfyClass ?? node.type ?? "";
}

export function widgetValue(node, name) {
  return node.widgets?.find((widget) => widget.name === name)?.value;
}

function slotNamed(node, name) {
  return node.inputs?.findIndex((input) => input.name === name) ?? -1;
}

function originOfSlot(place, slot, steps) {
  const { node, owners } = place;
  const link = linkInto(node, slot);
  if (!link || steps <= 0) return null;
  if (Number(link.origin_id) === INSIDE_INPUT) return originOutside(owners, link.origin_slot, steps - 1);
  const origin = nodeOf(node.graph, link.origin_id);
  return origin && throughOutput({ node: origin, owners }, link.origin_slot, node.inputs[slot].type, steps - 1);
}

function originOutside([owner, ...outer], slot, steps) {
  if (!owner) return null;
  const input = owner.inputs?.[slot];
  if (isSlotLinked(owner, slot)) return originOfSlot({ node: owner, owners: outer }, slot, steps);
  const widget = input?.widget && owner.widgets?.find((shown) => shown.name === input.widget.name);
  return widget ? { value: widget.value } : null;
}

function throughOutput(place, slot, type, steps) {
  const { node, owners } = place;
  if (node.mode === MUTED) return null;
  if (node.mode === BYPASSED) return originOfSlot(place, bypassSlot(node, slot, type), steps);
  if (node.subgraph) return originInside(place, slot, type, steps);
  if (isReroute(node)) return originOfSlot(place, 0, steps);
  const virtual = node.isVirtualNode ? node.getInputLink?.(slot) : null;
  if (!virtual) return { place, slot };
  const origin = nodeOf(node.graph, virtual.origin_id);
  return origin && throughOutput({ node: origin, owners }, virtual.origin_slot, type, steps - 1);
}

function originInside({ node, owners }, slot, type, steps) {
  const inside = node.subgraph;
  const link = linkOf(inside, inside.outputs?.[slot]?.linkIds?.[0]);
  if (!link) return null;
  if (Number(link.origin_id) === INSIDE_INPUT) return originOfSlot({ node, owners }, link.origin_slot, steps - 1);
  const origin = nodeOf(inside, link.origin_id);
  return origin && throughOutput({ node: origin, owners: [node, ...owners] }, link.origin_slot, type, steps - 1);
}

function consumersOfLink(place, link, steps) {
  if (!link || steps <= 0) return [];
  const { node, owners } = place;
  if (Number(link.target_id) === INSIDE_OUTPUT) {
    const [owner, ...outer] = owners;
    return owner ? consumersOf({ node: owner, owners: outer }, link.target_slot, steps - 1) : [];
  }
  const target = nodeOf(node.graph, link.target_id);
  if (!target || target.mode === MUTED) return [];
  const there = { node: target, owners };
  if (target.subgraph) {
    const ids = target.subgraph.inputs?.[link.target_slot]?.linkIds ?? [];
    const inside = { node: { graph: target.subgraph }, owners: [target, ...owners] };
    return ids.flatMap((id) => consumersOfLink(inside, linkOf(target.subgraph, id), steps - 1));
  }
  if (isReroute(target)) return consumersOf(there, 0, steps - 1);
  return [{ place: there, slot: link.target_slot }];
}

/** The input that a bypassed node passes on: at the same place, or the first of the type. */
function bypassSlot(node, slot, type) {
  const fits = (input) => input && (input.type === type || input.type === "*");
  return fits(node.inputs?.[slot]) ? slot : (node.inputs?.findIndex(fits) ?? -1);
}

function isReroute(node) {
  return /reroute/i.test(classOf(node)) && node.inputs?.length === 1;
}

/**
 * Looked up among the links: newer front ends warn who reads it off the slot, and a subgraph node's `getInputLink` is
 * about its outputs.
 */
function linkInto(node, slot) {
  const isInto = (link) => String(link.target_id) === String(node.id) && link.target_slot === slot;
  return slot < 0 ? null : ([...(node.graph?.links.values() ?? [])].find(isInto) ?? null);
}

function linkOf(graph, id) {
  return id === null || id === undefined ? null : (graph.getLink(id) ?? null);
}

function nodeOf(graph, id) {
  return graph.getNodeById?.(id) ?? null;
}

function ownersOf(graph, wanted) {
  if (graph === wanted) return [];
  for (const node of graph?.nodes ?? []) {
    const owners = node.subgraph ? ownersOf(node.subgraph, wanted) : null;
    if (owners) return [...owners, node];
  }
  return null;
}
