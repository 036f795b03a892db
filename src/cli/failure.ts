// How a failure is told: one line on stderr for each thing that is wrong, the whole story with --verbose, and
// with --json the same as a document on stdout.

import { formatJson } from './output.ts';
import { print, STDERR, STDOUT } from './print.ts';
import type { UsageError } from './usage-error.ts';

export const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** At the end of a line about a program that was refused. */
export const LOG_HINT = '; --verbose shows the whole log';

/** More complaints than anybody reads; JSON has them all. */
const MOST_LINES = 20;

interface Complaint {
  readonly code: string;
  readonly message: string;
}

/** What our errors carry besides their message. */
interface Told {
  readonly code?: unknown;
  readonly complaints?: readonly Complaint[];
  /** The verifier's. */
  readonly log?: unknown;
}

/** What else a verifier's refusal is told with in JSON, where it has it. */
const DETAILS = ['kind', 'reason', 'instruction', 'source', 'state', 'hint', 'log'];

/** Says what went wrong. @returns the exit status. */
export function tell(error: unknown, { json, verbose }: { json: boolean; verbose: boolean }): number {
  const status = isWrongUsage(error) ? EXIT_USAGE : EXIT_FAILED;
  const { complaints, log } = error as Told;
  const lines = complaints?.map(({ message }) => message) ?? [messageOf(error)];
  const shown = lines.length > MOST_LINES && !verbose ? lines.slice(0, MOST_LINES) : lines;
  const more = typeof log === 'string' && log !== '' && !verbose ? LOG_HINT : '';
  const text = shown.map((line) => `tsnat: ${oneLine(line)}${more}\n`);
  if (shown.length < lines.length) {
    text.push(`tsnat: and ${lines.length - shown.length} more (all of them with --verbose or --json)\n`);
  }
  if (verbose) text.push(...story(error));
  print(STDERR, text.join(''));
  if (json) {
    const document = {
      code: codeOf(error),
      message: oneLine(messageOf(error)),
      exit: status,
      ...(complaints && { complaints }),
      ...(typeof log === 'string' && detailsOf(error as object)),
    };
    print(STDOUT, formatJson({ error: document }));
  }
  return status;
}

function detailsOf(error: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(error).filter(([name, value]) => DETAILS.includes(name) && value !== undefined),
  );
}

function codeOf(error: unknown): string {
  const { code } = error as Told;
  if (typeof code === 'string') return code;
  return isOurs(error) ? 'bad_value' : 'internal';
}

/** By its name: commands are bundled apart (scripts/bundle.mjs), each bundle with a class of its own. */
const isWrongUsage = (error: unknown): error is UsageError =>
  error instanceof Error && error.name === ('UsageError' satisfies UsageError['name']);

/** Errors meant for the user: those with a code, and refused values. Anything else is a mistake of ours. */
function isOurs(error: unknown): error is Error {
  return error instanceof Error && (typeof (error as Told).code === 'string' || error instanceof RangeError);
}

function messageOf(error: unknown): string {
  if (isOurs(error)) return error.message;
  return `internal error: ${String(error)}: run it again with --verbose and report what it says`;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' / ');
}

/** Logs, stacks and causes. */
function story(error: unknown): string[] {
  const { log } = error as Told;
  const parts: string[] = [];
  if (typeof log === 'string' && log !== '') parts.push(`${log.trimEnd()}\n`);
  for (let at = error; at instanceof Error; at = at.cause) {
    const intro = at === error ? '' : 'caused by: ';
    if (!isWrongUsage(at)) parts.push(`${intro}${at.stack ?? String(at)}\n`);
  }
  return parts;
}
