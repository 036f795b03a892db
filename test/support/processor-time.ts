// How long something takes, on a machine that may be busy with other things.

/** Milliseconds of all processors that this process has used meanwhile. */
export async function processorTime(run: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
