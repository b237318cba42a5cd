"""What a person does with the explorer: click, drag back, go on from there, break, search.

The page is bare, so these take a second each; `test_journeys` shows the same panel in JupyterLab.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from swingset_nb import extension
from swingset_nb.explorer import Explorer
from tests.browser.bare import Bare
from tests.js.installed import installed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

BANK = '''%%vat bank
from swingset.vat import durable, remotable

@durable
class Purse:
    """Holds money of one owner."""
    owner: str
    balance: int = 0
    def deposit(self, amount: int) -> int:
        """Add an amount, and return the balance."""
        self.balance += amount
        print(f"<b>{self.owner}</b> has {self.balance}")
        return self.balance
    def withdraw(self, amount: int) -> int:
        """Take an amount out."""
        if amount > self.balance:
            raise ValueError(f"{self.owner} has {self.balance}, not {amount}")
        self.balance -= amount
        return self.balance

@remotable
class Teller:
    def name(self):
        return "teller"

@remotable
class Bank:
    def open_purse(self, owner: str):
        return Purse(owner=owner)
    def teller(self):
        return Teller()

def build_root_object():
    return Bank()'''
SHOP = '''%%vat shop
from swingset.vat import E, durable, remotable

@durable
class Order:
    item: str
    price: int

@remotable
class Shop:
    def __init__(self):
        self.till = None
    def open(self, till):
        """Take payments into this purse."""
        self.till = till
    def buy(self, item: str, purse, price: int):
        """Order an item, and take its price."""
        E(purse).withdraw(price)
        E(self.till).deposit(price)
        return Order(item=item, price=price)

def build_root_object():
    return Shop()'''
BEFORE = """alice = wait(E(bank).open_purse("alice"))
bob = wait(E(bank).open_purse("bob"))
till = wait(E(bank).open_purse("shop"))
purses = [wait(E(bank).open_purse(f"customer {n}")) for n in range(20)]
teller = wait(E(bank).teller())
wait(E(shop).open(till))
wait(E(alice).deposit(40))
wait(E(bob).deposit(5))
lamp = wait(E(shop).buy("lamp", alice, 30))"""
"""It waits in this way because the loop that `await` would need is the browser's here."""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A notebook with a bank and a shop, in which something was sold, and something was not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("explored"))
        running: Any = InteractiveShell()
        extension.load(running)
        running.run_cell("%swingset open explored.world --worker local")
        running.user_ns["wait"] = running._swingset_nb.notebook.world.session.wait
        for cell in (BANK, SHOP, BEFORE):
            assert running.run_cell(cell).success
        running.run_cell("%swingset checkpoint before-lunch")
        running.run_cell("E(shop).buy('sofa', bob, 100); None")
        yield running
        extension.unload(running)


@pytest.fixture
def bare(shell: Any, browser: Any) -> Iterator[Bare]:
    """A page with an explorer of the shop, wide enough for all of it; the world is as it was afterwards."""
    notebook = shell._swingset_nb.notebook
    controller = notebook.world.controller
    before, panel = controller.history.head, Explorer(notebook)
    notebook.panels.append(panel)
    panel.refresh()
    page = browser.new_page(viewport={"width": 1230, "height": 900}, reduced_motion="reduce")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: said.type == "error" and problems.append(said.text))
    yield Bare(page, panel)
    page.close()
    notebook.panels.remove(panel)
    if controller.history.head != before:
        shell.run_cell(f"%swingset go-on --commit {before}")
    assert problems == []


def test_what_is_clicked_is_inspected(bare: Bare, shell: Any, pictures: Path) -> None:
    """A row shows its fields with their history; tabs show methods, code and the c-list entries."""
    from playwright.sync_api import expect

    panel = bare.show()
    panel.locator(".sw-durable", has_text="Purse alice").click()
    inspector = panel.locator(".sw-inspector")
    expect(inspector.locator("tr", has_text="balance")).to_contain_text("10 since crank")
    expect(inspector.locator("tr", has_text="balance")).to_contain_text("← 40 at crank")
    expect(panel.locator(".sw-durable[aria-pressed=true]", has_text="Purse alice")).to_have_count(1)
    panel.screenshot(path=pictures / "explorer.png")
    inspector.get_by_role("tab", name="Methods").click()
    expect(inspector).to_contain_text("withdraw(amount: int) -> int")
    bare.page.keyboard.press("ArrowRight")
    expect(inspector.get_by_role("tab", name="Held by")).to_be_focused()
    inspector.get_by_role("tab", name="Code").click()
    expect(inspector.locator(".sw-here")).to_contain_text("class Purse")
    inspector.get_by_role("tab", name="Kernel").click()
    expect(inspector.locator("tbody tr")).to_have_count(3)
    inspector.locator(".sw-entry", has_text="shop").click()
    expect(inspector.locator("h4")).to_have_text("shop")
    inspector.get_by_role("tab", name="Kernel").click()
    kref = shell._swingset_nb.notebook.world.session.kref_of(shell.user_ns["alice"])
    inspector.get_by_role("button", name=kref, exact=True).click()
    expect(inspector.locator("h4")).to_have_text("Purse of bank")
    expect(panel.locator(".sw-durable[aria-pressed=true]", has_text="Purse alice")).to_have_count(1)
    panel.locator(".sw-roomhead", has_text="shop").click()
    expect(inspector.locator("h4")).to_have_text("shop")


def test_the_timeline_is_dragged_back(bare: Bare, pictures: Path) -> None:
    """Everything below shows the moment under the hand; keys move it; the present is at its end."""
    from playwright.sync_api import expect

    panel = bare.show()
    time = panel.get_by_role("slider")
    box = time.bounding_box()
    across = [box["x"] + box["width"] * share for share in (0.9, 0.7, 0.5, 0.75, 0.82)]
    bare.page.mouse.move(across[0], box["y"] + 20)
    bare.page.mouse.down()
    for x in across:
        bare.page.mouse.move(x, box["y"] + 20)
    bare.page.mouse.up()
    expect(panel.locator(".sw-where")).to_contain_text("looking back")
    shown = int(time.get_attribute("aria-valuenow"))
    expect(panel.locator(".sw-story")).to_contain_text(f"crank {shown}")
    looked = [message["crank"] for message in bare.asked if message["kind"] == "look"]
    assert looked[-1] == shown
    panel.screenshot(path=pictures / "explorer-past.png")
    for key, crank in (("ArrowLeft", shown - 1), ("ArrowRight", shown), ("Home", 0)):
        bare.page.keyboard.press(key)
        expect(time).to_have_attribute("aria-valuenow", str(crank))
    expect(panel.locator(".sw-legend")).to_contain_text("There was no vat yet")
    bare.page.keyboard.press("End")
    expect(panel.locator(".sw-where")).to_contain_text("the present")
    expect(panel.locator(".sw-durable", has_text="Purse alice · 10")).to_be_visible()


def test_an_error_is_followed_to_its_cause(bare: Bare) -> None:
    """A click on its mark shows the crank, the chain from the cell down to it, and what would help."""
    from playwright.sync_api import expect

    panel = bare.show()
    panel.locator(".sw-mark-error text", has_text="rejected: ValueError").click()
    story = panel.locator(".sw-story")
    expect(story.locator(".sw-wrong")).to_contain_text("bob has 5, not 100")
    expect(story.locator(".sw-why")).to_contain_text("buy('sofa'")
    story.locator(".sw-unsent").click()
    expect(panel.locator(".sw-did")).to_contain_text("nothing has changed in this world")
    story.get_by_text("Break on rejections").click()
    expect(panel.locator(".sw-chip")).to_have_text("◉ Run stops after rejection ×")
    story.locator(".sw-why button", has_text="buy('sofa'").click()
    expect(story.locator("p").first).to_contain_text("buy('sofa'")


def test_equal_rows_are_opened_and_names_are_searched(bare: Bare, pictures: Path) -> None:
    """Twenty purses are one row until it is opened; a search finds one of them by its field."""
    from playwright.sync_api import expect

    panel = bare.show()
    group = panel.locator(".sw-row", has_text="×20").last
    expect(panel.locator(".sw-row", has_text="customer 7")).to_have_count(0)
    group.click()
    expect(panel.locator(".sw-deep", has_text="customer 7")).to_have_count(1)
    panel.get_by_label("fold Purse").click()
    expect(panel.locator(".sw-deep")).to_have_count(0)
    box = panel.get_by_label("search the world")
    box.press_sequentially("customer 7")
    hits = panel.locator(".sw-hits button")
    expect(hits.first).to_contain_text("customer 7")
    panel.screenshot(path=pictures / "explorer-search.png")
    bare.page.keyboard.press("ArrowDown")
    bare.page.keyboard.press("Enter")
    expect(panel.locator(".sw-hits")).to_be_hidden()
    expect(panel.locator(".sw-inspector")).to_contain_text("'customer 7'")


def test_step_and_a_breakpoint(bare: Bare, shell: Any, pictures: Path) -> None:
    """Step delivers one message and tells it; a run stops at the method that was clicked."""
    from playwright.sync_api import expect

    panel = bare.show()
    shell.run_cell("%swingset pause")
    shell.run_cell("E(alice).deposit(7); E(shop).buy('vase', alice, 4); None")
    bare.refresh()
    cards = panel.locator(".sw-card")
    expect(cards).to_have_count(2)
    panel.locator("button.sw-step").click()
    expect(panel.locator(".sw-story")).to_contain_text("deposit(7)")
    expect(panel.locator(".sw-story .sw-prints")).to_contain_text("<b>alice</b> has 17")
    expect(panel.locator(".sw-said")).to_contain_text("bank │ <b>alice</b> has 17")
    panel.locator(".sw-durable", has_text="Purse alice").click()
    panel.get_by_role("tab", name="Methods").click()
    panel.get_by_label("break on withdraw").click()
    chip = panel.locator(".sw-chip")
    expect(chip).to_contain_text('vat == "bank" and method == "withdraw"')
    panel.locator("button.sw-run").click()
    expect(panel.locator(".sw-did")).to_contain_text("stopped after")
    expect(panel.locator(".sw-story")).to_contain_text("withdraw(4)")
    panel.screenshot(path=pictures / "explorer-break.png")
    chip.click()
    expect(chip).to_have_count(0)
    panel.locator("button.sw-run").click()
    expect(panel.locator(".sw-queue")).to_contain_text("nothing waits")
    expect(panel.locator(".sw-error")).to_be_hidden()


def test_the_world_goes_on_from_the_past(bare: Bare, shell: Any, pictures: Path) -> None:
    """It says what that leaves behind, and does it only when it is confirmed."""
    from playwright.sync_api import expect

    panel = bare.show()
    expect(panel.locator("button.sw-branch")).to_be_disabled()
    for _ in range(3):
        panel.locator("button.sw-back").click()
    expect(panel.locator("button.sw-step")).to_be_disabled()
    expect(panel.locator("button.sw-run")).to_have_attribute("title", "it runs in the present: press ▶|")
    panel.locator("button.sw-branch").click()
    ask = panel.get_by_role("alertdialog")
    expect(ask).to_contain_text("3 cranks are left behind")
    panel.screenshot(path=pictures / "explorer-branch.png")
    ask.get_by_text("Stay").click()
    expect(ask).to_have_count(0)
    panel.locator("button.sw-branch").click()
    ask.locator(".sw-confirm").click()
    expect(panel.locator(".sw-did")).to_contain_text("%swingset go-on")
    expect(panel.locator(".sw-where")).to_contain_text("the present")
    panel.locator("button.sw-whatif").click()
    expect(panel.locator(".sw-did code")).to_have_text("%%whatif")
    panel.locator(".sw-dismiss").click()
    expect(panel.locator(".sw-did")).to_have_count(0)


def test_a_vat_is_upgraded_in_the_panel(bare: Bare, shell: Any, pictures: Path) -> None:
    """One click opens the difference there; it is rehearsed, applied, undone, and closed."""
    from playwright.sync_api import expect

    panel = bare.show()
    shell.run_cell(BANK.replace("self.balance += amount", "self.balance += 2 * amount"))
    bare.refresh()
    panel.get_by_text("bank was changed: Upgrade…").click()
    walk = panel.locator(".sw-walk .sw-panel")
    expect(walk.locator("td.sw-added mark").first).to_contain_text("2")
    walk.locator("button.sw-rehearse").click()
    expect(walk.locator(".sw-good")).to_contain_text("would go through")
    panel.screenshot(path=pictures / "explorer-upgrade.png")
    walk.locator("button.sw-apply").click()
    expect(walk.locator(".sw-good")).to_contain_text("incarnation 1")
    expect(panel.locator(".sw-roomhead", has_text="bank")).to_contain_text("incarnation 1")
    walk.locator("button.sw-undo").click()
    walk.locator("button.sw-undo-now").click()
    expect(panel.locator(".sw-roomhead", has_text="bank")).to_contain_text("incarnation 0")
    panel.get_by_label("close this").click()
    expect(walk).to_have_count(0)
    shell.run_cell(BANK)


def test_a_message_is_sent_from_the_inspector(bare: Bare, shell: Any) -> None:
    """The line that does the same is shown; what a cell does afterwards is asked for by the page."""
    from playwright.sync_api import expect

    panel = bare.show()
    panel.locator(".sw-durable", has_text="Purse bob").click()
    panel.locator(".sw-verb-send").click()
    form = panel.locator(".sw-form")
    form.locator("select").select_option("withdraw")
    form.get_by_label("arguments").fill("2")
    bare.page.keyboard.press("Enter")
    expect(panel.locator(".sw-did code").first).to_have_text("await E(bob).withdraw(2)")
    expect(panel.locator(".sw-inspector tr", has_text="balance")).to_contain_text("3")
    panel.locator(".sw-verb-bind").click()
    panel.locator(".sw-form input").fill("print")
    bare.page.keyboard.press("Enter")
    expect(panel.locator(".sw-error")).to_contain_text("means something else in every notebook")
    shell.run_cell("wait(E(bob).deposit(4))")
    bare.refresh()
    expect(panel.locator(".sw-inspector tr", has_text="balance")).to_contain_text("7")


def test_nothing_serious_is_wrong_for_those_who_cannot_see(bare: Bare, pictures: Path) -> None:
    """axe-core finds nothing serious, light and dark, with everything open."""
    axe = (installed() / "axe-core" / "axe.min.js").read_text()
    for light in (True, False):
        panel = bare.show(light=light)
        panel.locator(".sw-durable", has_text="Purse alice").click()
        panel.locator("button.sw-back").click()
        panel.locator("button.sw-branch").click()
        panel.get_by_role("alertdialog").wait_for()
        panel.screenshot(path=pictures / f"explorer-{'light' if light else 'dark'}.png")
        bare.page.evaluate(axe)
        found = bare.page.evaluate("() => axe.run(document.querySelector('.sw-panel'))")
        bad = [
            f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for each in found["violations"]
            for node in each["nodes"]
            if each["impact"] in ("serious", "critical")
        ]
        assert bad == [], "\n".join(bad)


def test_what_vats_said_and_cost_is_below(bare: Bare, shell: Any, pictures: Path) -> None:
    """The console has errors first, and leads to their cranks; costs are by method; both follow cells."""
    from playwright.sync_api import expect

    panel = bare.show()
    panel.get_by_text("Console", exact=True).click()
    first = panel.locator(".sw-watched tbody tr").first
    expect(first).to_contain_text("bob has 5, not 100")
    panel.screenshot(path=pictures / "explorer-console.png")
    first.locator("button").click()
    expect(panel.locator(".sw-where")).to_contain_text("looking back")
    panel.get_by_text("Costs", exact=True).click()
    row = panel.locator(".sw-watched tbody tr", has_text="deposit()")
    count = int(row.locator(".sw-number").first.inner_text())
    shell.run_cell("wait(E(bob).deposit(4))")
    bare.refresh()
    expect(row.locator(".sw-number").first).to_have_text(str(count + 1))
    panel.get_by_text("Story", exact=True).click()
    expect(panel.locator(".sw-story")).to_be_visible()


def test_who_can_still_pay_is_below(bare: Bare, shell: Any) -> None:
    """Meters are listed as a tree with what is left of them, and the list follows cells."""
    from playwright.sync_api import expect

    panel = bare.show()
    panel.get_by_text("Market", exact=True).click()
    expect(panel.locator(".sw-watch .sw-note")).to_have_text("no market is open")
    meters = shell._swingset_nb.notebook.world.controller.meters
    meters.create(50_000, superior=meters.create(10**9))
    bare.refresh()
    row = panel.locator(".sw-watched tbody tr", has_text="└ m")
    expect(row.locator(".sw-number").first).to_have_text("50,000")
    panel.get_by_text("Story", exact=True).click()


def test_the_past_is_played_slowly(bare: Bare) -> None:
    """Play shows one crank after the other, until it is pressed again; in motion, a message travels."""
    from playwright.sync_api import expect

    bare.page.emulate_media(reduced_motion="no-preference")
    panel = bare.show()
    time = panel.get_by_role("slider")
    last = int(time.get_attribute("aria-valuenow"))
    for _ in range(6):
        panel.locator("button.sw-back").click()
    expect(time).to_have_attribute("aria-valuenow", str(last - 6))
    play = panel.locator("button.sw-play")
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    expect(panel.locator(".sw-pill")).to_be_attached()
    expect(time).to_have_attribute("aria-valuenow", str(last - 4))
    play.click()
    expect(play).to_have_attribute("aria-pressed", "false")
    assert [message["kind"] for message in bare.asked] == ["look"] * len(bare.asked)


def test_a_dead_panel_says_so(bare: Bare) -> None:
    """When the kernel has ended, nothing can be pressed but the button that copies the lines."""
    from playwright.sync_api import expect

    panel = bare.show()
    bare.page.evaluate("() => window.die()")
    expect(panel.locator(".sw-dead")).to_contain_text("%swingset open explored.world --worker local")
    assert panel.locator("button:enabled").count() == 1
    expect(panel.locator("button.sw-again")).to_be_enabled()
    expect(panel.locator(".sw-durable", has_text="Purse alice")).to_be_visible()


def test_a_newcomer_upgrades_a_vat_and_goes_back_by_the_page_alone(
    browser: Any, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty world the panel says how to begin; then all but two cells is done by clicks in it."""
    from playwright.sync_api import expect

    monkeypatch.chdir(tmp_path)
    running: Any = InteractiveShell()
    extension.load(running)
    running.run_cell("%swingset open new.world --worker local")
    panel = Explorer(running._swingset_nb.notebook)
    running._swingset_nb.notebook.panels.append(panel)
    panel.refresh()
    page = browser.new_page(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
    bare = Bare(page, panel)
    shown = bare.show()
    expect(shown.locator(".sw-legend")).to_contain_text("a cell that begins with %%vat NAME makes one")
    shown.screenshot(path=pictures / "newcomer-1-empty.png")
    running.run_cell(BANK)
    bare.refresh()

    def send(row: str, method: str, args: str) -> None:
        shown.locator(".sw-room .sw-row", has_text=row).last.click()
        shown.locator(".sw-verb-send").click()
        shown.locator(".sw-form select").select_option(method)
        shown.locator(".sw-form").get_by_label("arguments").fill(args)
        page.keyboard.press("Enter")
        expect(shown.locator(".sw-did code").first).to_contain_text(f"{method}({args})")

    send("Bank", "open_purse", "'alice'")
    expect(shown.locator(".sw-did")).to_contain_text("Purse of bank")
    shown.screenshot(path=pictures / "newcomer-2-sent.png")
    send("Bank", "open_purse", "owner='bob'")
    running.run_cell(BANK.replace("self.balance += amount", "self.balance += 2 * amount"))
    bare.refresh()
    shown.get_by_text("bank was changed: Upgrade…").click()
    shown.locator("button.sw-rehearse").click()
    expect(shown.locator(".sw-good")).to_contain_text("would go through")
    shown.locator("button.sw-apply").click()
    expect(shown.locator(".sw-roomhead", has_text="bank")).to_contain_text("incarnation 1")
    shown.screenshot(path=pictures / "newcomer-3-applied.png")
    shown.locator("button.sw-undo").click()
    shown.locator("button.sw-undo-now").click()
    expect(shown.locator(".sw-roomhead", has_text="bank")).to_contain_text("incarnation 0")
    shown.screenshot(path=pictures / "newcomer-4-undone.png")
    shown.get_by_label("close this").click()
    expect(shown.locator(".sw-walk")).to_be_hidden()
    assert panel.error == ""
    page.close()
    extension.unload(running)


@pytest.mark.slow
def test_many_objects_and_vats(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 5,000 objects one is found by its field, and vats that are not drawn at first can be drawn."""
    from playwright.sync_api import expect

    monkeypatch.chdir(tmp_path)
    running: Any = InteractiveShell()
    extension.load(running)
    running.run_cell("%swingset open large.world --worker local")
    many = """    def many(self, first, last):
        return [Purse(owner=f"owner {n}") for n in range(first, last)]
"""
    running.run_cell(BANK.replace("    def teller", many + "    def teller"))
    notebook = running._swingset_nb.notebook
    running.user_ns["wait"] = notebook.world.session.wait
    running.run_cell("held = [wait(E(bank).many(n, n + 500)) for n in range(0, 5_000, 500)]")
    for number in range(14):
        running.run_cell(SHOP.replace("%%vat shop", f"%%vat shop{number}"))
    panel = Explorer(notebook)
    notebook.panels.append(panel)
    panel.refresh()
    page = browser.new_page(viewport={"width": 1230, "height": 900}, reduced_motion="reduce")
    shown = Bare(page, panel).show()
    expect(shown.locator(".sw-room")).to_have_count(13)
    shown.locator(".sw-vats").click()
    expect(shown.locator(".sw-room")).to_have_count(16)
    expect(shown.locator(".sw-vats")).to_have_count(0)
    shown.get_by_label("search the world").press_sequentially("owner 4321")
    expect(shown.locator(".sw-hits button").first).to_contain_text("owner 4321", timeout=20_000)
    page.keyboard.press("Enter")
    expect(shown.locator(".sw-inspector")).to_contain_text("'owner 4321'", timeout=20_000)
    page.close()
    extension.unload(running)
