// What each panel carries: it keeps its state current, and draws with the code that all panels of a kernel share.
/** @import { AnyModel, Host } from "@anywidget/types" */
import { followed } from "./deltas.js";

export default {
  /** @param {{ model: AnyModel }} context */
  initialize: ({ model }) => followed(model),
  /** @param {{ model: AnyModel, el: HTMLElement, host: Host }} context */
  async render({ model, el, host }) {
    const { exports } = await host.getWidget(model.get("code"));
    const panels =
      /** @type {Record<string, (model: AnyModel, el: HTMLElement, host: Host) => () => void>} */ (exports);
    return panels[model.get("panel")]?.(model, el, host);
  },
};
