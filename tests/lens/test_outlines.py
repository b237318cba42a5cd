"""Outlines of vat code: classes, methods, signatures and docstrings, read from tokens and never run."""

from __future__ import annotations

import pytest

from swingset.lens.source.outlines import MOST_DOC, MOST_TEXT, lines_of, outline

CODE = '''
from swingset.vat import Cohort, durable, facet, remotable

class Base:
    def close(self): "shut"
    @property
    def size(self): return 1

@durable(tag="Purse")
class Wallet(Base, Cohort, metaclass=type):
    """A purse.

    For money."""
    owner: str
    balance: int = 0

    def deposit(self, amount: int,
                *, note: str = "a, b") -> dict[str, int]:
        """Put money in."""
        def inner(self): pass
        return {}

    async def later(self, /, *more): ...
    def _private(self): ...
    @facet("creator", "public")
    def read(self)->int:
        return 1
    @staticmethod
    def helper(x): ...
    def generic[T](self, x: list[T] = []) -> T: ...

if True:
    @remotable
    class Bank:
        def open_purse(self, owner): return Wallet(owner)

def helper():
    return Wallet("nobody")

def build_root_object(baggage):
    if "bank" not in baggage:
        baggage["bank"] = Bank()
    return baggage["bank"]
'''


def test_the_methods_of_a_class_are_found() -> None:
    """Those of its bases are among them; private names, helpers and inner functions are not."""
    cls = outline((("bank", CODE),)).named("Wallet")
    assert cls is not None
    assert (cls.tag, cls.doc, cls.part, cls.line) == ("Purse", "A purse.\n\nFor money.", "bank", 10)
    assert [method.name for method in cls.methods] == ["close", "deposit", "generic", "later", "read"]


@pytest.mark.parametrize(
    ("name", "signature", "doc", "line"),
    [
        ("close", "close()", "", 5),
        ("deposit", 'deposit(amount: int, *, note: str = "a, b") -> dict[str, int]', "Put money in.", 17),
        ("generic", "generic(x: list[T] = []) -> T", "", 30),
        ("later", "later(*more)", "", 23),
        ("read", "read()->int", "", 26),
    ],
)
def test_a_method_is_shown_as_it_is_written(name: str, signature: str, doc: str, line: int) -> None:
    """Its signature is the source's, without `self`, in one line; its line is that of `def`."""
    cls = outline((("bank", CODE),)).tagged("Purse")
    assert cls is not None
    (method,) = (method for method in cls.methods if method.name == name)
    assert (method.signature, method.doc, method.line) == (signature, doc, line)
    assert method.is_async is (name == "later")
    assert method.facets == (("creator", "public") if name == "read" else ())


@pytest.mark.parametrize(
    ("body", "root"),
    [
        ("    return Bank()", "Bank"),
        ("    bank = Bank('x')\n    return bank", "Bank"),
        ("    if baggage:\n        return Bank()\n    return None", "Bank"),
        ("    x = [1]\n    return x", None),
        ("    return lambda: 1", None),
        ("    return", None),
    ],
)
def test_the_class_of_the_root_is_found(body: str, root: str | None) -> None:
    """It is the class that `build_root_object` calls for what it returns, if the code shows that."""
    assert outline((("bank", f"def build_root_object(baggage):\n{body}\n"),)).root == root
    assert outline((("bank", "def build_root_object(): return Bank()"),)).root == "Bank"


def test_later_cells_replace_classes() -> None:
    """Of two classes of one name the later one runs; a tag that no class has is taken for a name."""
    found = outline((("kind A", "class A:\n def f(self): ..."), ("vat", "class A:\n def g(self): ...")))
    assert [method.name for method in found.classes["A"].methods] == ["g"]
    assert found.tagged("A") == found.named("A") == found.classes["A"]
    assert found.tagged("B") is None


@pytest.mark.parametrize(
    "source",
    [
        "(" * 100_000,
        "x = '''" + "a\n" * 50_000,
        "def f(" + "a," * 50_000,
        "'" + "\\'" * 100_000,
        '"' + '\\"' * 100_000,
        "x = '" + "\\\n" * 50_000,
        "class A:\n" + " def f(self): 1\n" * 9_000 + "class B(A): 1\n" * 9_000,
        "class A:\n def f(self" + "[" * 50_000,
        "class A:\n  def f(self): ...\n def g(self): ...",
        "class A:\n" * 5_000,
        "class A:\n def f(self, x=" + "1+" * 100_000 + "1): ...",
        "class A:\n def f(self):\n  '''" + "x" * 200_000 + "'''",
        "class " + "A" * 100_000 + ":\n def " + "b" * 100_000 + "(self): ...",
        "class A(A):\n def f(self, \u202ex): '\x1b[31m'",
        *(
            "class",
            "def",
            "async",
            "@",
            "class A(",
            "def f",
            "class A:\n  def",
            "\x00",
            "$",
            "\ud800".join("ab"),
        ),
        *(
            "@durable(tag=",
            "class A(,",
            "build_root_object",
            "def build_root_object(): return",
            "'",
            "\t\n \tx",
        ),
    ],
)
def test_strange_code_is_read_as_far_as_it_goes(source: str) -> None:
    """Nothing raises, and what is found has a bounded length and no character that could mislead."""
    for cls in outline((("vat", source),)).classes.values():
        assert len(cls.doc) <= MOST_DOC
        for method in cls.methods:
            assert len(method.signature) <= MOST_TEXT
            assert len(method.doc) <= MOST_DOC
            assert method.signature.isprintable()


@pytest.mark.parametrize("text", ["'", '"', "'" + "\\'" * 9, "f'", "b'"])
def test_a_text_without_an_end_ends_the_reading(text: str) -> None:
    """What is behind it may be a part of it, so it is not taken for code."""
    lines = lines_of(f"x = 1\n{text}\nclass A: pass\n")
    assert [line.words for line in lines] == [["x", "=", "1"]]


def test_what_a_base_has_is_not_copied_into_each_class() -> None:
    """Code has as many methods in all as it spells out; a class that is asked for has those of its bases."""
    methods = "".join(f" def f{count}(self): 1\n" for count in range(50))
    source = f"class A:\n{methods}" + "".join(f"class B{count}(A): 1\n" for count in range(50))
    found = outline((("vat", source),))
    assert sum(len(cls.methods) for cls in found.classes.values()) == 50
    cls = found.named("B7")
    assert cls is not None
    assert len(cls.methods) == 50


@pytest.mark.parametrize("part", ["x\x1b]0;pwned\x07", "x\u202ey", "a\nb", "x" * 10_000])
def test_the_name_of_a_cell_is_shown_as_text(part: str) -> None:
    """It is a stranger's, like the code: it moves no cursor and makes no second line."""
    cls = outline(((part, "class A:\n def f(self): 1"),)).classes["A"]
    for name in (cls.part, cls.methods[0].part):
        assert name.isprintable()
        assert len(name) <= MOST_TEXT


@pytest.mark.parametrize("word", ["'\x1b]0;pwned\x07'", "7", "'a'", "x" * 10_000, "+"])
def test_only_a_name_names_a_class_or_a_method(word: str) -> None:
    """A file may have code that could never run, with anything behind `def`."""
    source = f"class A:\n def {word}(self): 1\n def f(self): 1\nclass {word}:\n def g(self): 1\n"
    found = outline((("vat", source),))
    assert list(found.classes) == ["A"]
    assert [method.name for method in found.classes["A"].methods][:1] == ["f"]


def test_only_a_name_names_a_facet() -> None:
    """So does what stands in a decorator."""
    source = "class A(Cohort):\n @facet('\x1b[31m', 'public')\n def f(self): 1\n"
    assert outline((("vat", source),)).classes["A"].methods[0].facets == ("public",)
