// Asks bob so many times, each time only after the answer before.
import { E, Far } from '@endo/far';

export const buildRootObject = () =>
  Far('alice', {
    inTurn: async (bob, count) => {
      for (let i = 0; i < count; i += 1) await E(bob).ping(i);
      return count;
    },
    // Sends all, then waits for all answers.
    fanOut: async (bob, count) => {
      const answers = [];
      for (let i = 0; i < count; i += 1) answers.push(E(bob).ping(i));
      await Promise.all(answers);
      return count;
    },
  });
