// The explorer: the bar, the timeline, the world and the inspector, which know each other through the kernel.
// Each trait is drawn when it has changed. The kernel is asked for one moment at a time: the latest drag wins.
/** @import { AnyModel, Host } from "@anywidget/types" */
/** @import { Bar, Message, Waiting, World } from "./types.d.ts" */
import { epitaph, fill, h, keepKeys } from "../dom.js";
import { inspectorView } from "./inspector.js";
import { latest } from "./latest.js";
import { searchView } from "./search.js";
import { askOf, didOf } from "./story.js";
import { timelineView } from "./timeline.js";
import { walkView } from "./walk.js";
import { belowOf } from "./watch.js";
import { queueOf, worldView } from "./world.js";

const BEAT = 900;
const SLOW = 500;
const BESIDE = 720;
const SIDE = 320;
const PADDING = 12;
const TRAITS = ["bar", "timeline", "world", "inspector", "watched", "tick", "found", "said", "error"];

const RUNS = {
  step: "run one crank",
  run: "run until nothing can, or to a breakpoint, and end a pause",
};
const IDLE = "there is nothing to run yet";

/** @param {AnyModel} model @param {HTMLElement} el @param {Host} host */
export function explorer(model, el, host) {
  const state = h("span", { class: "sw-state", role: "status" });
  const where = h("span", { class: "sw-where" });
  const panel = h("div", {
    class: "sw-panel sw-explorer",
    role: "group",
    "aria-label": "explorer",
  });
  keepKeys(panel);
  let [dead, width, sent, answered] = [false, 0, 0, model.get("turn") ?? 0];
  const base = answered;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let slow;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let beat;
  let playing = false;
  const send = (/** @type {Message} */ message) => {
    if (dead) return;
    sent += 1;
    model.send(message);
    panel.setAttribute("aria-busy", "true");
    // Short waits are not worth words; a long one is a cell that runs.
    slow ??= setTimeout(
      () => (state.textContent = "waiting: a cell runs, the kernel answers after it"),
      SLOW,
    );
  };
  const looks = latest((message) => send(/** @type {Message} */ (message)));
  const bar = () => /** @type {Bar} */ (model.get("bar"));
  const look = (/** @type {number} */ crank) =>
    looks.ask({ kind: "look", crank: crank >= bar().present ? null : crank });
  const search = searchView(send);
  const timeline = timelineView(look, send);
  const world = worldView(send);
  const inspector = inspectorView(send);
  /** @type {Record<string, HTMLButtonElement>} */
  const buttons = {};
  const button = (
    /** @type {string} */ kind,
    /** @type {string} */ text,
    /** @type {string} */ title,
    /** @type {() => void} */ act = () => send({ kind }),
  ) =>
    (buttons[kind] = /** @type {HTMLButtonElement} */ (
      h(
        "button",
        {
          class: `sw-${kind}`,
          title,
          // A sign is read as its title; words are read as they are.
          "aria-label": /[a-z]/.test(text) ? null : title,
          "data-key": kind,
          onclick: act,
        },
        text,
      )
    ));
  const head = h(
    "div",
    { class: "sw-bar", role: "toolbar", "aria-label": "explorer" },
    h(
      "span",
      { class: "sw-group" },
      button("first", "|◀", "look at the beginning", () => look(0)),
      button("back", "◀", "look one crank back", () => look(timeline.shown() - 1)),
      button("play", "▷", "play slowly, a crank at a time", () => play(!playing)),
      button("forward", "▶", "look one crank on", () => look(timeline.shown() + 1)),
      button("now", "▶|", "look at the present", () => look(Infinity)),
    ),
    h(
      "span",
      { class: "sw-group" },
      button("step", "Step ▸", RUNS.step),
      button("run", "Run ▸▸", RUNS.run),
      button("pause", "‖ Pause", "let messages wait from now on"),
      button("cancel", "Cancel", "drop the message whose delivery was interrupted, and run what else waits"),
    ),
    state,
    search.el,
    button("branch", "Go on from here", "let the world go on from the moment that is shown", () =>
      send({ kind: "branch" }),
    ),
    button("whatif", "What if…", "the cell that tries something else from here, in a fork"),
  );
  const [notice, queue, story] = ["notice", "queue", "story"].map((name) =>
    h("div", { class: `sw-at-${name}` }),
  );
  const error = h("pre", { class: "sw-error", role: "alert" });
  const said = h("div", {
    class: "sw-said",
    role: "log",
    "aria-label": "what vats said",
  });
  const middle = h("div", { class: "sw-middle" }, world.el, inspector.el);
  const asleep = h("p", { class: "sw-empty" });
  const body = h("div", { class: "sw-body" }, timeline.el, middle, queue ?? null, story ?? null);
  const walk = walkView(model, host, send);
  panel.append(where, head, notice ?? "", error, walk.el, asleep, body, said);

  function play(/** @type {boolean} */ on) {
    playing = on;
    clearTimeout(beat);
    buttons.play?.setAttribute("aria-pressed", String(on));
    if (on) next();
  }
  /** One beat: the next crank of the past, or a step of the present; without either, it stops. */
  function next() {
    const { at, paused } = bar();
    const waits = /** @type {World} */ (model.get("world")).waiting_total > 0;
    if (at !== null) look(at + 1);
    else if (paused && waits) send({ kind: "step" });
    else play(false);
  }
  /** @type {World | null} */
  let before = null;
  /** Let the message that was next travel, if exactly one crank has passed since. */
  function moved() {
    const now = /** @type {World} */ (model.get("world"));
    /** @type {Waiting | undefined} */
    const message = before?.waiting.find((each) => each.where === "");
    if (before && message && now.crank === before.crank + 1) world.travel(message);
    before = now;
  }
  /** @param {Set<string>} changed */
  function redraw(changed) {
    const now = bar();
    const any = (/** @type {string[]} */ ...names) => names.some((name) => changed.has(name));
    asleep.hidden = now.open;
    body.hidden = !now.open;
    if (!now.open) {
      asleep.textContent = `This panel is asleep: ${now.why || "nothing to show yet"}.`;
      play(false);
    }
    if (now.stale && changed.has("bar")) send({ kind: "again" });
    for (const each of Object.values(buttons)) each.disabled = dead || !now.open;
    const back = now.at !== null;
    const set = (/** @type {string} */ name, /** @type {boolean} */ off) => {
      if (off && buttons[name]) buttons[name].disabled = true;
    };
    for (const name of ["forward", "now", "branch"]) set(name, !back);
    const waits = /** @type {World} */ (model.get("world")).waiting_total > 0;
    const nothing = now.present === 0 && !waits;
    for (const name of ["first", "back"]) set(name, now.at === 0 || nothing);
    set("play", nothing);
    for (const name of /** @type {const} */ (["step", "run"])) {
      set(name, back || nothing);
      if (buttons[name])
        buttons[name].title = back ? "it runs in the present: press ▶|" : nothing ? IDLE : RUNS[name];
    }
    set("pause", now.paused);
    if (buttons.cancel) buttons.cancel.hidden = !now.interrupted;
    if (now.open) {
      const count = (/** @type {number} */ number) => number.toLocaleString("en");
      fill(
        where,
        h("b", {}, now.path),
        ` crank ${count(now.crank)}${back ? ` of ${count(now.present)} · looking back` : " · the present"} · ${now.paused ? "‖ paused" : "runs after every cell"}`,
        ...now.breaks.map((text) =>
          h(
            "button",
            {
              class: "sw-chip",
              title:
                "only Run stops at it, after the crank; a cell, Step and Send do not. A click removes it",
              "data-key": `break-${text}`,
              onclick: () => send({ kind: "unbreak", predicate: text }),
            },
            `◉ Run stops after ${text} ×`,
          ),
        ),
        ...now.changed.map((vat) =>
          h(
            "button",
            {
              class: "sw-chip sw-changed",
              title:
                "its cell was changed, and the vat runs without the change: compare, rehearse, apply, undo",
              "data-key": `changed-${vat}`,
              onclick: () => send({ kind: "upgrade", vat }),
            },
            `${vat} was changed: Upgrade…`,
          ),
        ),
      );
      if (notice) fill(notice, now.ask ? askOf(now.ask, send) : null, now.did ? didOf(now.did, send) : null);
      const chosen = model.get("inspector")?.subject ?? "";
      const beside = width >= BESIDE;
      middle.classList.toggle("sw-beside", beside);
      if (any("bar", "timeline", "width"))
        timeline.draw(model.get("timeline"), now, width - 2 * PADDING, looks.waits);
      if (any("world", "inspector", "width"))
        world.draw(model.get("world"), chosen, beside ? width - SIDE : width);
      if (any("inspector")) inspector.draw(model.get("inspector")?.subject ? model.get("inspector") : null);
      if (queue && any("world", "inspector")) fill(queue, queueOf(model.get("world"), chosen, send));
      if (story && any("tick", "watched"))
        fill(
          story,
          ...belowOf(model.get("watched"), model.get("tick")?.crank ? model.get("tick") : null, send),
        );
      if (any("found")) search.draw(model.get("found"));
      if (any("world")) moved();
    }
    const words = /** @type {string[]} */ (model.get("said"));
    if (any("said")) {
      fill(
        said,
        words.length ? h("pre", { tabindex: 0, "aria-label": "what vats said" }, words.join("\n")) : null,
      );
      said.scrollTop = said.scrollHeight;
    }
    error.textContent = model.get("error");
    error.hidden = !model.get("error");
    panel.classList.toggle("sw-looking-back", back);
    if (dead) {
      for (const each of panel.querySelectorAll("button:not(.sw-again), input"))
        each.setAttribute("disabled", "");
      settled();
    }
  }
  function settled() {
    clearTimeout(slow);
    slow = undefined;
    state.textContent = "";
    panel.removeAttribute("aria-busy");
  }
  // Traits arrive one by one, and what they show together is drawn once.
  /** @type {Set<string>} */
  let changed = new Set();
  const changing = (/** @type {string} */ name) => {
    if (!changed.size)
      queueMicrotask(() => {
        const names = changed;
        changed = new Set();
        redraw(names);
      });
    changed.add(name);
  };
  const turned = () => {
    answered = model.get("turn");
    search.answered();
    const more = looks.answered();
    if (answered - base >= sent && !more) settled();
    if (!more) changing("bar");
    if (playing && !more) {
      clearTimeout(beat);
      beat = setTimeout(next, BEAT);
    }
  };
  const died = () => {
    if (dead) return;
    dead = true;
    play(false);
    panel.prepend(epitaph(model.get("again")));
    redraw(new Set());
  };
  walk.draw();
  model.on("change:walkthrough", walk.draw);
  const watched = TRAITS.map((name) => /** @type {const} */ ([`change:${name}`, () => changing(name)]));
  for (const [event, act] of watched) model.on(event, act);
  model.on("change:turn", turned);
  model.on("comm_live_update", died);
  const seen = new ResizeObserver(() => {
    const wide = Math.floor(panel.clientWidth);
    if (!wide || wide === width) return;
    width = wide;
    redraw(new Set(["width", "inspector"]));
  });
  el.append(panel);
  seen.observe(panel);
  width = Math.max(320, Math.floor(panel.clientWidth));
  redraw(new Set([...TRAITS, "width"]));
  return () => {
    play(false);
    clearTimeout(slow);
    seen.disconnect();
    walk.end();
    model.off("change:walkthrough", walk.draw);
    for (const [event, act] of watched) model.off(event, act);
    model.off("change:turn", turned);
    model.off("comm_live_update", died);
  };
}
