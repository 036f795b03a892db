// Wrong usage: the command line, or a file it names, says something that cannot be meant. Nothing was tried.

/** Exit status 2. One message for each thing that is wrong. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code: string;
  readonly complaints: readonly { readonly code: string; readonly message: string }[];

  constructor(messages: string | readonly { readonly code: string; readonly message: string }[]) {
    const complaints =
      typeof messages === 'string' ? [{ code: 'bad_usage', message: messages }] : [...messages];
    super(complaints.map(({ message }) => message).join('; '));
    this.complaints = complaints;
    this.code = complaints[0]?.code ?? 'bad_usage';
  }
}

/** Runs what looks at values that were typed before it does anything. @throws UsageError for a value that is none of its kind */
export function asUsage<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const { code } = error as { readonly code?: unknown };
    throw new UsageError([{ code: typeof code === 'string' ? code : 'bad_value', message: error.message }]);
  }
}
