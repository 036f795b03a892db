// The TypeScript behind a compiled line: by the source map that lies beside a .js file (as it does in the package)
// or in it, and the text of the line from the source itself. Whatever is not there is left as it was.

import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { SourceLocation } from '../asm/data.ts';

interface SourceFile {
  readonly lines: readonly string[];
  /** What it was compiled from; undefined for what was written by hand, or where the map is missing. */
  readonly map: SourceMap | undefined;
}

const files = new Map<string, SourceFile | undefined>();

/**
 * Where in the source `location` was said, and what is written there.
 *
 * @returns `location` itself where nothing more is known.
 */
export function resolveSource(location: SourceLocation): SourceLocation {
  if (location.text !== undefined) return location;
  const compiled = fileOf(location.file);
  const original = compiled?.map && originalOf(compiled.map, location);
  const place = original ?? location;
  const text = fileOf(place.file)?.lines[place.line - 1];
  return text === undefined ? place : { ...place, text };
}

function originalOf(map: SourceMap, { file, line, column }: SourceLocation): SourceLocation | undefined {
  // Maps count from zero.
  const entry = map.findEntry(line - 1, column - 1);
  if (!('originalSource' in entry)) return undefined;
  const url = new URL(entry.originalSource, pathToFileURL(file));
  if (url.protocol !== 'file:') return undefined;
  return { file: fileURLToPath(url), line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

function fileOf(path: string): SourceFile | undefined {
  if (files.has(path)) return files.get(path);
  const text = read(path);
  const file = text === undefined ? undefined : { lines: text.split(/\r?\n/), map: mapOf(path, text) };
  files.set(path, file);
  return file;
}

const MAP_COMMENT = /^\/\/[#@] ?sourceMappingURL=(\S+)\s*$/m;

function mapOf(path: string, text: string): SourceMap | undefined {
  const comment = MAP_COMMENT.exec(text.slice(text.lastIndexOf('\n//')));
  if (comment?.[1] === undefined) return undefined;
  try {
    const url = new URL(comment[1], pathToFileURL(path));
    const json = url.protocol === 'data:' ? inline(url) : read(fileURLToPath(url));
    return json === undefined ? undefined : new SourceMap(JSON.parse(json) as SourceMapPayload);
  } catch {
    // A map that cannot be read is as good as none: the compiled line stays.
    return undefined;
  }
}

function inline({ pathname }: URL): string {
  const comma = pathname.indexOf(',');
  const data = decodeURIComponent(pathname.slice(comma + 1));
  return pathname.slice(0, comma).endsWith(';base64') ? Buffer.from(data, 'base64').toString() : data;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
