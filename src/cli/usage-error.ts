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
