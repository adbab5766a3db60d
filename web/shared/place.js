/** The place of a widget's element on the page, across undo. */

/** Calls the function there was, and then another. */
export function chained(previous, next) {
  return function (...values) {
    const result = previous?.apply(this, values);
    next.apply(this, values);
    return result;
  };
}

/**
 * Nodes 2.0 keeps what it drew for a node's id, also where undo has put another node with that id: the new node's
 * element goes in the place of the old one's.
 *
 * @param {object} app
 * @returns {(node: object, name: string, root: HTMLElement) => void} to be told of every widget's element.
 */
export function placeKeeper(app) {
  const left = new Map(); // what a node that is gone was drawn in, by widget and id
  return (node, name, root) => {
    const key = () => `${name} ${node.id}`;
    node.onRemoved = chained(node.onRemoved, () => left.set(key(), root));
    node.onAdded = chained(node.onAdded, () => {
      requestAnimationFrame(() => {
        const old = left.get(key());
        left.delete(key());
        if (old?.isConnected && !root.isConnected && node.graph === app.canvas.graph) old.replaceWith(root);
      });
    });
  };
}
