// The search box: over all that the world has, with the keyboard alone if one likes.
/** @import { Found, Hit, Send } from "./types.d.ts" */
import { h, fill } from "../dom.js";
import { latest } from "./latest.js";

const PAUSE = 180;

/** @param {Send} send */
export function searchView(send) {
  const asks = latest((message) => send(/** @type {any} */ (message)));
  const box = /** @type {HTMLInputElement} */ (
    h("input", {
      type: "search",
      class: "sw-search",
      placeholder: "⌕ alice, overdraft, ko21…",
      "aria-label": "search the world",
      spellcheck: "false",
      "data-key": "search",
    })
  );
  const answers = h("div", {
    class: "sw-hits",
    role: "region",
    "aria-label": "found",
  });
  answers.hidden = true;
  const el = h("div", { class: "sw-find" }, box, answers);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const close = () => (answers.hidden = true);
  const pick = (/** @type {Hit} */ hit) => {
    close();
    send({ kind: "pick", subject: hit.subject, crank: hit.crank });
  };
  box.addEventListener("input", () => {
    clearTimeout(timer);
    const text = box.value.trim();
    if (!text) close();
    else timer = setTimeout(() => asks.ask({ kind: "search", text }), PAUSE);
  });
  box.addEventListener("focus", () => {
    if (box.value.trim() && answers.childElementCount) answers.hidden = false;
  });
  const buttons = () => [...answers.querySelectorAll("button")];
  el.addEventListener("keydown", (event) => {
    const all = buttons();
    const here = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    if (event.key === "Escape") {
      close();
      box.focus();
    } else if (event.key === "ArrowDown" && !answers.hidden) all[Math.min(all.length - 1, here + 1)]?.focus();
    else if (event.key === "ArrowUp" && here >= 0) (all[here - 1] ?? box).focus();
    else if (event.key === "Enter" && document.activeElement === box && !answers.hidden) all[0]?.click();
    else return;
    event.preventDefault();
  });
  el.addEventListener("focusout", (event) => {
    if (!(event.relatedTarget instanceof Node) || !el.contains(event.relatedTarget))
      setTimeout(() => el.contains(document.activeElement) || close(), 150);
  });
  /** @param {Found} found */
  function draw(found) {
    if (!found.text || found.text !== box.value.trim()) return;
    const hits = found.hits.map((hit, index) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            "data-key": `hit-${index}`,
            onclick: () => pick(hit),
          },
          h("i", {}, hit.kind),
          h("b", {}, hit.text),
          h("span", {}, hit.where),
        ),
      ),
    );
    fill(
      answers,
      hits.length
        ? h("ul", { class: "sw-plain" }, ...hits)
        : h("p", { class: "sw-empty" }, `nothing has ${found.text}`),
      found.more ? h("p", { class: "sw-note" }, "and more: say more of it") : null,
      ...found.notes.map((note) => h("p", { class: "sw-note" }, note)),
    );
    answers.hidden = !el.contains(document.activeElement);
  }
  return { el, draw, answered: () => asks.answered() };
}
