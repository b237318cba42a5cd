// A client of Cap'n Web, by the npm package: calls, pipelines, callbacks, errors and maps, over both transports.
import { newHttpBatchRpcSession, newWebSocketRpcSession, RpcTarget } from "capnweb";

export async function tour(address) {
  const said = {};
  const bank = newWebSocketRpcSession(address.replace(/^http/, "ws"));
  said.called = await bank.add(2, 3);
  const purse = bank.purse();
  purse.deposit(5);
  said.pipelined = await purse.deposit(7);
  said.passed = await bank.balance_of(bank.purse());
  const heard = [];
  said.told = await bank.tell_all([(line) => heard.push(line)], "hello");
  said.heard = heard;
  class Meter extends RpcTarget {
    read(scale) {
      if (scale > 5) throw new RangeError("off the scale");
      return { at: scale * 2 };
    }
  }
  said.read = await bank.read(new Meter(), 4);
  said.off = await failure(bank.read(new Meter(), 6));
  said.failed = await failure(bank.fail("broke"));
  said.hidden = await failure(bank.__class__());
  said.property = await failure(bank.balance);
  said.unsupported = await failure(bank.same(new URL("https://a.page")));
  said.mapped = await bank.numbers().map((n) => ({ twice: bank.add(n, n) }));
  said.read_part = await bank.data().inner.list[1];
  const value = {
    text: "é",
    none: null,
    big: 2n ** 70n,
    bytes: new Uint8Array([1, 2]),
    at: new Date(5),
    list: [[1]],
  };
  const back = await bank.same(value);
  said.same = [back.text, back.none, `${back.big}`, [...back.bytes], back.at.getTime(), back.list];
  const batch = newHttpBatchRpcSession(address);
  const total = batch.purse().deposit(9);
  said.batch = await Promise.all([batch.add(1, 1), total, failure(batch.fail("no"))]);
  return [said, bank];
}

export async function failure(promise) {
  try {
    return ["no failure", await promise];
  } catch (problem) {
    return [problem.name, problem.type ?? null, problem.code ?? null, problem.message];
  }
}
