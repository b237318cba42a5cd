"""Every feature of Python's classes, in a kind and in a heap class: it works, or it is refused with words.

A row is the source of a class `Purse` or `Thing` (whatever it needs before it included), an expression that a
method of the vat evaluates, and what comes of it. Or it is a source and the words that refuse it where the
class is defined. Words name the class, the attribute, its line where it has one, and what to write instead.
"""

from __future__ import annotations

import json

import pytest

from tests.guest.guest_bench import Bench

pytestmark = pytest.mark.usefixtures("engine")

HEAD = """
import abc, dataclasses, enum, functools
from typing import (Any, AnyStr, ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar, overload,
                    runtime_checkable)
from swingset.vat import BigMap, Cohort, E, durable, facet, implements, make_promise, remotable, virtual
"""

TAIL = """
@remotable
class Root:
    async def run(self, code):
        names = {**globals()}
        lines = ["async def body():", *("    " + line for line in code.splitlines())]
        exec(chr(10).join(lines), names)
        return await names["body"]()

def build_root_object():
    return Root()
"""

# What is put in the place of the decorator: durable and virtual kinds share everything here.
KINDS = ("durable", "virtual")

WORKS_IN_A_KIND = {
    "__post_init__": (
        """@KIND
class Purse:
    owner: str
    title: str = ""
    def __post_init__(self): self.title = "purse of " + self.owner""",
        "return Purse('al').title",
        "purse of al",
    ),
    "__post_init__ and finish": (
        """@KIND
class Purse:
    log: list = []
    def finish(self): self.log = [*self.log, "finish"]
    def __post_init__(self): self.log = [*self.log, "post"]""",
        "return Purse().log",
        ["post", "finish"],
    ),
    "__post_init__ is no method": (
        """@KIND
class Purse:
    n: int = 0
    def __post_init__(self): self.n += 1
    def get(self): return self.n""",
        "p = Purse()\nawait E(p).get()\nreturn [p.n, await E(p).get()]",
        [1, 1],
    ),
    "a static method": (
        """@KIND
class Purse:
    n: int = 2
    @staticmethod
    def double(n): return 2 * n
    def get(self): return self.double(self.n) + Purse.double(1)""",
        "return await E(Purse()).get()",
        6,
    ),
    "a class method as a maker": (
        """@KIND
class Purse:
    owner: str
    @classmethod
    def anonymous(cls): return cls("nobody")
    def twin(self): return type(self).anonymous()""",
        "return (await E(Purse('al')).twin()).owner + Purse.anonymous().owner",
        "nobodynobody",
    ),
    "a cached static method": (
        """@KIND
class Purse:
    @staticmethod
    @functools.cache
    def double(n): return 2 * n
    def get(self): return self.double(4)""",
        "return await E(Purse()).get()",
        8,
    ),
    "a property with a setter": (
        """@KIND
class Purse:
    n: int = 2
    @property
    def twice(self): return 2 * self.n
    @twice.setter
    def twice(self, value): self.n = value // 2""",
        "p = Purse()\np.twice = 10\nreturn [p.n, p.twice]",
        [5, 10],
    ),
    "equality by state": (
        """@KIND
class Purse:
    owner: str
    def __eq__(self, other): return type(other) is Purse and other.owner == self.owner
    def __hash__(self): return hash(self.owner)
    def same(self, other): return self == other""",
        "return [await E(Purse('a')).same(Purse('a')), await E(Purse('a')).same(Purse('b')),"
        " len({Purse('a'), Purse('a')})]",
        [True, False, 1],
    ),
    "equality without a hash": (
        """@KIND
class Purse:
    owner: str = ""
    def __eq__(self, other): return True
    def give(self, other): return other is self""",
        "a, b = Purse('a'), Purse('b')\n"
        "m = BigMap('m', durable=False)\nm[a] = 1\nm[b] = 2\n"
        "return [await E(a).give(b), await E(a).give(a), m[a], m[b], len(m)]",
        [False, True, 1, 2, 2],
    ),
    "a false object": (
        """@KIND
class Purse:
    held: object = None
    def __bool__(self): return False
    def __len__(self): return 0
    def get(self): return self.held""",
        "a = Purse()\nb = Purse(a)\nreturn (await E(b).get()) is a",
        True,
    ),
    "operators": (
        """@KIND
class Purse:
    n: int = 1
    def __add__(self, other): return self.n + other.n
    def __lt__(self, other): return self.n < other.n
    def __getitem__(self, key): return key * self.n
    def __iter__(self): return iter([self.n])
    def __call__(self): return "called"
    def __contains__(self, key): return key == self.n
    def __enter__(self): return self
    def __exit__(self, *problem): self.n = 0""",
        "p = Purse(3)\nwith p as q: n = [p + q, p < Purse(4), p['x'], list(p), p(), 3 in p]\n"
        "return [*n, p.n]",
        [6, True, "xxx", [3], "called", True, 0],
    ),
    "a nested class": (
        """@KIND
class Purse:
    class Limits:
        most = 7
    def get(self): return self.Limits.most""",
        "return await E(Purse()).get()",
        7,
    ),
    "a nested kind": (
        """@KIND
class Purse:
    @KIND
    class Pocket:
        n: int = 1
        def get(self): return self.n
    def pocket(self): return self.Pocket(5)""",
        "return await E(await E(Purse()).pocket()).get()",
        5,
    ),
    "a constant": (
        """@KIND
class Purse:
    MOST = 7
    WORDS = ("a", "b")
    def get(self): return [self.MOST, self.WORDS[1]]""",
        "return await E(Purse()).get()",
        [7, "b"],
    ),
    "a mutable ClassVar": (
        """@KIND
class Purse:
    shared: ClassVar[list] = []
    def get(self): return len(self.shared)""",
        "Purse.shared.append(1)\nreturn await E(Purse()).get()",
        1,
    ),
    "a mutable default": (
        """@KIND
class Purse:
    items: list = []
    def add(self): self.items = [*self.items, 1]""",
        "a, b = Purse(), Purse()\na.add()\nreturn [len(a.items), len(b.items)]",
        [1, 0],
    ),
    "Final": (
        """@KIND
class Purse:
    owner: Final[str]
    def rename(self): self.owner = "eve\"""",
        "p = Purse('al')\ntry: p.rename()\nexcept AttributeError as e: return [p.owner, str(e)]",
        ["al", "Purse.owner is Final: it has the value that the instance was made with"],
    ),
    "Final, from __post_init__": (
        """@KIND
class Purse:
    owner: str
    title: Final[str] = ""
    def __post_init__(self): self.title = self.owner.upper()""",
        "return Purse('al').title",
        "AL",
    ),
    "__init_subclass__": (
        """class Base:
    names: ClassVar[list] = []
    def __init_subclass__(cls, tagged="", **more):
        super().__init_subclass__(**more)
        Base.names.append(cls.__name__ + tagged)
@KIND
class Purse(Base, tagged="!"):
    def get(self): return Base.names""",
        "return await E(Purse()).get()",
        ["Purse!"],
    ),
    "overloads": (
        """@KIND
class Purse:
    @overload
    def get(self, n: int) -> int: ...
    @overload
    def get(self, n: str) -> str: ...
    def get(self, n): return n""",
        "return [await E(Purse()).get(1), await E(Purse()).get('a')]",
        [1, "a"],
    ),
    "a wrapped method": (
        """def twice(function):
    @functools.wraps(function)
    def both(*args): return [function(*args), function(*args)]
    return both
@KIND
class Purse:
    @twice
    def get(self, n: int): return n""",
        "try: await E(Purse()).get('x')\nexcept TypeError as e: return [await E(Purse()).get(1), str(e)]",
        [[1, 1], "Purse.get(n): wanted int, got str 'x'"],
    ),
    "a lambda": ("@KIND\nclass Purse:\n    get = lambda self: 5", "return await E(Purse()).get()", 5),
    "a private helper of any sort": (
        """@KIND
class Purse:
    n: int = 3
    def plus(self, m, k): return self.n + m + k
    _plus_two = functools.partialmethod(plus, 2)
    def get(self): return self._plus_two(1)""",
        "return await E(Purse()).get()",
        6,
    ),
    "an abstract base": (
        """class Base(abc.ABC):
    @abc.abstractmethod
    def get(self) -> int: ...
    def twice(self): return 2 * self.get()
@KIND
class Purse(Base):
    n: int = 4
    def get(self) -> int: return self.n""",
        "return await E(Purse()).twice()",
        8,
    ),
    "an abstract class": (
        """@KIND
class Purse(abc.ABC):
    @abc.abstractmethod
    def get(self): ...""",
        "try: Purse()\nexcept TypeError as e: return 'abstract' in str(e)",
        True,
    ),
    "a metaclass": (
        """class Meta(type):
    def __new__(meta, name, bases, body):
        return super().__new__(meta, name, bases, {**body, "added": lambda self: "added"})
@KIND
class Purse(metaclass=Meta):
    n: int = 1""",
        "return await E(Purse()).added()",
        "added",
    ),
    "a protocol among its bases": (
        """class Holder(Protocol):
    def deposit(self, amount: int) -> int: ...
    def told(self) -> str: return "as the protocol says"
@KIND
class Purse(Holder):
    n: int = 0
    def deposit(self, amount):
        self.n += amount
        return self.n""",
        "p = Purse()\ntry: await E(p).deposit('x')\nexcept TypeError as e: said = str(e)\n"
        "return [await E(p).deposit(2), await E(p).told(), said]",
        [2, "as the protocol says", "Purse.deposit(amount): wanted int, got str 'x'"],
    ),
    "a field that a protocol declares": (
        """@runtime_checkable
class HasOwner(Protocol):
    owner: str
@KIND
class Purse(HasOwner):
    n: int = 0""",
        "p = Purse('al', 3)\nreturn [p.owner, p.n, isinstance(p, HasOwner)]",
        ["al", 3, True],
    ),
    "a generic class": (
        """T = TypeVar("T")
@KIND
class Purse(Generic[T]):
    held: object = None
    def put(self, item: T) -> T:
        self.held = item
        return item""",
        "return await E(Purse()).put([1])",
        [1],
    ),
    "super": (
        """@KIND
class Base:
    n: int = 1
    def get(self): return self.n
@KIND
class Purse(Base):
    m: int = 2
    def get(self): return [super().get(), self.m]""",
        "return await E(Purse(5)).get()",
        [5, 2],
    ),
    "a mixin with empty slots": (
        """class Mixin:
    __slots__ = ()
    def get(self): return self.n
@KIND
class Purse(Mixin):
    n: int = 8""",
        "return await E(Purse()).get()",
        8,
    ),
    "a pattern with positions": (
        """@KIND
class Purse:
    owner: str
    n: int = 8""",
        "match Purse('al'):\n    case Purse(owner, n): return [owner, n]",
        ["al", 8],
    ),
    "a message to a static method": (
        """@KIND
class Purse:
    @staticmethod
    def double(n): return 2 * n
    def get(self): return 1""",
        "try: await E(Purse()).double(2)\nexcept TypeError as e: return str(e)",
        'target has no method "double", has [get]; its @staticmethod double is a helper for its own methods, '
        "and no message calls it",
    ),
    "a message to a class method": (
        """@KIND
class Purse:
    @classmethod
    def make(cls): return cls()""",
        "try: await E(Purse()).make()\nexcept TypeError as e: return str(e)",
        'target has no method "make", has []; its @classmethod make is a helper for its own methods, and no '
        "message calls it",
    ),
    "a message to a property": (
        """@KIND
class Purse:
    @property
    def twice(self): return 2""",
        "try: await E(Purse()).twice()\nexcept TypeError as e: return 'its @property twice' in str(e)",
        True,
    ),
    "what a field is called is nobody's business": (
        "@KIND\nclass Purse:\n    secret: int = 1",
        "try: await E(Purse()).secret()\nexcept TypeError as e: return str(e)",
        'target has no method "secret", has []',
    ),
    "a message to a generator": (
        """@KIND
class Purse:
    def items(self):
        yield 1
    def all(self): return list(self.items())""",
        "p = Purse()\ntry: await E(p).items()\nexcept TypeError as e: return [await E(p).all(), str(e)]",
        [[1], "the result of Purse.items() is a generator, which cannot be passed: pass list(...) of it"],
    ),
}  # fmt: skip

REFUSED_IN_A_KIND = {
    "__init__": (
        "@KIND\nclass Purse:\n    n: int = 0\n    def __init__(self): pass",
        "durable class Purse cannot define __init__ (Purse.__init__, line 4): the constructor is made from "
        "the annotations; do the rest in finish(self)",
    ),
    "__init__ of a base": (
        "class Base:\n    def __init__(self): self.n = 1\n@KIND\nclass Purse(Base):\n    pass",
        "durable class Purse cannot define __init__ (Base.__init__, line 2): ",
    ),
    "__new__": (
        "@KIND\nclass Purse:\n    def __new__(cls): return object.__new__(cls)",
        "durable class Purse cannot define __new__ (Purse.__new__, line 3): the constructor is made from",
    ),
    "__slots__": ("@KIND\nclass Purse:\n    __slots__ = ()", "durable class Purse cannot define __slots__"),
    "__slots__ of a base": (
        "class Base:\n    __slots__ = ('hidden',)\n@KIND\nclass Purse(Base):\n    pass",
        "durable class Purse cannot define __slots__ (Base.__slots__): its state is not kept in the object",
    ),
    "__setattr__": (
        "@KIND\nclass Purse:\n    def __setattr__(self, name, value): pass",
        "durable class Purse cannot define __setattr__ (Purse.__setattr__, line 3): what is written is",
    ),
    "__delattr__": (
        "@KIND\nclass Purse:\n    def __delattr__(self, name): pass",
        "cannot define __delattr__",
    ),
    "__getattribute__": (
        "@KIND\nclass Purse:\n    def __getattribute__(self, name): return 1",
        "cannot define __getattribute__ (Purse.__getattribute__, line 3): what is read comes from the store",
    ),
    "__copy__": ("@KIND\nclass Purse:\n    def __copy__(self): return self", "cannot define __copy__"),
    "__del__": (
        "@KIND\nclass Purse:\n    def __del__(self): pass",
        "__del__ would run whenever the interpreter",
    ),
    "a cached method": (
        "@KIND\nclass Purse:\n    n: int = 1\n    @functools.cache\n    def total(self): return self.n",
        "Purse.total, line 4 cannot be cached: the object is only a stand-in for what is stored, and the "
        "cache would go on answering with what the state was: keep the answer in a field",
    ),
    "a private cached method": (
        "@KIND\nclass Purse:\n    @functools.lru_cache(maxsize=2)\n    def _total(self): return 1",
        "Purse._total, line 3 cannot be cached",
    ),
    "a cached method of a base": (
        "class Base:\n    @functools.cache\n    def total(self): return 1\n@KIND\nclass Purse(Base): pass",
        "Base.total, line 2 cannot be cached",
    ),
    "a cached property": (
        "@KIND\nclass Purse:\n    @functools.cached_property\n    def total(self): return 1",
        "Purse.total, line 3 cannot be a cached_property: the object is only a stand-in",
    ),
    "a mutable class attribute": (
        "@KIND\nclass Purse:\n    items = []",
        "Purse.items is one list for all instances, in memory, and ends with the incarnation: write "
        "`items: list = ...` for a field of each, or `items: ClassVar[list]` if that is meant",
    ),
    "a mutable attribute of a base": (
        "class Base:\n    seen = set()\n@KIND\nclass Purse(Base):\n    pass",
        "Base.seen is one set for all instances",
    ),
    "a dataclass below": (
        "@KIND\n@dataclasses.dataclass\nclass Purse:\n    n: int = 0",
        "durable class Purse cannot be a @dataclass too: the decorator of the kind makes its constructor",
    ),
    "a dataclass above": (
        "@dataclasses.dataclass\n@KIND\nclass Purse:\n    n: int = 0",
        "durable class Purse was changed by a decorator above its own, such as @dataclass",
    ),
    "field(...)": (
        "@KIND\nclass Purse:\n    n: list = dataclasses.field(default_factory=list)",
        "Purse.n: a default is written as it is, `= []`, and every instance has its own",
    ),
    "InitVar": (
        "@KIND\nclass Purse:\n    n: dataclasses.InitVar[int] = 1",
        "Purse.n is an InitVar: what the constructor takes is kept, so make it a field",
    ),
    "KW_ONLY": (
        "@KIND\nclass Purse:\n    _: dataclasses.KW_ONLY\n    n: int = 1",
        "Purse._: KW_ONLY is for dataclasses: every field can be given by name",
    ),
    "a metaclass with a way of its own": (
        "class Meta(type):\n    def __call__(cls, *args): return None\n"
        "@KIND\nclass Purse(metaclass=Meta):\n    pass",
        "durable class Purse cannot have the metaclass Meta, which makes instances in a way of its own",
    ),
    "an enum": (
        "@KIND\nclass Purse(enum.Enum):\n    A = 1",
        "durable class Purse cannot have the metaclass Enum",
    ),
    "a dict": (
        "@KIND\nclass Purse(dict):\n    pass",
        "durable class Purse cannot be a kind of dict, whose contents would not be kept: have a field, "
        "`items: dict`",
    ),
    "an exception": ("@KIND\nclass Purse(ValueError):\n    pass", "durable class Purse cannot be a kind of "),
    "a named tuple": (
        "@KIND\nclass Purse(NamedTuple):\n    n: int",
        "durable class Purse cannot be a kind of tuple",
    ),
    "a data descriptor": (
        "class Positive:\n    def __get__(self, one, owner): return 1\n    def __set__(self, one, n): pass\n"
        "@KIND\nclass Purse:\n    n = Positive()",
        "Purse.n is a descriptor, Positive, whose values would not be stored: make it a field with an "
        "annotation, or a @property",
    ),
    "__post_init__ with more": (
        "@KIND\nclass Purse:\n    n: int\n    def __post_init__(self, start): pass",
        "Purse.__post_init__, line 4 takes start: it is called with self alone",
    ),
    "an async __post_init__": (
        "@KIND\nclass Purse:\n    async def __post_init__(self): pass",
        "Purse.__post_init__ cannot be async: an instance is finished when its constructor returns",
    ),
    "an async finish": (
        "@KIND\nclass Purse:\n    async def finish(self): pass",
        "Purse.finish cannot be async: an instance is finished when its constructor returns",
    ),
    "a field on __post_init__": ("@KIND\nclass Purse:\n    __post_init__: int = 0", "must be a function"),
}

REFUSED_ANYWHERE = {
    "a partial method": (
        "class Thing:\n    def plus(self, n): return n\n    two = functools.partialmethod(plus, 2)",
        "Thing.two, line 2 is a partialmethod, which no message reaches: write `def two(self, ...)`, or call "
        "it _two if it is for its own methods",
    ),
    "a partial": (
        "class Thing:\n    two = functools.partial(max, 2)",
        "Thing.two is a partial, which no message reaches",
    ),
    "a dispatching method": (
        "class Thing:\n    @functools.singledispatchmethod\n    def show(self, n): return n",
        "Thing.show, line 2 is a singledispatchmethod, which no message reaches",
    ),
    "a builtin function": (
        "class Thing:\n    size = len",
        "Thing.size is a builtin_function_or_method, which no message reaches",
    ),
    "an object that is called": (
        "class Adder:\n    def __call__(self, n): return n\nclass Thing:\n    add = Adder()",
        "Thing.add is a Adder, which no message reaches",
    ),
    "the empty method of a protocol": (
        "class Holder(Protocol):\n    def deposit(self, amount: int) -> int:\n        '''Put in.'''\n"
        "    async def close(self): ...\nclass Thing(Holder):\n    def deposit(self, amount): return amount",
        "Thing names the protocol Holder and has no method close: a message would be answered by the "
        "protocol's empty one; define it",
    ),
    "a protocol's method with other parameters": (
        "class Holder(Protocol):\n    def deposit(self, amount: int) -> int: ...\n"
        "class Thing(Holder):\n    def deposit(self): return 1",
        "Thing.deposit does not implement Holder: it takes ()",
    ),
}

WORKS_IN_THE_HEAP = {
    "__init__ and slots": (
        "class Thing:\n    __slots__ = ('n',)\n    def __init__(self, n): self.n = n\n"
        "    def get(self): return self.n",
        "return await E(Thing(3)).get()",
        3,
    ),
    "a dataclass": (
        "@dataclasses.dataclass\nclass Thing:\n    n: int = 1\n    m: int = 0\n"
        "    def __post_init__(self): self.m = self.n + 1\n    def get(self): return [self.n, self.m]",
        "a, b = Thing(1), Thing(1)\n"
        "return [await E(a).get(), a == b, (await E(Root()).run('return 1')), [a, b][1] is b]",
        [[1, 2], True, 1, True],
    ),
    "a cached method": (
        "class Thing:\n    @functools.cache\n    def get(self, n: int): return [n]",
        "t = Thing()\ntry: await E(t).get('x')\nexcept TypeError as e: return [await E(t).get(1), str(e)]",
        [[1], "Thing.get(n): wanted int, got str 'x'"],
    ),
    "a cached property": (
        "class Thing:\n    @functools.cached_property\n    def n(self): return 4\n"
        "    def get(self): return self.n",
        "return await E(Thing()).get()",
        4,
    ),
    "static and class methods": (
        "class Thing:\n    @staticmethod\n    def two(): return 2\n    @classmethod\n"
        "    def make(cls): return cls()\n    def get(self): return self.two()",
        "return await E(Thing.make()).get()",
        2,
    ),
    "a message to a static method": (
        "class Thing:\n    @staticmethod\n    def two(): return 2",
        "try: await E(Thing()).two()\nexcept TypeError as e: return 'its @staticmethod two is' in str(e)",
        True,
    ),
    "everything equal": (
        "class Thing:\n    def __eq__(self, other): return True\n    def me(self): return self",
        "a, b = Thing(), Thing()\nreturn [(await E(a).me()) is a, (await E(b).me()) is b]",
        [True, True],
    ),
    "descriptors and metaclasses": (
        "class Once:\n    def __get__(self, one, owner): return 6\n    def __set__(self, one, value): pass\n"
        "class Meta(type):\n    def __call__(cls): return super().__call__()\n"
        "class Thing(metaclass=Meta):\n    _once = Once()\n    def get(self): return self._once",
        "return await E(Thing()).get()",
        6,
    ),
    "a protocol among its bases": (
        "class Holder(Protocol):\n    def get(self, n: int) -> int: ...\n"
        "class Thing(Holder):\n    def get(self, n): return n",
        "try: await E(Thing()).get('x')\nexcept TypeError as e: return str(e)",
        "Thing.get(n): wanted int, got str 'x'",
    ),
}

REFUSED_IN_THE_HEAP = {
    "__post_init__ of no dataclass": (
        "class Thing:\n    def __post_init__(self): pass",
        "Thing.__post_init__, line 2 is never called: Thing is not a dataclass; name it __init__(self, ...)",
    ),
    "a cached coroutine": (
        "class Thing:\n    @functools.cache\n    async def get(self): return 1",
        "Thing.get, line 2 is async and cached: a coroutine runs once",
    ),
    "__del__": ("class Thing:\n    def __del__(self): pass", "__del__ would run whenever the interpreter"),
}


def start(source: str) -> tuple[Bench, dict[str, object]]:
    bench = Bench(parts=[["head", HEAD], ["purse", source], ["bank", TAIL]])
    return bench, bench.start()


def run(source: str, code: str) -> object:
    bench, started = start(source)
    assert started == {"status": "ok"}, started
    answer = bench.send("run", code)
    [call] = [call for call in bench.take() if call[0] == "resolve" and call[1][0][0] == answer]
    return json.loads(call[1][0][2]["body"][1:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feature", WORKS_IN_A_KIND)
def test_it_works_in_a_kind(kind: str, feature: str) -> None:
    """The class can be made, and a method of the vat finds what Python's reader expects."""
    source, code, expected = WORKS_IN_A_KIND[feature]
    assert run(source.replace("KIND", kind), code) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feature", REFUSED_IN_A_KIND)
def test_it_is_refused_in_a_kind(kind: str, feature: str) -> None:
    """The vat does not start, and the error says what is wrong and what to write."""
    source, words = REFUSED_IN_A_KIND[feature]
    _, result = start(source.replace("KIND", kind))
    assert result["status"] == "error"
    assert words in result["error"]["message"]  # type: ignore[index]


@pytest.mark.parametrize("decorator", ["durable", "remotable"])
@pytest.mark.parametrize("feature", REFUSED_ANYWHERE)
def test_it_is_refused_anywhere(decorator: str, feature: str) -> None:
    """What no message would reach is refused in the heap too."""
    source, words = REFUSED_ANYWHERE[feature]
    _, result = start(source.replace("class Thing", f"@{decorator}\nclass Thing"))
    assert result["status"] == "error"
    told = result["error"]["message"]  # type: ignore[index]
    head, comma, rest = words.partition(", line ")
    assert (f"{head}, line {int(rest[0]) + 1}{rest[1:]}" if comma else words) in told


@pytest.mark.parametrize("feature", WORKS_IN_THE_HEAP)
def test_it_works_in_the_heap(feature: str) -> None:
    """A `@remotable` class is an ordinary one."""
    source, code, expected = WORKS_IN_THE_HEAP[feature]
    source = source.replace(
        "@dataclasses.dataclass\nclass Thing", "@remotable\n@dataclasses.dataclass\nclass Thing"
    )
    decorated = source if "@remotable" in source else source.replace("class Thing", "@remotable\nclass Thing")
    assert run(decorated, code) == expected


@pytest.mark.parametrize("feature", REFUSED_IN_THE_HEAP)
def test_it_is_refused_in_the_heap(feature: str) -> None:
    """What nobody would call there, and what would fail the second time."""
    source, words = REFUSED_IN_THE_HEAP[feature]
    _, result = start("@remotable\n" + source)
    assert result["status"] == "error"
    told = result["error"]["message"]  # type: ignore[index]
    head, comma, rest = words.partition(", line ")
    assert (f"{head}, line {int(rest[0]) + 1}{rest[1:]}" if comma else words) in told
