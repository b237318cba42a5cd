"""The magics `%swingset`, `%%vat`, `%%kind`, `%%module` and `%%whatif`, and settings of `%config SwingSet`.

A magic is synchronous, because IPython awaits none. It parses its line, calls the command, and returns what
to show. Errors are raised as `SwingSetError`, which Jupyter treats as errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class, no_var_expand
from traitlets import Bool, Float, Int

from swingset.host.base.engines import KINDS
from swingset_nb import commands, limits
from swingset_nb.arguments import LineParser
from swingset_nb.cells import Cell, changed, run_cell
from swingset_nb.cures import fix_change
from swingset_nb.errors import BadArguments
from swingset_nb.extent import add_extent, extent_of, fit
from swingset_nb.notebook import Notebook, words_of
from swingset_nb.on_modules import define, stale_in_words
from swingset_nb.on_runs import named_vat
from swingset_nb.render import Message, Shown, Stack
from swingset_nb.tables import clist_table, vat_table
from swingset_nb.what_if import Wanted, what_if_cell, what_if_code

F = TypeVar("F", bound=Callable[..., Any])

VAT = LineParser("%%vat", "make a vat of this cell, or compare the cell with the vat that runs")
VAT.add_argument("name", metavar="NAME", help="the vat's name; it becomes a name in the notebook")
VAT.add_argument("--upgrade", action="store_true", help="replace the running code, keep durable objects")
VAT.add_argument("--replace", action="store_true", help="terminate the vat, start a new one from this cell")
VAT.add_argument("--worker", choices=KINDS, metavar="KIND", help=f"where it runs: {', '.join(KINDS)}")
limits.add_options(VAT)
VAT.add_argument("--message", default="", metavar="TEXT", help="a text for rejections of broken promises")

KIND = LineParser("%%kind", "define a durable kind of a vat in a cell of its own")
KIND.add_argument("name", metavar="NAME", help="the kind's name")
KIND.add_argument("--vat", required=True, metavar="VAT", help="the vat it belongs to")
KIND.add_argument("--upgrade", action="store_true", help="upgrade the running vat to this cell")
KIND.add_argument("--message", default="", metavar="TEXT", help="a text for rejections of broken promises")

MODULE = LineParser("%%module", "define a module that the cells of vats can import")
MODULE.add_argument("name", metavar="NAME", help="what `import` calls it")
MODULE.add_argument(
    "--upgrade", action="store_true", help="upgrade all vats that run an older version, together"
)
MODULE.add_argument("--message", default="", metavar="TEXT", help="a text for rejections of broken promises")
LOOK = LineParser("%vat", "how a vat is, what it holds, and its changed cells that are not applied")
LOOK.add_argument("name", metavar="NAME", nargs="?", help="the vat's name; all vats if left out")
LOOK.add_argument(
    "--fix",
    metavar="N",
    nargs="?",
    type=int,
    const=1,
    help="write cure N of a refused upgrade into the changed cell",
)

WHATIF = LineParser("%%whatif", "run this cell in a fork of the world, and show both worlds")
WHATIF.add_argument("--at", type=int, metavar="N", help="begin after crank N; the present if left out")
WHATIF.add_argument(
    "--drop", action="store_true", help="leave out the message of crank N, and repeat what came after it"
)
WHATIF.add_argument("--again", action="store_true", help="repeat what came after crank N, after the cell")
WHATIF.add_argument("--vat", metavar="VAT", help="take the cell as changed code of this vat")

for parser in (VAT, KIND, MODULE, LOOK, WHATIF):
    add_extent(parser)


def _described(parser: LineParser) -> Callable[[F], F]:
    """Give a magic the help text of its parser, so that `%%vat?` shows it."""

    def describe(function: F) -> F:
        lines = [f"{parser.prog}: {parser.description}.", "", f"    {parser.usage_line()}", ""]
        function.__doc__ = "\n".join([*lines, *parser.described()])
        return function

    return describe


@magics_class
class SwingSet(Magics):
    """Object-capability worlds in this notebook."""

    autorun = Bool(True, help="Run the world after every cell.").tag(config=True)
    progress_after = Float(2.0, help="Seconds of silence before progress is shown.").tag(config=True)
    run_limit = Int(100_000, help="The most cranks that one cell may run; 0 for no limit.").tag(config=True)
    print_limit = Int(
        60_000, help="The most characters that vats may print under one cell; 0 for no limit."
    ).tag(config=True)

    notebook: Notebook

    @no_var_expand
    @line_magic
    def swingset(self, line: str) -> Shown | None:
        """`%swingset` shows the state of the world; `%swingset help` lists the subcommands."""
        self.notebook.allow_run()
        return commands.run(self.notebook, line)

    @no_var_expand
    @line_cell_magic
    @_described(VAT)
    def vat(self, line: str, cell: str | None = None) -> Shown:  # noqa: D102 - made from the parser
        if cell is None:
            given = LOOK.read(line)
            if given.fix is not None:
                return fit(self._fix(given.name, given.fix), f"%vat {given.name}", extent_of(given))
            return fit(self._status(given.name), f"%vat {line.strip()}", extent_of(given))
        given = VAT.read(line)
        extent = extent_of(given)
        acts = given.upgrade or given.replace
        shown = run_cell(
            self.notebook,
            Cell(
                vat=given.name,
                part=given.name,
                source="\n" + cell,
                upgrade=given.upgrade,
                replace=given.replace,
                worker=given.worker,
                limits=limits.chosen(given),
                message=given.message,
            ),
        )
        return fit(
            shown, f"%%vat {line.strip()}", extent, f"`%vat {given.name} --all` shows them" if acts else ""
        )

    @no_var_expand
    @cell_magic
    @_described(KIND)
    def kind(self, line: str, cell: str) -> Shown:  # noqa: D102 - made from the parser
        given = KIND.read(line)
        if not given.name.isidentifier():
            raise BadArguments(
                f"{given.name!r} cannot name a kind: letters, digits and _ only",
                f"%%kind Purse --vat {given.vat}",
            )
        extent = extent_of(given)
        shown = run_cell(
            self.notebook,
            Cell(
                vat=given.vat,
                part=f"kind {given.name}",
                source="\n" + cell,
                upgrade=given.upgrade,
                message=given.message,
            ),
        )
        rest = f"`%vat {given.vat} --all` shows them" if given.upgrade else ""
        return fit(shown, f"%%kind {line.strip()}", extent, rest)

    @no_var_expand
    @line_cell_magic
    @_described(MODULE)
    def module(self, line: str, cell: str | None = None) -> Shown | None:  # noqa: D102 - made from the parser
        if cell is None:
            return commands.run(self.notebook, f"module {line}")
        given = MODULE.read(line)
        extent = extent_of(given)
        # An empty line replaces the magic, as in the source of a vat, so lines are counted as in the cell.
        shown = define(self.notebook, given.name, "\n" + cell, upgrade=given.upgrade, message=given.message)
        return fit(shown, f"%%module {line.strip()}", extent)

    @no_var_expand
    @line_cell_magic
    @_described(WHATIF)
    def whatif(self, line: str, cell: str | None = None) -> Shown:  # noqa: D102 - made from the parser
        given = WHATIF.read(line)
        if given.drop and given.at is None:
            raise BadArguments(
                "--drop leaves out the message of the crank that --at names", "%whatif --at N --drop"
            )
        if given.again and given.at is None:
            raise BadArguments("--again repeats what came after the crank of --at", "%%whatif --at N --again")
        if cell is None and not given.drop:
            raise BadArguments(
                "%whatif without a cell has nothing to try", "%%whatif", "%whatif --at N --drop"
            )
        source, extent = "\n" + (cell or ""), extent_of(given)
        wanted = Wanted(given.at, given.drop, given.again)
        if given.vat is not None:
            shown = what_if_code(self.notebook, given.vat, source, wanted)
        else:
            shown = what_if_cell(self.notebook, source, wanted)
        return fit(shown, f"{'%%' if cell else '%'}whatif {line.strip()}".strip(), extent)

    def _fix(self, name: str | None, number: int) -> Shown:
        if name is None:
            raise BadArguments("--fix is for the changed cell of one vat", "%vat NAME --fix")
        return fix_change(self.notebook, named_vat(self.notebook.require(), name), number)

    def _status(self, name: str | None) -> Shown:
        world = self.notebook.require()
        if name is None:
            return vat_table(world.lens)
        name = named_vat(world, name, own=True)
        record = world.controller.vats[name]
        cells = [part for part, _ in world.controller.vats.parts(name)]
        lines = [f"cells: {words_of(cells)}"] if cells else []
        stale = stale_in_words({name: world.lens.stale_modules().get(name, ())})
        lines += [line for line, _ in stale]
        if record.reason:
            lines.append(record.reason)
        older = world.lens.older_records(name)
        lines += [
            f"{row.count:,} records of {row.kind} are of version {row.version}, the code wants {row.wanted}"
            for row in older
        ]
        hints = [hint for _, hint in stale]
        hints += [f"`%swingset migrate {name}` brings them up to date"] if older else []
        headline = Message(f"vat {name}: incarnation {record.incarnation}, {record.state}", lines, hints)
        pending = [changed(world, name)] if name in world.pending else []
        return Stack([headline, *pending, clist_table(world.lens, name)])


__all__ = ["KIND", "MODULE", "VAT", "WHATIF", "SwingSet"]
