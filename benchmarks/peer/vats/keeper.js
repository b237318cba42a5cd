// Durable objects in a durable collection; its own next version too.
import { Far } from '@endo/far';
import { defineDurableKind, makeKindHandle, makeScalarBigMapStore } from '@agoric/vat-data';

export const buildRootObject = (_powers, _parameters, baggage) => {
  const provide = (key, make) => {
    if (!baggage.has(key)) baggage.init(key, make());
    return baggage.get(key);
  };
  const handle = provide('handle', () => makeKindHandle('Thing'));
  const things = provide('things', () => makeScalarBigMapStore('things', { durable: true }));
  const makeThing = defineDurableKind(handle, value => ({ value }), {
    change: ({ state }) => {
      state.value += 1;
      return state.value;
    },
  });
  return Far('keeper', {
    makeAndExport: count => {
      const made = [];
      for (let i = 0; i < count; i += 1) made.push(makeThing(i));
      return harden(made);
    },
    make: (first, count) => {
      for (let i = first; i < first + count; i += 1) things.init(BigInt(i), makeThing(i));
    },
    change: (first, count) => {
      for (let i = first; i < first + count; i += 1) things.get(BigInt(i)).change();
    },
  });
};
