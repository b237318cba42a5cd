"""Agents: modules that are sent into a vat's interpreter to watch a past delivery being repeated.

They are no part of the guest library, so images of vats and their ids are the same with and without them.
An agent imports the standard library only, because the guest library around it may be of any version. What
it says is as untrusted as the vat that it runs in.
"""

from __future__ import annotations

from importlib.resources import files


def source_of(name: str) -> str:
    """The source of an agent of this folder."""
    return files(__name__).joinpath(f"{name}.py").read_text("utf-8")


def program(agent: str, function: str, *arguments: str | int) -> str:
    """A program for a guest that loads an agent of this folder and calls one of its functions.

    The first argument of the function is the guest, as an `Inside`.
    """
    given = "".join(f", {argument!a}" for argument in arguments)
    return (
        "def _swingset_agent():\n"
        "    import types\n"
        "    def load(name, source):\n"
        "        module = types.ModuleType(f'swingset_agent_{name}')\n"
        "        code = compile(source, f'<swingset agent {name}>', 'exec', dont_inherit=True)\n"
        "        exec(code, module.__dict__)\n"
        "        return module\n"
        f"    inside = load('inside', {source_of('inside')!a}).Inside()\n"
        f"    load({agent!a}, {source_of(agent)!a}).{function}(inside{given})\n"
        "_swingset_agent()\n"
        "del _swingset_agent\n"
    )
