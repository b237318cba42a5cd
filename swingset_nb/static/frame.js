// The frame of a panel that is a page of sections: a bar of buttons, and below it what the kernel has composed.
/** @import { AnyModel } from "@anywidget/types" */
import { epitaph, fill, h, keepKeys } from "./dom.js";

const LONG = 3000;
const STOP = "waiting for the kernel… Interrupting it (■ above the notebook) stops this";

/** A heading and what belongs to it. @param {string} title @param {...(Node | null)} children */
export const section = (title, ...children) =>
  h("section", { "aria-label": title }, h("h4", {}, title), ...children);

/** A list, or a sentence that says it is empty. @param {string[]} lines @param {string} cls */
export const lines = (lines, cls) => h("ul", { class: cls }, ...lines.map((line) => h("li", {}, line)));

/**
 * The frame of a panel: a bar of buttons that stays, a body that is redrawn, and what vats said and what went wrong.
 * @param {AnyModel} model @param {HTMLElement} root @param {string} label
 * @param {[kind: string, text: string, label: string][]} buttons
 * @param {(view: any, send: (message: object) => void, bar: Record<string, HTMLButtonElement>) => (Node | null)[]} draw
 */
export function frame(model, root, label, buttons, draw) {
  const state = h("span", { class: "sw-state", role: "status" });
  const body = h("div", { class: "sw-body" });
  const said = h("div", {
    class: "sw-said",
    role: "log",
    "aria-label": "what vats said",
  });
  const error = h("pre", { class: "sw-error", role: "alert" });
  /** @type {Record<string, HTMLButtonElement>} */
  const bar = {};
  const panel = h("div", {
    class: "sw-panel",
    role: "group",
    "aria-label": label,
  });
  keepKeys(panel);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let slow;
  const send = (/** @type {object} */ message) => {
    state.textContent = "waiting for the kernel…";
    slow ??= setTimeout(() => (state.textContent = STOP), LONG);
    panel.setAttribute("aria-busy", "true");
    model.send(message);
  };
  for (const [kind, text, title] of buttons)
    bar[kind] = /** @type {HTMLButtonElement} */ (
      h(
        "button",
        {
          type: "button",
          class: `sw-${kind}`,
          title,
          onclick: () => send({ kind }),
        },
        text,
      )
    );
  let dead = false;
  const redraw = () => {
    const view = model.get("view");
    for (const button of Object.values(bar)) button.disabled = dead || !view.open;
    fill(
      body,
      ...(view.open
        ? draw(view, send, bar)
        : [h("p", { class: "sw-empty" }, `This panel is asleep: ${view.why || "nothing to show yet"}.`)]),
    );
    const words = model.get("said");
    fill(said, words.length ? section("Vats said", h("pre", {}, words.join("\n"))) : null);
    said.scrollTop = said.scrollHeight;
    error.textContent = model.get("error");
    error.hidden = !model.get("error");
    if (dead) {
      for (const button of [...Object.values(bar), ...body.querySelectorAll("button")])
        button.setAttribute("disabled", "");
      settled();
    }
  };
  const died = () => {
    if (dead) return;
    dead = true;
    panel.prepend(epitaph(model.get("again")));
    redraw();
  };
  const settled = () => {
    clearTimeout(slow);
    slow = undefined;
    state.textContent = "";
    panel.removeAttribute("aria-busy");
  };
  panel.append(h("div", { class: "sw-bar" }, ...Object.values(bar), state), error, body, said);
  root.append(panel);
  for (const name of ["view", "said", "error"]) model.on(`change:${name}`, redraw);
  model.on("change:turn", settled);
  model.on("comm_live_update", died);
  redraw();
  return () => {
    for (const name of ["view", "said", "error"]) model.off(`change:${name}`, redraw);
    model.off("change:turn", settled);
    model.off("comm_live_update", died);
  };
}
