// What a click on "break" writes: a predicate in which no text can end its quotes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { predicateOf, quoted } from "../../swingset_nb/static/explorer/inspector.js";

test("a quoted text ends where its quotes do", () => {
  for (const [text, written] of [
    ["bank", '"bank"'],
    ['a"b', '"a\\"b"'],
    ["a\\", '"a\\\\"'],
    ['\\"', '"\\\\\\""'],
  ])
    assert.equal(quoted(text), written);
});

test("a vat, an object and a message each have the predicate that speaks of them", () => {
  const it = (kind, subject, title, whose = "bank") => /** @type {any} */ ({ kind, subject, title, whose });
  assert.equal(predicateOf(it("vat", "v1", "bank")), 'vat == "bank"');
  assert.equal(predicateOf(it("object", "ko21", "Purse")), 'object == "ko21"');
  assert.equal(predicateOf(it("message", "waiting:7", "deposit", "shop")), 'vat == "shop"');
});
