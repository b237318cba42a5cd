// The first lesson in the launcher of JupyterLab, and in the help menu and the palette of Notebook 7 too.
//
// JupyterLab loads an extension as a container of modules: this script puts one into `_JUPYTERLAB`, as a
// bundler would write it. It is written by hand, because all that it needs of JupyterLab are four tokens, which
// both front ends share; one that a front end lacks is left out. So it fits every version that has containers,
// and nothing has to be built.
//
// The lesson lies beside this script. A copy without outputs goes into the folder that the user is in. A copy
// that is there is opened as it is. It is made only if the server says that there is none: after any other
// failure, such as a server that does not answer, a copy of the user's may be there, and would be lost.

(() => {
  /** @typedef {{ cell_type: string, source: string | string[], outputs?: unknown[],
   *   execution_count?: number | null }} Cell */
  /** @typedef {{ cells: Cell[], metadata: Record<string, unknown> }} Notebook */
  /** @typedef {{ get: (path: string, options: object) => Promise<unknown>,
   *   save: (path: string, model: object) => Promise<unknown> }} Contents */
  /** @typedef {{ execute: (id: string, args: object) => Promise<unknown>,
   *   addCommand: (id: string, options: object) => unknown }} Commands */
  /** @typedef {{ specs: { kernelspecs: Record<string, { display_name: string, language: string }> } | null,
   *   ready: Promise<void> }} Specs */
  /** @typedef {{ commands: Commands, serviceManager: { contents: Contents, kernelspecs: Specs } }} App */
  /** @typedef {(title: string, problem: unknown) => Promise<void>} Show */
  /** @typedef {Record<string, Record<string,
   *   { get: () => Promise<() => Record<string, unknown>>, loaded?: unknown }>>} Shared */

  const COMMAND = "swingset:first-lesson";
  const NAME = "quickstart.ipynb";
  const HERE = new URL(".", /** @type {HTMLScriptElement} */ (document.currentScript).src).href;
  const PAGE = /\[([^\]]+)\]\(\.\.\/docs\/([\w/.-]+)\)/g;
  const LESSON = /\[[^\]]+\]\((\w+)\.ipynb\)/g;

  /** @type {Shared} */
  let shared = {};

  /**
   * A token of JupyterLab, or undefined if this front end has none of that name.
   * @param {string} from @param {string} name
   */
  async function token(from, name) {
    const found = Object.values(shared[from] ?? {});
    const one = found.find((each) => each.loaded) ?? found[0];
    return one && (await one.get())()[name];
  }

  /**
   * A lesson to be run elsewhere: without outputs, and with what its links lead to where nothing lies.
   * @param {Notebook} lesson @param {Specs} specs
   */
  function fresh(lesson, specs) {
    for (const cell of lesson.cells) {
      if (cell.cell_type === "code") {
        cell.outputs = [];
        cell.execution_count = null;
      } else {
        cell.source = [cell.source]
          .flat()
          .join("")
          .replace(PAGE, "$1 (`docs/$2` of the project)")
          .replace(LESSON, "$& (`%swingset lesson $1`)");
      }
    }
    const own = specs.specs?.kernelspecs.swingset;
    if (own) {
      lesson.metadata.kernelspec = {
        name: "swingset",
        display_name: own.display_name,
        language: own.language,
      };
    }
    return lesson;
  }

  /**
   * Whether a file is there. What is no answer to that is thrown.
   * @param {Contents} contents @param {string} path
   */
  async function exists(contents, path) {
    try {
      await contents.get(path, { content: false });
      return true;
    } catch (problem) {
      const { response } = /** @type {{ response?: { status: number } }} */ (problem);
      if (response?.status === 404) {
        return false;
      }
      throw problem;
    }
  }

  /**
   * Open the copy of the lesson in a folder, which is made if it is not there.
   * @param {App} app @param {string} folder
   */
  async function open(app, folder) {
    const { contents, kernelspecs } = app.serviceManager;
    const path = folder ? `${folder}/${NAME}` : NAME;
    if (!(await exists(contents, path))) {
      const [answer] = await Promise.all([fetch(HERE + NAME), kernelspecs.ready]);
      if (!answer.ok) {
        throw new Error(`the lesson is not at ${HERE}: install swingset-nb again`);
      }
      const content = fresh(await answer.json(), kernelspecs);
      await contents.save(path, { type: "notebook", format: "json", content });
    }
    return app.commands.execute("docmanager:open", { path, factory: "Notebook" });
  }

  /**
   * Open the lesson, or show why that is not possible.
   * @param {App} app @param {string} folder
   */
  async function begin(app, folder) {
    try {
      await open(app, folder);
    } catch (problem) {
      const show = /** @type {Show | undefined} */ (await token("@jupyterlab/apputils", "showErrorMessage"));
      await show?.("The first lesson cannot be opened", problem);
    }
  }

  /**
   * @param {App} app
   * @param {{ add: (item: object) => unknown } | null} launcher
   * @param {{ addItem: (item: object) => unknown } | null} palette
   * @param {{ helpMenu: { addGroup: (items: object[], rank: number) => unknown } } | null} menu
   * @param {{ model: { path: string } } | null} files
   */
  function activate(app, launcher, palette, menu, files) {
    app.commands.addCommand(COMMAND, {
      label: "First Lesson of Swingset",
      caption: "Open a copy of the quickstart in this folder",
      execute: (/** @type {{ cwd?: string }} */ given) => begin(app, given.cwd ?? files?.model.path ?? ""),
    });
    launcher?.add({ command: COMMAND, category: "Notebook", rank: 10, kernelIconUrl: `${HERE}logo.svg` });
    palette?.addItem({ command: COMMAND, category: "Help" });
    menu?.helpMenu.addGroup([{ command: COMMAND }], 20);
  }

  async function plugin() {
    const tokens = await Promise.all([
      token("@jupyterlab/launcher", "ILauncher"),
      token("@jupyterlab/apputils", "ICommandPalette"),
      token("@jupyterlab/mainmenu", "IMainMenu"),
      token("@jupyterlab/filebrowser", "IDefaultFileBrowser"),
    ]);
    const named = tokens.map((found, at) => found ?? { name: `swingset-nb:none-${at}` });
    return { id: "swingset-nb:lessons", autoStart: true, optional: named, activate };
  }

  const containers = /** @type {{ _JUPYTERLAB: Record<string, object> }} */ (/** @type {unknown} */ (window));
  containers._JUPYTERLAB = containers._JUPYTERLAB ?? {};
  containers._JUPYTERLAB["swingset-nb"] = {
    init: (/** @type {Shared} */ scope) => {
      shared = scope;
    },
    get: async () => {
      const found = await plugin();
      return () => ({ __esModule: true, default: found });
    },
  };
})();
