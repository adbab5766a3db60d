/** The pack's extensions, in the order in which their widgets stand in a node. */

import { app } from "../../scripts/app.js";
import { chipsExtension } from "./chips/extension.js";
import { liveExtension } from "./live/extension.js";
import { translationExtension } from "./translation/extension.js";
import { viewerExtension } from "./viewer/extension.js";

for (const extension of [translationExtension(), chipsExtension(), liveExtension(), viewerExtension()]) {
  app.registerExtension(extension);
}
