// Small graphs in the shape of the front end's, as far as links are followed.

/** A graph of nodes: id → {type, mode, inputs: {name: [type, origin id, origin slot] or type}, outputs, widgets}. */
export function graphOf(nodes, rootGraph = null) {
  const graph = { nodes: [], links: new Map(), inputs: [], outputs: [] };
  graph.rootGraph = rootGraph ?? graph;
  graph.getNodeById = (id) => graph.nodes.find((node) => node.id === id);
  graph.getLink = (id) => graph.links.get(id);
  for (const [id, node] of Object.entries(nodes)) graph.nodes.push(nodeOf(Number(id), node, graph));
  for (const [id, node] of Object.entries(nodes)) linkInputs(graph, Number(id), node.inputs ?? {});
  return graph;
}

/** Connects an output of a subgraph to a node inside it. */
export function giveOut(subgraph, nodeId, slot) {
  const number = subgraph.outputs.length;
  const link = addLink(subgraph, { origin_id: nodeId, origin_slot: slot, target_id: -20, target_slot: number });
  subgraph.outputs.push({ linkIds: [link] });
  subgraph.getNodeById(nodeId).outputs[slot].links.push(link);
}

export function encoder(text, rest = {}) {
  const inputs = { clip: "CLIP", text: "STRING", ...rest };
  return { type: "P2PTextEncode", inputs, outputs: ["CONDITIONING"], widgets: { text } };
}

export function replaceNode(source, target) {
  const inputs = { source: ["CONDITIONING", source, 0], target: ["CONDITIONING", target, 0] };
  return { type: "P2PReplaceController", inputs, outputs: ["P2P_CONTROLLER"], widgets: { word_windows: "" } };
}

export function fader(controller) {
  const inputs = { controller: ["P2P_CONTROLLER", controller, 0], conditioning: "CONDITIONING" };
  return { type: "P2PReweightController", inputs, outputs: ["P2P_CONTROLLER"], widgets: { scales: "" } };
}

function nodeOf(id, { type, mode = 0, inputs = {}, outputs = [], widgets = {}, subgraph, ...rest }, graph) {
  return {
    id,
    comfyClass: type,
    mode,
    graph,
    subgraph,
    inputs: Object.entries(inputs).map(([name, value]) => ({
      name,
      type: [value].flat()[0],
      link: null,
      widget: name in widgets ? { name } : undefined,
    })),
    outputs: outputs.map((output) => ({ type: output, name: output, links: [] })),
    widgets: Object.entries(widgets).map(([name, value]) => ({ name, value })),
    ...rest,
  };
}

function linkInputs(graph, id, inputs) {
  Object.values(inputs).forEach((value, slot) => {
    if (!Array.isArray(value)) return;
    const [, origin, originSlot] = value;
    const link = { origin_id: origin, origin_slot: originSlot, target_id: id, target_slot: slot };
    const number = addLink(graph, link);
    graph.getNodeById(id).inputs[slot].link = number;
    if (origin === -10) ((graph.inputs[originSlot] ??= { linkIds: [] }).linkIds).push(number);
    else graph.getNodeById(origin).outputs[originSlot].links.push(number);
  });
}

function addLink(graph, link) {
  const number = graph.links.size + 1;
  graph.links.set(number, link);
  return number;
}
