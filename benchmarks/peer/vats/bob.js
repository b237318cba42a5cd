// Answers with what it was sent; the small vat of which many are made.
import { Far } from '@endo/far';

export const buildRootObject = () => {
  let count = 0;
  return Far('bob', {
    ping: i => {
      count += 1;
      return i;
    },
    count: () => count,
  });
};
