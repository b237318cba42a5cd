// The card of the first lesson makes a copy only where there is none, and says what went wrong.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const SCRIPT = new URL("../../swingset_nb/labextension/static/remoteEntry.js", import.meta.url);
const LESSON = {
  cells: [{ cell_type: "code", source: "1", outputs: [1], execution_count: 1 }],
  metadata: {},
};

/** What JupyterLab throws when its server answers with a status. */
const answered = (status) => Object.assign(new Error(`status ${status}`), { response: { status } });

/** Click the card where `get` of a file and the lesson's own address are answered so. */
async function click(get, found = true) {
  const done = { saved: [], opened: [], shown: [] };
  const window = {};
  const fetch = async () => ({ ok: found, json: async () => structuredClone(LESSON) });
  const document = { currentScript: { src: "http://localhost/lab/remoteEntry.js" } };
  runInNewContext(readFileSync(SCRIPT, "utf8"), { window, document, fetch, URL });
  const container = window._JUPYTERLAB["swingset-nb"];
  const showErrorMessage = async (_title, problem) => void done.shown.push(problem.message);
  container.init({ "@jupyterlab/apputils": { 4: { get: async () => () => ({ showErrorMessage }) } } });
  const plugin = (await container.get())().default;
  let card;
  const commands = {
    addCommand: (_id, options) => (card = options),
    execute: async (_id, { path }) => void done.opened.push(path),
  };
  const contents = { get, save: async (path, { content }) => void done.saved.push([path, content]) };
  const kernelspecs = { specs: null, ready: Promise.resolve() };
  plugin.activate({ commands, serviceManager: { contents, kernelspecs } }, null, null, null, null);
  await card.execute({ cwd: "begun" });
  return done;
}

test("a copy that is there is opened as it is", async () => {
  const done = await click(async () => ({}));
  assert.deepEqual(done, { saved: [], opened: ["begun/quickstart.ipynb"], shown: [] });
});

test("where there is none, a copy without outputs is made and opened", async () => {
  const { saved, opened, shown } = await click(() => Promise.reject(answered(404)));
  assert.equal(saved[0][0], "begun/quickstart.ipynb");
  assert.equal(saved[0][1].cells[0].outputs.length, 0);
  assert.deepEqual([opened, shown], [["begun/quickstart.ipynb"], []]);
});

for (const problem of [answered(403), answered(500), new TypeError("the server does not answer")]) {
  test(`nothing is written after another failure: ${problem.message}`, async () => {
    const done = await click(() => Promise.reject(problem));
    assert.deepEqual(done, { saved: [], opened: [], shown: [problem.message] });
  });
}

test("a lesson that cannot be loaded is said, and nothing is written", async () => {
  const done = await click(() => Promise.reject(answered(404)), false);
  assert.deepEqual([done.saved, done.opened], [[], []]);
  assert.match(done.shown[0], /install swingset-nb again/);
});
