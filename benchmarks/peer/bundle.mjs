// Bundles the reference's kernel and the vats of the loads, once: node bundle.mjs
import '@endo/init/pre-bundle-source.js';
import '@endo/init';
import { mkdirSync, writeFileSync } from 'node:fs';
import bundleSource from '@endo/bundle-source';
import { buildKernelBundles } from '@agoric/swingset-vat';

const here = new URL('.', import.meta.url).pathname;
const put = (name, bundle) => writeFileSync(`${here}bundles/${name}.json`, JSON.stringify(bundle));

mkdirSync(`${here}bundles`, { recursive: true });
for (const name of ['boot', 'alice', 'bob', 'keeper']) {
  put(name, await bundleSource(`${here}vats/${name}.js`, 'endoZipBase64'));
}
put('kernel', await buildKernelBundles()); // last: its presence says that all is there
process.exit(0);
