"""A panel in Chromium without JupyterLab: its script in a page, and the widget of Python, joined directly.

Most of what a panel does can be shown so, in a fraction of the time that a notebook takes to open. The page
has the variables of JupyterLab's light or dark theme, as far as a panel uses them.
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
_SHOW = """async ({script, css, traits, theme, light}) => {
  for (const [name, value] of Object.entries(theme)) document.body.style.setProperty(`--jp-${name}`, value);
  document.body.setAttribute('data-jp-theme-light', String(light));
  document.head.append(Object.assign(document.createElement('style'), {textContent: css}));
  const heard = new Map();
  window.traits = traits;
  window.take = (changed) => {
    const same = (name) => JSON.stringify(changed[name]) === JSON.stringify(traits[name]);
    const names = Object.keys(changed).filter((name) => !same(name));
    Object.assign(traits, changed);
    for (const name of names) for (const act of heard.get(`change:${name}`) ?? []) act();
  };
  const model = {
    get: (name) => traits[name],
    on: (name, act) => heard.set(name, [...heard.get(name) ?? [], act]),
    off: (name, act) => heard.set(name, (heard.get(name) ?? []).filter((each) => each !== act)),
    send: async (message) => window.take(JSON.parse(await window.hear(message))),
  };
  window.die = () => { for (const act of heard.get('comm_live_update') ?? []) act(); };
  const module = await import(URL.createObjectURL(new Blob([script], {type: 'text/javascript'})));
  module.default.render({model, el: document.getElementById('here')});
}"""


class Bare:
    """One panel in a page of its own."""

    def __init__(self, page: Any, panel: LiveWidget) -> None:
        self.page = page
        self.panel = panel
        self.asked: list[dict[str, Any]] = []
        page.expose_function("hear", self._hear)

    def show(self, *, light: bool = True) -> Any:
        """Load the page, and return its panel."""
        self.page.set_content(_PAGE)
        shown = {"script": self.panel._esm, "css": self.panel._css, "traits": shown_by(self.panel)}
        self.page.evaluate(_SHOW, {**shown, "theme": LIGHT if light else DARK, "light": light})
        return self.page.locator(".sw-panel")

    def refresh(self) -> None:
        """Show what has changed in the world, as after a cell."""
        self.panel.refresh()
        self.page.evaluate("(traits) => window.take(traits)", shown_by(self.panel))

    def _hear(self, message: dict[str, Any]) -> str:
        self.asked.append(message)
        self.panel._hear(self.panel, message, [])
        return json.dumps(shown_by(self.panel))
