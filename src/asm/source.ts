// Where in the TypeScript source something was said. Capturing is cheap and done for every instruction;
// turning it into file, line and column happens only when somebody asks.

import type { Program, SourceLocation } from './program.ts';

/** A captured call stack, resolved on demand. */
export interface Site {
  /** The innermost frame outside the assembler itself: the line of whoever uses the DSL. */
  readonly location: SourceLocation | undefined;
}

/** A method of the assembler that programs call: what is said through it comes from the line that calls it. */
export type Door = (...args: never[]) => unknown;

/** Folder of this file, which is the assembler's own, as the stack prints it. */
const OWN_FOLDER: string = import.meta.url.slice(0, import.meta.url.lastIndexOf('/') + 1);
/** Frames of the assembler itself between a captured call and the line that made it: fewer than this. */
const STACK_DEPTH = 8;
const COMPLAINT_DEPTH = 64;
const FRAME = /\(?(?:async )?((?:file:\/\/|\/)[^()]*):(\d+):(\d+)\)?$/;

class CapturedSite implements Site {
  /** Formatted when it is read for the first time. */
  declare readonly stack: string | undefined;

  get location(): SourceLocation | undefined {
    const value = firstForeignFrame(this.stack ?? '');
    Object.defineProperty(this, 'location', { value });
    return value;
  }
}

/**
 * Remembers where `door` was called, which is on the call stack. One frame of it: what a capture costs is frames, and of
 * all that a program costs to build, captures are the most.
 */
export function captureCall(door: Door): Site {
  const site = new CapturedSite();
  const usual = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(site, door);
  Error.stackTraceLimit = usual;
  return site;
}

/** Remembers the present call stack: that of a statement or, for a complaint, as deep as it may be. */
export function captureSite(depth: number = STACK_DEPTH): Site {
  const site = new CapturedSite();
  const usual = Error.stackTraceLimit;
  Error.stackTraceLimit = depth;
  Error.captureStackTrace(site, captureSite);
  Error.stackTraceLimit = usual;
  return site;
}

/** Where the complaint that is about to be made comes from. Takes its time: it is made once. */
export const complaintSite = (): Site => captureSite(COMPLAINT_DEPTH);

function firstForeignFrame(stack: string): SourceLocation | undefined {
  for (const line of stack.split('\n')) {
    const frame = FRAME.exec(line.trim());
    const [, file, row, column] = frame ?? [];
    // A resolved stack may name the .ts file of a frame of our own: both folders end alike.
    if (!file || file.startsWith(OWN_FOLDER) || /\/src\/asm\//.test(file)) continue;
    const path = file.startsWith('file://') ? decodeURIComponent(file.slice('file://'.length)) : file;
    return { file: path, line: Number(row), column: Number(column) };
  }
  return undefined;
}

/** Finds out more about a location: the source that a compiled file was made from, the text of the line. */
export type SourceResolver = (location: SourceLocation) => SourceLocation;

/** `program` with its locations resolved, once somebody asks for them. */
export function withSources(program: Program, resolve: SourceResolver): Program {
  let resolved: readonly (SourceLocation | undefined)[] | undefined;
  const get = (): readonly (SourceLocation | undefined)[] => {
    resolved ??= program.locations.map((location) => location && resolve(location));
    return resolved;
  };
  // Not a copy of the property: that would ask for the locations here and now.
  const properties = Object.getOwnPropertyDescriptors(program);
  return Object.defineProperties({}, { ...properties, locations: { get, enumerable: true } }) as Program;
}

export function formatLocation(location: SourceLocation | undefined): string {
  return location ? `${location.file}:${location.line}:${location.column}` : 'unknown place';
}

/** A program that cannot be built: what is wrong, and the line of TypeScript that says it. */
export class BuildError extends Error {
  /** Stable: what kind of mistake it is. */
  readonly code: string;
  readonly location: SourceLocation | undefined;

  constructor(code: string, message: string, site: Site | undefined) {
    super(`${message} (${formatLocation(site?.location)})`);
    this.name = 'BuildError';
    this.code = code;
    this.location = site?.location;
  }
}
