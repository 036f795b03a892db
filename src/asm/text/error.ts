// The one error that reading text throws.

/** What kind of mistake a text has. */
export type TextErrorCode =
  /** Something else was expected here. */
  | 'SYNTAX'
  /** A number does not fit where it stands. */
  | 'RANGE'
  /** A label is missing or there twice, or a jump cannot reach it. */
  | 'LABEL';

/** A text that cannot be read: what was expected, and where. Lines and columns start at 1. */
export class TextError extends Error {
  readonly code: TextErrorCode;
  readonly line: number;
  readonly column: number;

  constructor(code: TextErrorCode, message: string, at: { readonly line: number; readonly column: number }) {
    super(`${message} (line ${at.line}, column ${at.column})`);
    this.name = 'TextError';
    this.code = code;
    this.line = at.line;
    this.column = at.column;
  }
}
