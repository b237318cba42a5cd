"""The flavours of the engine: which compiled packages each keeps, and which functions of the module they are.

One build of the interpreter carries the compiled parts of a large scientific stack, linked into one module.
The linker has laid the functions of each library out one after the other. So a flavour is a few ranges of
function numbers that keep their bodies; all others between the first and the last of these packages are
removed (`image`). What a flavour keeps runs the same code in each, with the same results to the last bit. The
computrons differ, because an import reads the list of all modules that an engine has; a vat keeps its engine.

    flavour  keeps                              code of functions   compiled, seconds of processor
    lean     the interpreter                     6.3 MB              18
    numpy    and numpy, with BLAS and LAPACK    17.1 MB              40
    pandas   and pandas                         30.0 MB              62
    full     everything                         74.2 MB             150

A compilation uses all cores. Ranges are checked by the names of their first and last functions, so that
another build is refused. Two functions that templates have made are in ranges of other packages, because the
linker keeps only the first copy of such a function.
"""

from __future__ import annotations

from typing import NamedTuple


class Kept(NamedTuple):
    """Functions that keep their bodies: their numbers, and the names of the first and the last."""

    numbers: range
    first: str
    last: str


class Flavour(NamedTuple):
    """What an engine has besides the interpreter and its standard library.

    `packages` are those that its archive has and whose compiled parts it keeps; None stands for all.
    `seconds` is how long one processor takes to compile it, about.
    """

    kept: tuple[Kept, ...]
    packages: frozenset[str] | None
    seconds: float


_THROW = (
    "std::__2::basic_string<char, std::__2::char_traits<char>, std::__2::allocator<char>>"
    "::__throw_length_error[abi:nqe230100]()"
)
_NUMPY = (
    Kept(range(8436, 16170), "Dragon4_Scientific_Half", "legacy_logseries"),
    Kept(range(25788, 25789), _THROW, _THROW),
    Kept(range(53926, 53927), "logfactorial", "logfactorial"),
    Kept(range(67990, 71682), "UBYTE_argmax", "slamc3_"),
)
_PANDAS = (
    Kept(
        range(16170, 24945),
        "PyInit__cyutility",
        "__pyx_pw_6pandas_5_libs_7writers_9string_array_replace_from_nan_rep",
    ),
)

FLAVOURS = {
    "lean": Flavour((), frozenset(), 18),
    "numpy": Flavour(_NUMPY, frozenset({"numpy", "tzdata"}), 40),
    "pandas": Flavour(_NUMPY + _PANDAS, frozenset({"numpy", "pandas", "dateutil", "six", "tzdata"}), 62),
    "full": Flavour((), None, 150),
}
"""The flavours by name."""
