// What is asked of the kernel while it answers: of several looks, only the latest is asked next.

/**
 * A queue of one: a look is sent when the one before was answered, and the latest replaces those that wait.
 * @param {(message: object) => void} send
 */
export function latest(send) {
  let busy = false;
  /** @type {object | null} */
  let next = null;
  return {
    /** Ask now, or after the answer that is awaited. @param {object} message */
    ask(message) {
      if (busy) next = message;
      else {
        busy = true;
        send(message);
      }
    },
    /** The kernel has answered: ask what was wanted last meanwhile. Returns whether something was. */
    answered() {
      busy = false;
      if (next === null) return false;
      const message = next;
      next = null;
      this.ask(message);
      return true;
    },
    /** Whether an answer is awaited. */
    get waits() {
      return busy;
    },
  };
}
