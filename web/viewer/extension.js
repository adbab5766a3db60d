/** The attention viewer of P2P Attention Maps. */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { nodeByExecutionId } from "../shared/nodes.js";
import { placeKeeper } from "../shared/place.js";
import { nodeByLocatorId, viewOf } from "./outputs.js";
import { addViewer } from "./widget.js";

const NODE = "P2PAttentionMaps";

export function viewerExtension() {
  const viewers = new WeakMap(); // from node to what shows a view in it
  const keepPlace = placeKeeper(app);

  function show(node, output) {
    const view = viewOf(output);
    if (view !== null) viewers.get(node)?.(view);
  }

  return {
    name: "prompt_to_prompt.viewer",

    nodeCreated(node) {
      if ((node.comfyClass ?? node.constructor.comfyClass) !== NODE) return;
      viewers.set(node, addViewer(node, app, api, keepPlace));
    },

    setup() {
      api.addEventListener("executed", ({ detail }) => {
        const node = nodeByExecutionId(app.rootGraph ?? app.graph, detail.display_node ?? detail.node);
        if (node !== null) show(node, detail.output);
      });
    },

    /** Called when a workflow is opened whose outputs the front end still has. */
    onNodeOutputsUpdated(outputs) {
      for (const [id, output] of Object.entries(outputs)) {
        const node = nodeByLocatorId(app.rootGraph ?? app.graph, id);
        if (node !== null) show(node, output);
      }
    },
  };
}
