// The upgrade panel of a vat, or the page of a proposal, within the explorer: a widget of its own, drawn where the explorer has room for it.
/** @import { AnyModel, Host } from "@anywidget/types" */
/** @import { Send } from "./types.d.ts" */
import { fill, h } from "../dom.js";

/** @param {AnyModel} model @param {Host} host @param {Send} send */
export function walkView(model, host, send) {
  const el = h("section", { class: "sw-walk", "aria-label": "opened" });
  /** @type {AbortController | null} */
  let drawn = null;
  let shown = "";
  const end = () => {
    drawn?.abort();
    drawn = null;
  };
  async function draw() {
    const ref = /** @type {string | null} */ (model.get("walkthrough")) ?? "";
    if (ref === shown) return;
    shown = ref;
    end();
    el.hidden = !ref;
    fill(el);
    if (!ref) return;
    const own = (drawn = new AbortController());
    const room = h("div", {});
    fill(
      el,
      h(
        "button",
        {
          class: "sw-small sw-shut",
          "aria-label": "close this",
          title: "close this; nothing changes",
          onclick: () => send({ kind: "shut" }),
        },
        "×",
      ),
      room,
    );
    try {
      const widget = await host.getWidget(ref);
      if (!own.signal.aborted) await widget.render({ el: room, signal: own.signal });
      room.querySelector("button")?.focus({ preventScroll: true });
      el.scrollIntoView({ block: "nearest" });
    } catch {
      fill(
        room,
        h(
          "p",
          {},
          "It cannot be shown within this panel here. In a cell, ",
          h("code", {}, "%swingset upgrade"),
          " or ",
          h("code", {}, "%swingset proposal"),
          " shows it.",
        ),
      );
    }
  }
  el.hidden = true;
  return { el, draw, end };
}
