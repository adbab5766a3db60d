/** Finding nodes of the canvas by the ids that the server knows them by. */

/**
 * @param {object} graph the root graph.
 * @param {string} executionId "7", or "3:7" for node 7 inside subgraph node 3, as many levels as there are.
 * @returns {object|null} null where another workflow is open.
 */
export function nodeByExecutionId(graph, executionId) {
  const path = String(executionId).split(":");
  let found = null;
  for (const id of path) {
    const inside = found === null ? graph : found.subgraph;
    found = inside?.nodes?.find((node) => String(node.id) === id) ?? null;
    if (found === null) return null;
  }
  return found;
}
