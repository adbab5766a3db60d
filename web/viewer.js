/** The attention viewer of P2P Attention Maps. */

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";
import { nodeByExecutionId } from "./shared/nodes.js";
import { nodeByLocatorId, viewOf } from "./viewer/outputs.js";
import { addViewer } from "./viewer/widget.js";

const NODE = "P2PAttentionMaps";
const viewers = new WeakMap(); // from node to what shows a view in it

function show(node, output) {
  const view = viewOf(output);
  if (view !== null) viewers.get(node)?.(view);
}

app.registerExtension({
  name: "prompt_to_prompt.viewer",

  nodeCreated(node) {
    if ((node.comfyClass ?? node.constructor.comfyClass) === NODE) viewers.set(node, addViewer(node, app, api));
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
});
