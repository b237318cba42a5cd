"""The source of an installed package, read for vats: pure Python only, and never imported or run here.

A vat has no packages of its host's. What it may have is source, which then is part of its code and of the
world. So a package is offered with what its user has to know first: its version, its licence, its size, and
what of it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import PurePosixPath

from swingset.core.errors import KernelError
from swingset.host.worlds.imports import MOST_SOURCE, all_module_parts
from swingset.model.foreign import shown
from swingset.model.modules import INIT

_COMPILED = (".so", ".pyd", ".dll", ".dylib")
_TESTS = ("test", "tests", "testing", "conftest")
_LICENCE = "License :: "
_LONGEST_LICENCE = 80


@dataclass(frozen=True)
class Package:
    """An installed package as source: its modules by name, a package's own as `name.__init__`.

    `left_out` counts the files that are no modules, such as data and tests.

    Source:
        Ours; `importBundle` of the reference takes the dependencies of npm.
    """

    name: str
    version: str
    licence: str
    modules: Mapping[str, str]
    left_out: int

    @property
    def names(self) -> tuple[str, ...]:
        """What `import` calls the modules and packages that it consists of."""
        return tuple(sorted({name.partition(".")[0] for name in self.modules}))

    @property
    def size(self) -> int:
        """The characters of its source."""
        return sum(map(len, self.modules.values()))

    def below(self, name: str) -> str | Mapping[str, str]:
        """What `Modules.define` takes for one of its names.

        Args:
            name: one of `names`.
        Example:
            >>> sorted(swingset.package_source("iniconfig").below("iniconfig"))[0]
            'iniconfig.__init__'
        """
        if name in self.modules:
            return self.modules[name]
        return {module: text for module, text in self.modules.items() if module.partition(".")[0] == name}


def package_source(name: str) -> Package:
    """Read the source of an installed package, to look at it and to define it with `define_package`.

    Args:
        name: the name under which it was installed.
    Raises:
        KernelError: if it is not installed, is not pure Python, or has no source or too much of it.
    Source:
        Ours.
    Example:
        >>> package = swingset.package_source("iniconfig")
        >>> package.names, package.licence
        (('iniconfig',), 'MIT')
    """
    try:
        found = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        raise KernelError(
            f"no package {shown(name)} is installed beside this kernel: install it first, or define the file"
            " of one module"
        ) from None
    files = [PurePosixPath(str(file)) for file in found.files or ()]
    compiled = sorted(file.name for file in files if file.suffix in _COMPILED)
    if compiled:
        raise KernelError(
            f"package {name} is not pure Python, so no vat can import it: it has {', '.join(compiled[:3])}"
        )
    modules: dict[str, str] = {}
    left_out = 0
    for file in files:
        module = _module_name(file)
        if module is None:
            left_out += not file.parts[0].endswith(".dist-info") and file.suffix != ".pyc"
            continue
        modules[module] = _text(found, name, file)
    for module in list(modules):
        for above in _above(module):
            modules.setdefault(above, "")
    if not modules:
        raise KernelError(f"package {name} has no Python source where it is installed")
    all_module_parts(modules.items())
    return Package(found.metadata["Name"] or name, found.version, _licence(found), modules, left_out)


def _module_name(file: PurePosixPath) -> str | None:
    """What the module of a file is called; None for a file that is no module for a vat."""
    parts = (*file.parts[:-1], file.stem)
    plain = all(part.isascii() and part.isidentifier() for part in parts)
    if file.suffix != ".py" or not plain or any(part in _TESTS for part in parts):
        return None
    return None if parts == ("__init__",) or parts[-1] == "__main__" else ".".join(parts)


def _above(module: str) -> Iterator[str]:
    """The packages in which a module is, as the names of their own modules."""
    words = module.removesuffix(INIT).split(".")
    for count in range(1, len(words)):
        yield ".".join(words[:count]) + INIT


def _text(found: metadata.Distribution, name: str, file: PurePosixPath) -> str:
    try:
        with open(str(found.locate_file(str(file))), "rb") as opened:
            data = opened.read(4 * MOST_SOURCE + 1)
        text = data.decode("utf-8")
    except OSError as problem:
        raise KernelError(f"package {name}: {file} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise KernelError(f"package {name}: {file} is not UTF-8") from None
    if len(text) > MOST_SOURCE:
        raise KernelError(f"package {name}: {file} has more than {MOST_SOURCE:,} characters")
    return text.replace("\r\n", "\n")


def _licence(found: metadata.Distribution) -> str:
    said = found.metadata.get_all("License-Expression") or [
        line.rpartition(" :: ")[2]
        for line in found.metadata.get_all("Classifier") or []
        if line.startswith(_LICENCE)
    ]
    if not said:
        said = [text.strip().partition("\n")[0] for text in found.metadata.get_all("License") or []]
    return ", ".join(filter(None, said))[:_LONGEST_LICENCE] or "no licence that it names"
