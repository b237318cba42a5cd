// What the panels share: building elements from text, never from markup.

/**
 * Make an element. Text goes in as text: whatever a vat calls itself, it cannot become markup.
 * @param {string} tag
 * @param {Record<string, any>} props
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  if (tag === "button") el.setAttribute("type", "button"); // unless the properties say that it submits
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      el.setAttribute(name, value === true ? "" : String(value));
  }
  el.append(...children.filter((child) => child !== null && child !== undefined));
  return el;
}

/** A text whose parts in backticks are code. @param {string} text @returns {(Node | string)[]} */
export const coded = (text) => text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));

/** Replace what an element holds, and give the focus back to the element of the same key.
 * @param {HTMLElement} el @param {...(Node | string | null)} children */
export function fill(el, ...children) {
  const key = el.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
  el.replaceChildren(...children.filter((child) => child !== null));
  if (key)
    /** @type {HTMLElement | undefined} */ (
      [...el.querySelectorAll("[data-key]")].find((node) => node.getAttribute("data-key") === key)
    )?.focus();
}

/**
 * What a panel says when its kernel is gone. It cannot reach the new one, so its button copies the lines to run.
 * @param {string[]} again
 */
export function epitaph(again) {
  const said = h("span", { class: "sw-state", role: "status" });
  const code = h("pre", {}, again.join("\n"));
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(again.join("\n"));
      said.textContent = "copied: paste it into a cell and run it";
    } catch {
      getSelection()?.selectAllChildren(code);
      said.textContent = "selected: copy it into a cell and run it";
    }
  };
  return h(
    "div",
    { class: "sw-dead", role: "alert" },
    h(
      "p",
      {},
      "The kernel of this panel has ended. It shows what was there then; the world is in its file. These lines show it again:",
    ),
    code,
    h("button", { type: "button", class: "sw-again", onclick: copy }, "Copy them"),
    said,
  );
}

/**
 * Keep keys that are pressed in a panel from the notebook, in which `d d` deletes the cell. JupyterLab asks the
 * element that has the focus, so each gets the word for it when it is reached.
 * @param {HTMLElement} panel
 */
export function keepKeys(panel) {
  panel.addEventListener("focusin", ({ target }) => {
    if (target instanceof Element) target.setAttribute("data-lm-suppress-shortcuts", "true");
  });
}
