/** Outputs of nodes as the front end keeps them, and which node they are of. */

/** The view that an output has for the viewer, or null. */
export function viewOf(output) {
  return output?.p2p_viewer?.[0] ?? null;
}

/**
 * @param {object} graph the root graph.
 * @param {string} locatorId "7", or "…:7" with the id of a subgraph's definition, for node 7 of it.
 * @returns {object|null}
 */
export function nodeByLocatorId(graph, locatorId) {
  const parts = String(locatorId).split(":");
  const id = parts.pop();
  const inside = parts.length > 0 ? graph.subgraphs?.get(parts.join(":")) : graph;
  return inside?.nodes?.find((node) => String(node.id) === id) ?? null;
}
