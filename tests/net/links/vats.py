"""The vats of the worlds whose link is cut: who counts what comes, and who sends.

A counter tells at once what is lost, doubled or out of order: the messages of one flow are numbered without a
gap. A sender has some messages open at a time. Now and then one of them carries an object to be called back,
or a promise that it settles later, so that references cross as well, and have to be let go of.
"""

COUNTER = """
from swingset.vat import E, durable, provide, remotable

@durable
class Counter:
    last: int = 0
    count: int = 0
    settled: int = 0
    wrong: list

    def add(self, number: int, back=None, later=None):
        if number != self.last + 1:
            what = "doubled" if number <= self.last else "after a gap"
            self.wrong = [*self.wrong[:20], f"{number} came {what}: {self.last} was the last"]
        self.last, self.count = max(self.last, number), self.count + 1
        if back is not None:
            E(back).hear(number)
        if later is not None:
            E.when(later, lambda value: self.settle(value, number))
        return number

    def settle(self, value, number):
        if value != number:
            self.wrong = [*self.wrong[:20], f"{value} came as the outcome of {number}"]
        self.settled += 1

    def counted(self):
        return [self.last, self.count, self.settled, self.wrong]

@durable
class Home:
    counters: list

    def counter(self):
        made = Counter(wrong=[])
        self.counters = [*self.counters, made]
        return made

    def version(self):
        return VERSION

VERSION = 1

def build_root_object(baggage):
    home = provide(baggage, "home", lambda: Home(counters=[]))

    @remotable
    class Root:
        def home(self):
            return home

        def counted(self):
            return [each.counted() for each in home.counters]

        def forget(self):
            home.counters = []

    return Root()
"""

SENDER = """
from swingset.vat import E, make_promise, remotable

OPEN = 20

@remotable
class Back:
    def __init__(self, heard):
        self._heard = heard

    def hear(self, number: int):
        self._heard.append(number)

@remotable
class Sender:
    def __init__(self):
        self._flows, self._numbers, self._sent, self._limit, self._open = [], [], 0, 0, 0
        self._answers, self._wrong, self._heard, self._waiting = [], [], [], []
        self._given, self._taken, self._givings = 0, [], []
        self._back = None

    def meet(self, home, flows: int):
        self._flows = [E(home).counter() for _ in range(flows)]
        self._numbers = [0] * flows

    def upto(self, number: int):
        self._limit = max(self._limit, number)
        promise, resolver = make_promise()
        self._waiting.append((number, resolver))
        self._go_on()
        return promise

    def _go_on(self):
        while self._open < OPEN and self._sent < self._limit:
            self._sent += 1
            self._open += 1
            self._send(self._sent)
        waiting, self._waiting = self._waiting, []
        for number, resolver in waiting:
            if len(self._answers) >= number:
                resolver.resolve(number)
            else:
                self._waiting.append((number, resolver))

    def _send(self, sent):
        flow = sent % len(self._flows)
        self._numbers[flow] += 1
        number = self._numbers[flow]
        more = []
        if sent % 5 == 0:
            if self._back is None or sent % 2:
                self._back = Back(self._heard)
            more = [self._back]  # every other one crosses twice
        settle = None
        if sent % 7 == 0:
            later, settle = make_promise()
            more = [more[0] if more else None, later]

        def answered(answer):
            if answer != number:
                self._wrong.append(f"{answer} came as the answer to {number}")
            ended()

        def failed(problem):
            if len(self._wrong) < 20:
                self._wrong.append(f"{number}: {problem}")
            ended()

        def ended():
            self._answers.append(sent)
            self._open -= 1
            if settle is not None:
                settle.resolve(number)
            self._go_on()

        E.when(E(self._flows[flow]).add(number, *more), answered, failed)

    def told(self):
        return [self._sent, len(self._answers), len(set(self._answers)), len(self._heard), self._wrong]

    def introduce(self, home, taker):
        self._home, self._taker = home, taker

    def give(self, number: int):  # every other one while it is only promised
        while self._given < number:
            self._given += 1
            self._give(self._given)
        promise, resolver = make_promise()
        self._givings.append((number, resolver))
        self._gave()
        return promise

    def _give(self, number):
        def taken(answer):
            self._taken.append(answer)
            self._gave()

        def failed(problem):
            self._wrong.append(f"counter {number}: {problem}")
            taken(number)

        def hand(counter):
            E.when(E(self._taker).take(counter, number), taken, failed)

        made = E(self._home).counter()
        if number % 2:
            hand(made)
        else:
            E.when(made, hand, failed)

    def _gave(self):
        for number, resolver in self._givings:
            if len(self._taken) >= number:
                resolver.resolve(number)
        self._givings = [each for each in self._givings if len(self._taken) < each[0]]

    def gave(self):
        return [self._given, self._taken, self._wrong]

    def forget(self):
        self._flows, self._answers, self._heard, self._waiting = [], [], [], []
        self._home = self._taker = self._back = None

def build_root_object():
    return Sender()
"""

EACH = 3
"""How many messages are sent to a counter that was given."""

TAKER = (
    f"""
EACH = {EACH}
"""
    + """
from swingset.vat import E, remotable

@remotable
class Taker:
    def __init__(self):
        self._wrong, self._taken, self._open = [], [], 0

    async def take(self, counter, number: int):
        self._taken.append(number)
        self._open += 1
        answers = [E(counter).add(each) for each in range(1, EACH + 1)]
        try:
            got = [await answer for answer in answers]
            if got != list(range(1, EACH + 1)):
                self._wrong.append(f"{got} came as the answers of counter {number}")
        except Exception as problem:
            self._wrong.append(f"counter {number}: {problem}")
        self._open -= 1
        return number

    def told(self):
        return [self._taken, self._open, self._wrong[:20]]

    def forget(self):
        self._taken = []

def build_root_object():
    return Taker()
"""
)
