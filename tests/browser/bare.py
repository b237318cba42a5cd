"""A panel in Chromium without JupyterLab: its script in a page, and the widget of Python, joined directly.

Most of what a panel does can be shown so, in a fraction of the time that a notebook takes to open. The page
gets what the widget sends and nothing else, so it shows that this is enough. It has the variables of
JupyterLab's light or dark theme, as far as a panel uses them.
"""

from __future__ import annotations

import json
from typing import Any

from swingset_nb.widget import LiveWidget
from tests.notebook.kernels import shown_by

LIGHT = {
    "layout-color1": "#fff",
    "layout-color2": "#eee",
    "border-color1": "#bdbdbd",
    "brand-color1": "#1976d2",
}
LIGHT |= {"ui-font-color1": "rgba(0,0,0,0.87)", "ui-font-color2": "rgba(0,0,0,0.54)"}
DARK = {
    "layout-color1": "#111",
    "layout-color2": "#424242",
    "border-color1": "#616161",
    "brand-color1": "#2196f3",
}
DARK |= {"ui-font-color1": "#fff", "ui-font-color2": "rgba(255,255,255,0.7)"}

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>a panel</title></head>
<body style="margin:16px;background:var(--jp-layout-color1)"><main id="here"></main></body></html>"""
_SHOW = """async ({first, theme, light}) => {
  for (const [name, value] of Object.entries(theme)) document.body.style.setProperty(`--jp-${name}`, value);
  document.body.setAttribute('data-jp-theme-light', String(light));
  const models = new Map();
  const join = async (ref, {script, css, traits}) => {
    document.head.append(Object.assign(document.createElement('style'), {textContent: css}));
    const heard = new Map();
    const tell = (event) => { for (const act of heard.get(event) ?? []) act(); };
    const model = {
      traits,
      tell,
      get: (name) => traits[name],
      set: (name, value) => {
        if (JSON.stringify(value) === JSON.stringify(traits[name])) return;
        traits[name] = value;
        tell(`change:${name}`);
      },
      on: (name, act) => heard.set(name, [...heard.get(name) ?? [], act]),
      off: (name, act) => heard.set(name, (heard.get(name) ?? []).filter((each) => each !== act)),
      send: async (message) => window.take(JSON.parse(await window.hear(ref, message))),
    };
    models.set(ref, model);
    const module = await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})));
    const exports = module.default.initialize?.({model});
    const host = {getWidget: async (other) => await join(other, JSON.parse(await window.child(other)))};
    return {exports, render: async ({el}) => module.default.render({model, el, host})};
  };
  window.take = (updates) => {
    for (const [ref, state] of updates) {
      const model = models.get(ref);
      const same = (name) => JSON.stringify(state[name]) === JSON.stringify(model.traits[name]);
      const names = Object.keys(state).filter((name) => !same(name));
      Object.assign(model.traits, state);
      for (const name of names) model.tell(`change:${name}`);
    }
  };
  window.die = () => { for (const model of models.values()) model.tell('comm_live_update'); };
  await (await join('', first)).render({el: document.getElementById('here')});
}"""


class Bare:
    """One panel in a page of its own."""

    def __init__(self, page: Any, panel: LiveWidget) -> None:
        self.page = page
        self.panel = panel
        self.asked: list[dict[str, Any]] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []
        """What the panels have sent since the page took it: the panel, and the traits."""
        self._panels: dict[str, Any] = {}
        page.expose_function("hear", self._hear)
        page.expose_function("child", self._child)

    def show(self, *, light: bool = True) -> Any:
        """Load the page, and return its panel."""
        self.page.set_content(_PAGE)
        self.sent.clear()
        given = {"first": self._joined("", self.panel), "theme": LIGHT if light else DARK, "light": light}
        self.page.evaluate(_SHOW, given)
        return self.page.locator(".sw-panel").first

    def refresh(self) -> None:
        """Show what has changed in the world, as after a cell."""
        self.panel.refresh()
        self.page.evaluate("(updates) => window.take(updates)", self._taken())

    def _joined(self, ref: str, panel: Any) -> dict[str, Any]:
        """The state with which a panel begins in the page; what it sends from then on is kept."""
        self._panels[ref] = panel

        def send(message: dict[str, Any], buffers: object = None) -> None:
            if message["method"] == "update":
                self.sent.append((ref, message["state"]))

        panel._send = send
        return {"script": panel._esm, "css": getattr(panel, "_css", ""), "traits": shown_by(panel)}

    def _child(self, ref: str) -> str:
        """The first state of another widget that a panel names."""
        panels = (self.panel.code, getattr(self.panel, "walkthrough", None))
        (panel,) = [each for each in panels if each and ref == f"anywidget:{each.model_id}"]
        return json.dumps(self._joined(ref, panel))

    def _taken(self) -> list[tuple[str, dict[str, Any]]]:
        sent, self.sent = self.sent, []
        return json.loads(json.dumps(sent))  # type: ignore[no-any-return]

    def _hear(self, ref: str, message: dict[str, Any]) -> str:
        self.asked.append(message)
        panel = self._panels[ref]
        panel._hear(panel, message, [])
        return json.dumps(self._taken())
