"""Hostile vats, a line or two each: what they try, and what comes of it.

A case is the body of a method of a confined vat that was given a reference to a bystander, `spy`. What comes
of it is told as the sender hears it: `= value` for an answer, `Name: words` for an exception, `[code] words`
where the engine or the kernel stopped it or ended the vat. The words may be any part of what is said.
`test_hostile_corpus.py` runs all cases of a kind in one world, and says what must hold whatever they try.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """A name, the outcome, and the code."""

    name: str
    outcome: str
    source: str


PRELUDE = """
import _host, gc, json, os, sys
from swingset.vat import D, E, make_promise, remotable

def syscall(*call):
    return json.loads(_host.call(b"S" + json.dumps([list(call)]).encode()))

MESSAGE = {"methargs": {"body": '#["ping",[]]', "slots": []}, "result": None}
DATA = {"body": "#1", "slots": []}

@remotable
class Bad:
    def ping(self):
        return "pong"

    async def attack(self, spy):
        BODY

def build_root_object():
    return Bad()
"""

CORPUS: dict[str, list[Case]] = {
    "confinement": [
        Case(
            "reads a file",
            "FileNotFoundError: [Errno 44] No such file or directory: '/etc/passwd'",
            "return open('/etc/passwd').read()",
        ),
        Case(
            "reads a device",
            "FileNotFoundError: [Errno 44] No such file or directory: '/dev/urandom'",
            "return open('/dev/urandom', 'rb').read(4)",
        ),
        Case("reads a descriptor", "= b''", "return os.read(0, 10)"),
        Case("writes a descriptor", "OSError: [Errno 8] Bad file descriptor", "return os.write(3, b'x')"),
        Case(
            "walks out of the library",
            "FileNotFoundError: [Errno 44] No such file or directory: '/usr/local/lib/../../",
            "return open('/usr/local/lib/../../../etc/passwd').read()",
        ),
        Case(
            "links",
            "OSError: [Errno 69] Read-only file system: '/etc/passwd' -> '/usr/loc",
            "os.symlink('/etc/passwd', '/usr/local/lib/x')",
        ),
        Case("environment", "= ['PYTHONTZPATH']", "return sorted(os.environ)"),
        Case("arguments", "= [[''], 0]", "return [sys.argv, sys.flags.hash_randomization]"),
        Case(
            "process",
            "AttributeError: module 'os' has no attribute 'WNOHANG'",
            "import multiprocessing\nmultiprocessing.Process(target=print).start()",
        ),
        Case("kills", "AttributeError: module 'os' has no attribute 'kill'", "os.kill(1, 9)"),
        Case(
            "signals itself",
            "KeyboardInterrupt: interrupted",
            "import signal\nsignal.raise_signal(signal.SIGINT)",
        ),
        Case(
            "alarm",
            "AttributeError: module 'signal' has no attribute 'alarm'",
            "import signal\nsignal.alarm(1)",
        ),
        Case(
            "thread",
            "RuntimeError: can't start new thread",
            "import _thread\n_thread.start_new_thread(print, ())",
        ),
        Case(
            "socket",
            "OSError: [Errno 58] Not supported",
            "import socket\nsocket.socket().connect(('127.0.0.1', 80))",
        ),
        Case(
            "clock",
            "= [0.0, 0, 0.0]",
            "import time\nreturn [time.time(), time.perf_counter_ns(), time.process_time()]",
        ),
        Case("sleeps", "RuntimeError: a vat cannot sleep", "import time\ntime.sleep(1)"),
        Case(
            "chance repeats",
            "= 3",
            "import random, uuid\nreturn len({os.urandom(8), uuid.uuid4().bytes, random.randbytes(8)})",
        ),
        Case("order of a set", "= True", "return list({'a', 'b', 'c', 'd'}) == list({'d', 'c', 'b', 'a'})"),
        Case("ctypes", "ModuleNotFoundError: No module named '_ctypes'", "import _ctypes"),
        Case(
            "mmap",
            "OSError: mmap is unavailable on wasm32-wasi",
            "import mmap\nreturn len(mmap.mmap(-1, 1 << 32))",
        ),
        Case(
            "kernel's own modules",
            "ModuleNotFoundError: No module named 'swingset.core'",
            "import swingset.core.kernel",
        ),
        Case("engine's modules", "ModuleNotFoundError: No module named 'wasmtime'", "import wasmtime"),
        Case("event loop", "OSError: [Errno 58] Not supported", "import asyncio\nasyncio.new_event_loop()"),
        Case(
            "segfault",
            "[guest-crashed] wasm trap: wasm `unreachable` instruction executed",
            "import faulthandler\nfaulthandler._sigsegv()",
        ),
        Case(
            "bad bytecode",
            "[guest-crashed] wasm trap: wasm `unreachable` instruction executed",
            "exec((lambda: 0).__code__.replace(co_code=bytes(200), co_stacksize=0))",
        ),
        Case(
            "null dereference",
            "= None",
            "import types\ntypes.CodeType(0,0,0,0,0,0,b'd\\x7f',(),(),(),'','','',0,b'',b'')",
        ),
        Case(
            "no modules",
            "AttributeError: module 'sys' has no attribute 'modules'",
            "sys.modules.clear()\nimport json",
        ),
        Case(
            "another os",
            "ModuleNotFoundError: import of os halted; None in sys.modules",
            "sys.modules['os'] = None\nimport os",
        ),
        Case(
            "no builtins",
            "[guest-crashed] 'NoneType' object is not callable",
            "import builtins\nbuiltins.len = builtins.isinstance = None\nreturn 1",
        ),
        Case(
            "frames",
            "= ['Any', 'LAST_RESORT', 'Liveslots']",
            "frame = sys._getframe()\n"
            "while frame.f_back: frame = frame.f_back\n"
            "return sorted(frame.f_globals)[:3]",
        ),
        Case(
            "clears frames",
            "RuntimeError: cannot clear an executing frame",
            "frame = sys._getframe(1)\nframe.clear()",
        ),
        Case(
            "liveslots by gc",
            "[guest-crashed] 'Liveslots' object has no attribute 'kind'",
            "[found] = [x for x in gc.get_objects() if type(x).__name__ == 'Liveslots']\n"
            "found.__dict__.clear()\n"
            "return 1",
        ),
        Case(
            "trace function",
            "ZeroDivisionError: division by zero",
            "sys.settrace(lambda *_: 1 / 0)\nreturn (lambda: 1)()",
        ),
        Case("audit hook", "= 1", "sys.addaudithook(lambda *_: 1 / 0)\nreturn 1"),
        Case("at exit", "= 1", "import atexit\natexit.register(lambda: 1 / 0)\nreturn 1"),
        Case(
            "deep recursion",
            "[out-of-computrons] the delivery used up its computrons",
            "sys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
        ),
        Case(
            "closes its streams",
            "ValueError: I/O operation on closed file.",
            "os.close(1)\nos.close(2)\nsys.stdout.close()\nprint(1)",
        ),
    ],
    "door": [
        Case("no bytes", "[protocol] b'' at the door, wanted D, F, G, R or S", "_host.call(b'')"),
        Case("no request", "TypeError: _host.call() takes exactly one argument (0 given)", "_host.call()"),
        Case("text", "TypeError: a bytes-like object is required, not 'str'", "_host.call('S[]')"),
        Case("unknown letter", "[protocol] b'X' at the door, wanted D, F, G, R or S", "_host.call(b'X')"),
        Case("D again", "[protocol] the delivery was asked for twice", "_host.call(b'D')"),
        Case("G again", "[protocol] the delivery was asked for twice", "_host.call(b'G')"),
        Case(
            "F early",
            "[protocol] something at the door after the delivery had ended",
            "_host.call(b'F[]')",
        ),
        Case(
            "F with a result",
            "[protocol] S or F wants a list of 0 to 100,000 syscalls",
            "_host.call(b'F' + json.dumps({'status': 'ok'}).encode())",
        ),
        Case(
            "F with a refused syscall",
            "[illegal-syscall] 'send': o-999 is not in the vat's c-list: it was never given",
            "_host.call(b'F' + json.dumps([['send', 'o-999', MESSAGE]]).encode())",
        ),
        Case(
            "R early",
            "[protocol] something at the door after the delivery had ended",
            "_host.call(b'R' + json.dumps({'status': 'ok'}).encode())",
        ),
        Case(
            "R with a forged error",
            "[protocol] something at the door after the delivery had ended",
            "_host.call(b'R' + json.dumps({'status': 'error', 'error': {'name': 'X', 'message': "
            "'m'}}).encode())",
        ),
        Case(
            "R twice",
            "[protocol] something at the door after the delivery had ended",
            "for _ in 'ab': _host.call(b'R' + json.dumps({'status': 'ok'}).encode())",
        ),
        Case(
            "syscall after R",
            "[protocol] something at the door after the delivery had ended",
            "_host.call(b'R' + json.dumps({'status': 'ok'}).encode())\nsyscall('vatstoreGet', 'x')",
        ),
        Case(
            "a megabyte of brackets",
            "[protocol] what came to the door is not JSON, or too much: more than 1,",
            "_host.call(b'S' + b'[' * 1_000_000)",
        ),
        Case(
            "NaN",
            "[protocol] what came to the door is not JSON, or too much: not JSON: Na",
            "_host.call(b'S[[\"exit\",NaN,{}]]')",
        ),
        Case(
            "a large number",
            "[protocol] what came to the door is not JSON, or too much: a number has",
            "_host.call(b'S[[\"subscribe\",' + b'9' * 100_000 + b']]')",
        ),
        Case(
            "same keys",
            "[vat-terminated] asked to end",
            '_host.call(b\'S[["exit",true,{"body":"#1","body":"#2","slots":[]}]]\')',
        ),
        Case(
            "half a character",
            "[protocol] syscall 'vatstoreSet' wants text, got str 'k', str '\\ud800'",
            "syscall('vatstoreSet', 'k', '\\ud800')",
        ),
        Case(
            "knocks from an answer",
            "[protocol] the delivery was asked for twice",
            "class X(str):\n    def encode(self, *_): return _host.call(b'D')\nX().encode()",
        ),
        Case(
            "answers the kernel's way",
            "[protocol] b'[\"ok\",null]' at the door, wanted D, F, G, R or S",
            "_host.call(b'[\"ok\",null]')",
        ),
        Case(
            "a hundred thousand syscalls",
            "[protocol] S or F wants a list of 1 to 100,000 syscalls",
            "_host.call(b'S[' + b','.join([b'[\"vatstoreGet\",\"\"]'] * 100_001) + b']')",
        ),
    ],
    "syscalls": [
        Case(
            "sends to a guess",
            "[illegal-syscall] 'send': o-999 is not in the vat's c-list: it was never given",
            "syscall('send', 'o-999', MESSAGE)",
        ),
        Case(
            "sends to a device",
            "[illegal-syscall] 'send': d-70 is not in the vat's c-list: it was never given",
            "syscall('send', 'd-70', MESSAGE)",
        ),
        Case(
            "exports a device",
            "[illegal-syscall] 'callNow': d+1 is not in the vat's c-list: it was never give",
            "syscall('callNow', 'd+1', 'x', DATA)",
        ),
        Case(
            "sends a guess",
            "[illegal-syscall] 'send': o-999 is not in the vat's c-list: it was never given",
            "syscall('send', 'o+0', {**MESSAGE, 'methargs': {'body': '#[\"$0\"]', 'slots': ['o-999']}})",
        ),
        Case(
            "names a kref",
            "[illegal-syscall] 'send': 'ko20' is not a vref such as o+3, o-50, o+d10/1 or p",
            "syscall('send', 'ko20', MESSAGE)",
        ),
        Case(
            "another spelling",
            "[illegal-syscall] 'send': 'o+00' is not a vref such as o+3, o-50, o+d10/1 or p",
            "syscall('send', 'o+00', MESSAGE)",
        ),
        Case(
            "a result of others",
            "[illegal-syscall] 'send': p-60 cannot be a result: a newly allocated promise i",
            "syscall('send', 'o+0', {**MESSAGE, 'result': 'p-60'})",
        ),
        Case(
            "an object for result",
            "[illegal-syscall] 'send': o+7 cannot be a result: a newly allocated promise is",
            "syscall('send', 'o+0', {**MESSAGE, 'result': 'o+7'})",
        ),
        Case(
            "a result twice",
            "[illegal-syscall] 'send': p+900 cannot be a result: the kernel knows it alread",
            "for _ in 'ab': syscall('send', 'o+0', {**MESSAGE, 'result': 'p+900'})",
        ),
        Case(
            "subscribes to an object",
            "[illegal-syscall] 'subscribe': o+0 cannot be subscribed to: it is not a promis",
            "syscall('subscribe', 'o+0')",
        ),
        Case(
            "subscribes to a guess",
            "[illegal-syscall] 'subscribe': p-999 is not in the vat's c-list: it was never",
            "syscall('subscribe', 'p-999')",
        ),
        Case(
            "resolves an object",
            "[illegal-syscall] 'resolve': o+0 cannot be resolved: it is not a promise",
            "syscall('resolve', [['o+0', False, DATA]])",
        ),
        Case(
            "resolves a guess",
            "[illegal-syscall] 'resolve': p-999 is not in the vat's c-list: it was never gi",
            "syscall('resolve', [['p-999', False, DATA]])",
        ),
        Case(
            "resolves what others decide",
            "[illegal-syscall] 'resolve': p+900 cannot be resolved: the vat does not decide",
            "syscall('send', 'o+0', {**MESSAGE, 'result': 'p+900'})\n"
            "syscall('resolve', [['p+900', False, DATA]])",
        ),
        Case(
            "resolves twice at once",
            "[illegal-syscall] 'resolve': p+900 cannot be resolved: the vat does not decide",
            "syscall('resolve', [['p+900', False, DATA], ['p+900', True, DATA]])",
        ),
        Case(
            "ends with a guess",
            "[illegal-syscall] 'exit': o-999 is not in the vat's c-list: it was never given",
            "syscall('exit', False, {'body': '#\"$0\"', 'slots': ['o-999']})",
        ),
        Case(
            "drops a guess",
            "[illegal-syscall] 'dropImports': o-999 is not an import in the vat's c-list",
            "syscall('dropImports', ['o-999'])",
        ),
        Case(
            "drops its own",
            "[illegal-syscall] 'dropImports': o+0 is not an import in the vat's c-list",
            "syscall('dropImports', ['o+0'])",
        ),
        Case(
            "drops twice",
            "[illegal-syscall] 'dropImports': o-50 is dropped already",
            "syscall('dropImports', ['o-50', 'o-50'])",
        ),
        Case(
            "retires what it reaches",
            "[illegal-syscall] 'retireImports': o-50 cannot be retired: it is still reachab",
            "syscall('retireImports', ['o-50'])",
        ),
        Case(
            "retires its root",
            "[illegal-syscall] 'retireExports': o+0 cannot be retired: others can still rea",
            "syscall('retireExports', ['o+0'])",
        ),
        Case(
            "retires another's",
            "[illegal-syscall] 'retireExports': o-50 is not an export in the vat's c-list",
            "syscall('retireExports', ['o-50'])",
        ),
        Case(
            "abandons its root",
            "[illegal-syscall] 'abandonExports': a vat cannot abandon its root object",
            "syscall('abandonExports', ['o+0'])",
        ),
        Case(
            "abandons another's",
            "[illegal-syscall] 'abandonExports': o-50 is not an export in the vat's c-list",
            "syscall('abandonExports', ['o-50'])",
        ),
        Case(
            "keeps an object",
            "[illegal-syscall] 'keepPromises': o+0 cannot be kept: it is no promise that th",
            "syscall('keepPromises', ['o+0'])",
        ),
        Case(
            "keeps a guess",
            "[illegal-syscall] 'keepPromises': p-999 is not in the vat's c-list: it was nev",
            "syscall('keepPromises', ['p-999'])",
        ),
        Case(
            "calls an object",
            "[illegal-syscall] 'callNow': o-50 cannot be called at once: it is not a device",
            "syscall('callNow', 'o-50', 'ping', DATA)",
        ),
        Case(
            "a key too long",
            "[illegal-syscall] 'vatstoreGet': a vatstore key is a str of at most 1000 chara",
            "syscall('vatstoreGet', 'k' * 1001)",
        ),
        Case(
            "uses what it dropped",
            "[illegal-syscall] 'send': o-50 was dropped by the vat and cannot be mentioned",
            "syscall('dropImports', ['o-50'])\nsyscall('send', 'o-50', MESSAGE)",
        ),
        Case(
            "uses what it abandoned",
            "= 1",
            "syscall('send', 'o-50', {**MESSAGE, 'methargs': {'body': '#[\"take\",[]]', 'slots': "
            "['o+900']}})\n"
            "syscall('abandonExports', ['o+900'])\n"
            "syscall('send', 'o+900', MESSAGE)\n"
            "return 1",
        ),
    ],
    "exceptions": [
        Case(
            "no words",
            "X: (X whose message cannot be read: ZeroDivisionError)",
            "class X(Exception):\n    def __str__(self): return 1 / 0\nraise X",
        ),
        Case(
            "no text",
            "X: (X whose message cannot be read: TypeError)",
            "class X(Exception):\n    def __str__(self): return 5\nraise X",
        ),
        Case(
            "endless words",
            "[out-of-computrons] the delivery used up its computrons",
            "class X(Exception):\n    def __str__(self):\n        while True: pass\nraise X",
        ),
        Case(
            "another class",
            "[guest-crashed] division by zero",
            "class X(Exception):\n    @property\n    def __class__(self): return 1 / 0\nraise X('x')",
        ),
        Case("a lying class", "X: x", "class X(Exception):\n    __class__ = KeyError\nraise X('x')"),
        Case(
            "no name",
            "[guest-crashed] division by zero",
            "class M(type):\n"
            "    __name__ = property(lambda self: 1 / 0)\n"
            "class X(Exception, metaclass=M): pass\n"
            "raise X('x')",
        ),
        Case(
            "escape sequences",
            "\x1b[31m: \\x1b[2J\\u202e",
            "raise type('\\x1b[31m', (Exception,), {})('\\x1b[2J\\u202e')",
        ),
        Case(
            "a name too long",
            "N" * 100 + ": x",
            "raise type('N' * 1_000_000, (Exception,), {})('x')",
        ),
        Case(
            "half a character",
            "TypeError: the result of Bad.attack() cannot be passed: a str in it hol",
            "raise ValueError('\\ud800')",
        ),
        Case(
            "megabytes",
            "[out-of-computrons] the delivery used up its computrons",
            "raise ValueError('x' * 30_000_000)",
        ),
        Case(
            "a code of its own",
            "[vat-terminated] x",
            "error = ValueError('x')\nerror.code = 'vat-terminated'\nraise error",
        ),
        Case("an odd code", "ValueError: x", "error = ValueError('x')\nerror.code = [error]\nraise error"),
        Case(
            "a hostile attribute",
            "[guest-crashed]",
            "class X(Exception):\n    def __getattribute__(self, name): raise SystemExit\nraise X",
        ),
        Case(
            "a hostile metaclass",
            "[guest-crashed]",
            "class M(type):\n"
            "    def __getattribute__(self, name): raise SystemExit\n"
            "class X(Exception, metaclass=M): pass\n"
            "raise X",
        ),
        Case("notes", "ValueError: x", "error = ValueError('x')\nerror.__notes__ = 5\nraise error"),
        Case(
            "causes in a circle",
            "ValueError: 1",
            "one, two = ValueError('1'), ValueError('2')\none.__cause__, two.__cause__ = two, one\nraise one",
        ),
        Case(
            "a deep group",
            "ExceptionGroup: g (1 sub-exception)",
            "error = ValueError('x')\n"
            "for _ in range(5_000): error = ExceptionGroup('g', [error])\n"
            "raise error",
        ),
        Case("leaves", "BaseException: x", "raise BaseException('x')"),
        Case("exits", "SystemExit: good bye", "sys.exit('good bye')"),
        Case("closes a generator", "GeneratorExit:", "raise GeneratorExit"),
        Case("interrupts", "KeyboardInterrupt: interrupted", "raise KeyboardInterrupt"),
        Case("stops an iteration", "RuntimeError: coroutine raised StopIteration", "raise StopIteration(1)"),
        Case("stops an async iteration", "StopAsyncIteration:", "raise StopAsyncIteration"),
        Case(
            "recursion",
            "RecursionError: maximum recursion depth exceeded",
            "async def f(): return await f()\nawait f()",
        ),
        Case(
            "no memory",
            "MemoryError: the vat's memory is full",
            "hoard = []\nwhile True: hoard.append(bytes(1 << 22))",
        ),
        Case(
            "swallows everything",
            "[out-of-computrons] the delivery used up its computrons",
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        ),
    ],
    "arguments": [
        Case(
            "a class",
            "TypeError: E(x).take(...) was not sent: args[0] is the class int, which",
            "return await E(spy).take(int)",
        ),
        Case(
            "a lying dict",
            "TypeError: object of type 'X' has no len()",
            "class X:\n"
            "    __class__ = dict\n"
            "    def items(self): raise SystemExit\n"
            "return await E(spy).take(X())",
        ),
        Case(
            "a str that is not",
            "TypeError: E(x).take(...) was not sent: args[0] is a X object, which ca",
            "class X(str):\n"
            "    def __str__(self): return 5\n"
            "    def __len__(self): return -1\n"
            "return await E(spy).take(X('x'))",
        ),
        Case(
            "an int that is not",
            "TypeError: E(x).take(...) was not sent: args[0] is a X object, which ca",
            "class X(int):\n"
            "    def __index__(self): raise SystemExit\n"
            "    def __abs__(self): raise SystemExit\n"
            "return await E(spy).take(X(5))",
        ),
        Case(
            "a dict without end",
            "TypeError: E(x).take(...) was not sent: args[0] is a x of 1, which cann",
            "class X(dict):\n"
            "    def items(self):\n"
            "        while True: yield 'k', 1\n"
            "return await E(spy).take(X(a=1))",
        ),
        Case(
            "a list without end",
            "TypeError: E(x).take(...) was not sent: args[0] is a x of 0, which cann",
            "class X(list):\n"
            "    def __iter__(self):\n"
            "        while True: yield 1\n"
            "return await E(spy).take(X())",
        ),
        Case(
            "everything it is asked for",
            "TypeError: E(x).take(...) was not sent: args[0] is a X object, which ca",
            "class X:\n"
            "    def __getattr__(self, name): return X()\n"
            "    def __call__(self, *_): return X()\n"
            "return await E(spy).take(X())",
        ),
        Case(
            "a hostile metaclass",
            "SystemExit:",
            "class M(type):\n"
            "    def __instancecheck__(cls, x): raise SystemExit\n"
            "    def __getattribute__(cls, name): raise SystemExit\n"
            "class X(metaclass=M): pass\n"
            "return await E(spy).take(X())",
        ),
        Case(
            "a hostile descriptor",
            "SystemExit:",
            "class X:\n"
            "    @property\n"
            "    def __dict__(self): raise SystemExit\n"
            "    @property\n"
            "    def __class__(self): raise SystemExit\n"
            "return await E(spy).take(X())",
        ),
        Case(
            "a forged presence",
            "RecursionError: Stack overflow (used 112 kB)",
            "class X(type(spy)): pass\nreturn await E(spy).take(object.__new__(X))",
        ),
        Case(
            "a presence of no number",
            "RecursionError: Stack overflow (used 112 kB)",
            "found = object.__new__(type(spy))\nreturn await E(spy).take(found)",
        ),
        Case(
            "itself",
            "TypeError: E(x).take(...) was not sent: the message cannot be passed: n",
            "x = []\nx.append(x)\nreturn await E(spy).take(x)",
        ),
        Case(
            "deep",
            "TypeError: E(x).take(...) was not sent: the message cannot be passed: n",
            "x = []\nfor _ in range(100_000): x = [x]\nreturn await E(spy).take(x)",
        ),
        Case(
            "a number of a million digits",
            "TypeError: E(x).take(...) was not sent: args[0] is an int (very large),",
            "return await E(spy).take(1 << 3_000_000)",
        ),
        Case("not a number", "= 'taken'", "return await E(spy).take([float('nan'), float('-inf'), -0.0])"),
        Case(
            "half a character",
            "TypeError: E(x).take(...) was not sent: the message cannot be passed: a",
            "return await E(spy).take('\\ud800')",
        ),
        Case(
            "twenty megabytes",
            "[out-of-computrons] the delivery used up its computrons",
            "return await E(spy).take('x' * 20_000_000)",
        ),
        Case(
            "ten thousand and one",
            "[out-of-computrons] the delivery used up its computrons",
            "return await E(spy).take([make_promise()[0] for _ in range(10_001)])",
        ),
        Case(
            "a method of no name",
            'TypeError: target has no method "", has [ping, take]',
            "return await getattr(E(spy), '')()",
        ),
        Case(
            "a method of a million",
            'TypeError: target has no method "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm',
            "return await getattr(E(spy), 'm' * 1_000_000)()",
        ),
        Case(
            "half a method",
            "TypeError: the result of Bad.attack() cannot be passed: a str in it hol",
            "return await getattr(E(spy), '\\ud800')()",
        ),
        Case(
            "a method of object",
            "TypeError: EProxy.__init__() missing 2 required positional arguments: '",
            "return await getattr(E(spy), '__init__')()",
        ),
        Case(
            "a private method",
            "AttributeError: _secret cannot be sent: names that start with _ are not reac",
            "return await getattr(E(spy), '_secret')()",
        ),
        Case(
            "a class attribute",
            "TypeError: EProxy.__init__() missing 2 required positional arguments: '",
            "return await getattr(E(spy), '__class__')()",
        ),
        Case(
            "keywords that are positions",
            "TypeError: Spy.take: has no parameter 'self'; it is take(value)",
            "return await E(spy).take(self=1, value=2)",
        ),
        Case(
            "a result that is itself",
            "[promise-cycle] a promise cannot be resolved to itself, directly or through",
            "promise, resolver = make_promise()\nresolver.resolve(promise)\nreturn await promise",
        ),
        Case("hash flood", "= 3000", "return len({(1 << 61) * n: n for n in range(3_000)})"),
    ],
    "guest": [
        Case(
            "no deliveries",
            "= 1",
            "import swingset.guest.liveslots as l\nl.Liveslots.deliver = None\nreturn 1",
        ),
        Case(
            "a result of its own",
            "= 1",
            "import swingset.guest.supervisor as s\ns._serve = lambda: {'status': 'fine'}\nreturn 1",
        ),
        Case(
            "no vat",
            "[guest-crashed] 'NoneType' object has no attribute 'collector'",
            "import swingset.guest.supervisor as s\ns._vat = None\nreturn 1",
        ),
        Case(
            "a syscall in the buffer",
            "[protocol] syscall 'vatstoreSet' wants text, got int 5, int 5",
            "import swingset.guest.supervisor as s\ns._buffer.append(['vatstoreSet', 5, 5])\nreturn 1",
        ),
        Case(
            "a guess in the buffer",
            "[illegal-syscall] 'dropImports': o-999 is not an import in the vat's c-list",
            "import swingset.guest.supervisor as s\ns._buffer.append(['dropImports', ['o-999']])\nreturn 1",
        ),
        Case(
            "a deaf supervisor",
            "[protocol] the delivery ended without a result: no reason given",
            "import swingset.guest.supervisor as s\ns._call = lambda request: b'[\"ok\",null]'\nreturn 1",
        ),
        Case(
            "another encoder",
            "[guest-crashed] 'NoneType' object is not callable",
            "import swingset.guest.passing.smallcaps as s\n"
            "for name in dir(s): setattr(s, name, None)\nreturn 1",
        ),
        Case("no turn", "= 1", "import swingset.guest.supervisor as s\ns.turn = lambda: None\nreturn 1"),
        Case(
            "no exceptions",
            "TypeError: the answer cannot be read: an error whose message, name or c",
            "import swingset.guest.base.errors as r\nr.message_of = lambda error: 5\nraise ValueError('x')",
        ),
        Case(
            "no promises",
            "= 1",
            "import swingset.guest.base.promises as p\np.Promise.__init__ = None\nreturn 1",
        ),
    ],
    "appetite": [
        Case("loops", "[out-of-computrons] the delivery used up its computrons", "while True: pass"),
        Case(
            "a slow expression",
            "[out-of-computrons] the delivery used up its computrons",
            "import re\nre.match('(a*)*b', 'a' * 40)",
        ),
        Case(
            "a large power",
            "[out-of-computrons] the delivery used up its computrons",
            "return 7 ** 10**8 % 10",
        ),
        Case("a large list", "MemoryError: the vat's memory is full", "return [0] * 10**9"),
        Case(
            "a large text",
            "OverflowError: cannot fit 'int' into an index-sized integer",
            "return 'x' * (1 << 31)",
        ),
        Case(
            "a large range",
            "[out-of-computrons] the delivery used up its computrons",
            "return sum(range(10**12))",
        ),
        Case(
            "sends for ever",
            "[out-of-computrons] the delivery used up its computrons",
            "while True: E.send_only(spy).ping()",
        ),
        Case(
            "sends to itself for ever",
            "[out-of-computrons] the delivery used up its computrons",
            "while True: E.send_only(self).ping()",
        ),
        Case(
            "settles for ever",
            "[out-of-computrons] the delivery used up its computrons",
            "while True: make_promise()[1].resolve(1)",
        ),
        Case(
            "exports for ever",
            "[out-of-computrons] the delivery used up its computrons",
            "while True: E.send_only(spy).take(Bad())",
        ),
        Case(
            "prints for ever",
            "[out-of-computrons] the delivery used up its computrons",
            "while True: print('x' * 10_000)",
        ),
        Case("prints much", "= 1", "print('x' * 25_000_000)\nreturn 1"),
        Case("complains much", "= 1", "print('\\x1b[2J' * 1_000_000, file=sys.stderr)\nreturn 1"),
        Case(
            "stores much",
            "[out-of-computrons] the delivery used up its computrons",
            "for n in range(100_000): syscall('vatstoreSet', str(n), 'x' * 1_000_000)",
        ),
        Case(
            "answers without end",
            "TypeError: the result of Bad.attack() is a x of 0, which cannot be pass",
            "class X(list):\n    def __iter__(self):\n        while True: yield 1\nreturn X()",
        ),
        Case(
            "awaits without end",
            "[out-of-computrons] the delivery used up its computrons",
            "while True: await E(self).ping()",
        ),
    ],
}
