// Questions whose answer may be refused: the doctor goes on without it.

/** What `ask` answers; undefined where it fails. */
export function quietly<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
