// One load on the reference, in this process, with its state on disk:
//
//   node reference.mjs LOAD local|xsnap COUNT FOLDER
//
// prints one line of JSON, with the same names as ours.py prints. The configuration is that of the production
// chain: collected every 1,000 deliveries, a heap image every 200. Times include the commit.
import '@endo/init/pre.js';
import '@endo/init/unsafe-fast.js'; // as production hosts start it
import { readFileSync, writeSync } from 'node:fs';
import { initializeSwingset, makeSwingsetController } from '@agoric/swingset-vat';
import { initSwingStore, openSwingStore } from '@agoric/swing-store';
import { kslot } from '@agoric/kmarshal';

const [load, worker, countText, folder] = process.argv.slice(2);
const count = Number(countText);
const here = new URL('.', import.meta.url).pathname;
const read = name => JSON.parse(readFileSync(`${here}bundles/${name}.json`, 'utf8'));
const { kernel: kernelBundle, ...kernelBundles } = read('kernel');

let store;
let controller;

const open = async () => {
  controller = await makeSwingsetController(store.kernelStorage, {}, { kernelBundle });
};
const make = async () => {
  store = initSwingStore(folder);
  const vats = Object.fromEntries(['boot', 'alice', 'bob'].map(name => [name, { bundle: read(name) }]));
  const bundles = { bob: { bundle: read('bob') }, keeper: { bundle: read('keeper') } };
  const config = { bootstrap: 'boot', vats, bundles, defaultManagerType: worker, defaultReapInterval: 1000 };
  await initializeSwingset(config, [], store.kernelStorage, { kernelBundles });
  await open();
  controller.pinVatRoot('boot');
  controller.pinVatRoot('alice');
  await controller.run();
  await store.hostStorage.commit();
};
// Runs to the end and commits; the result's data. Reading it lets go of the result, so it is read once.
const settle = async result => {
  await controller.run();
  await store.hostStorage.commit();
  const status = controller.kpStatus(result);
  if (status !== 'fulfilled') throw Error(`${status}: ${JSON.stringify(controller.kpResolution(result))}`);
  return controller.kpResolution(result);
};
const ask = (vat, method, ...args) => settle(controller.queueToVatRoot(vat, method, args, 'ignore'));
const timed = async work => {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
};
const bob = () => kslot(controller.pinVatRoot('bob'), 'bob');
const messages = async method => {
  await ask('alice', method, bob(), 5); // warm
  const seconds = await timed(() => ask('alice', method, bob(), count));
  return { rate: count / seconds };
};
const keeperRoot = async () => {
  const { slots } = await ask('boot', 'create', 'keeper', 'keeper');
  controller.pinObject?.(slots[0]);
  return slots[0];
};

const LOADS = {
  pingpong: () => messages('inTurn'),
  fanout: () => messages('fanOut'),
  vats: async () => {
    const seconds = await timed(async () => {
      for (let i = 0; i < count; i += 1) await ask('boot', 'create', `v${i}`, 'bob');
    });
    return { ms: (seconds * 1000) / count };
  },
  upgrade: async () => {
    await keeperRoot();
    await ask('boot', 'hold', 'keeper', count);
    return { ms: (await timed(() => ask('boot', 'upgrade', 'keeper', 'keeper'))) * 1000 };
  },
  objects: async () => {
    const root = await keeperRoot();
    const rates = {};
    for (const method of ['make', 'change']) {
      const seconds = await timed(async () => {
        const results = [];
        for (let i = 0; i < count; i += 100) {
          results.push(controller.queueToVatObject(kslot(root, 'keeper'), method, [i, 100], 'ignore'));
        }
        await controller.run();
        await store.hostStorage.commit();
        for (const result of results) {
          if (controller.kpStatus(result) !== 'fulfilled') throw Error(`${method} failed`);
        }
      });
      rates[method] = count / seconds;
    }
    return rates;
  },
  prepare: async () => {
    await ask('alice', 'inTurn', bob(), count / 2);
    return {};
  },
  start: async () => ({ ms: (await timed(() => ask('bob', 'count'))) * 1000 }),
};

let found;
if (load === 'start') {
  const begin = performance.now();
  store = openSwingStore(folder);
  await open();
  const opened = performance.now() - begin;
  const answered = await LOADS.start();
  found = { ms: opened + answered.ms };
} else {
  await make();
  found = await LOADS[load]();
}
await controller.shutdown();
await store.hostStorage.close();
writeSync(1, `${JSON.stringify({ load, worker, count, ...found })}\n`);
process.exit(0);
