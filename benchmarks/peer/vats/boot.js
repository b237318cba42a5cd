// Makes and upgrades vats for the host.
import { E, Far } from '@endo/far';

export const buildRootObject = () => {
  const nodes = new Map();
  const roots = new Map();
  let admin;
  let held;
  return Far('boot', {
    bootstrap: async (vats, devices) => {
      admin = await E(vats.vatAdmin).createVatAdminService(devices.vatAdmin);
    },
    create: async (name, bundle) => {
      const cap = await E(admin).getNamedBundleCap(bundle);
      const { adminNode, root } = await E(admin).createVat(cap, { name });
      nodes.set(name, adminNode);
      roots.set(name, root);
      return root;
    },
    hold: async (name, count) => {
      held = await E(roots.get(name)).makeAndExport(count);
      return held.length;
    },
    upgrade: async (name, bundle) => {
      const cap = await E(admin).getNamedBundleCap(bundle);
      await E(nodes.get(name)).upgrade(cap, {});
      return E(held[held.length - 1]).change();
    },
  });
};
