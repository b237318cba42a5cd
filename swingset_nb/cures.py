"""Cures of a refused upgrade: said in words, and written into the changed cell that waits.

`%vat NAME --fix` changes the source that waits to be applied, and offers it as the text of the next cell. It
applies nothing: the difference is shown, and the upgrade is rehearsed or applied like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from swingset.lens.source.fixes import Fix
from swingset.model.visible import one_line
from swingset_nb.cells import Cell, changed, others, rehearse
from swingset_nb.errors import BadArguments, SwingSetError
from swingset_nb.notebook import Notebook
from swingset_nb.render import Message, Shown, Stack


def cell_text(vat: str, fix: Fix) -> str:
    """The whole cell with a fix in it, as it is typed."""
    magic = Cell(vat, fix.part, fix.source).magic
    return magic + (fix.source if fix.source.startswith("\n") else f"\n{fix.source}")


def cures_of(notebook: Notebook, vat: str, part: str, source: str) -> Sequence[Fix]:
    """The fixes of one changed cell, as a rehearsal with the vat's other changed cells finds them."""
    also = others(notebook.require(), vat, part)
    return [fix for fix in rehearse(notebook, vat, part, source, also=also).fixes if fix.part == part]


def fix_change(notebook: Notebook, vat: str, number: int) -> Shown:
    """Write a fix into the changed cell of a vat that was run last; `number` counts them from 1."""
    world = notebook.require()
    parts = world.pending.get(vat, {})
    if not parts:
        words = f"vat {vat} has no changed cell to fix"
        raise SwingSetError(words, f"change the cell that begins with `%%vat {vat}` and run it")
    part = next(reversed(parts))
    source = parts[part]
    found = cures_of(notebook, vat, part, source)
    made, refused = world.fixed.get(vat, ("", ""))
    if not found and source == made:  # another of the fixes that were offered with the one that was made
        source, found = refused, cures_of(notebook, vat, part, refused)
    if not found:
        words = f"nothing in the changed cell of {vat} can be fixed by rule"
        raise SwingSetError(words, f"`%swingset rehearse {vat}` says what an upgrade to it would do")
    if not 1 <= number <= len(found):
        raise BadArguments(f"there is no fix {number}, there are {len(found)}", f"%vat {vat} --fix 1")
    fix = found[number - 1]
    parts[part] = fix.source
    world.fixed[vat] = fix.source, source
    notebook.shell.set_next_input(cell_text(vat, fix))
    hints = [
        f"`%swingset rehearse {vat}` tries it, `%swingset upgrade {vat}` applies it, in a panel",
        "the next cell has it as text: run it, and it is the cell of the vat",
    ]
    again = cures_of(notebook, vat, part, fix.source)
    if again:
        others = [f"refused next; fix {at}: {one_line(str(each), 300)}" for at, each in enumerate(again, 1)]
    else:
        others = [f"fix {at}, not made: {one_line(str(each), 300)}" for at, each in enumerate(found, 1)]
        del others[number - 1]
        if others:
            other = 1 if number > 1 else 2
            hints.insert(1, f"`%vat {vat} --fix {other}` makes that fix instead")
    return Stack(
        [Message(fix.title, [fix.why, *others]), changed(world, vat), Message("To go on", (), hints)]
    )
