// Reads single values out of a mapping file's tree, and keeps what is wrong with them, each with its line.

import { AddressError } from './address-error.ts';
import type { LocatedPrefix } from './destination-lists.ts';
import { type Complaint, type ComplaintCode, complain, MappingError } from './mapping-error.ts';
import type { MapEntry, MapNode, YamlNode } from './mapping-yaml.ts';
import { parsePrefix } from './prefix.ts';

/** A value and where it stands: `nat.yaml:3`. */
export interface Setting<T> {
  readonly value: T;
  readonly origin: string;
}

export class FileReader {
  readonly complaints: Complaint[] = [];
  readonly #name: string;

  /** @param name of the file */
  constructor(name: string) {
    this.#name = name;
  }

  /** The entries of a map by key, those with an unknown key complained of. */
  entries(node: MapNode, keys: readonly string[], form: string): Map<string, MapEntry> {
    for (const { key, line } of node.entries) {
      if (!keys.includes(key)) this.complain('unknown_key', line, `key '${key}' is not known: ${form}`);
    }
    return new Map(node.entries.map((entry) => [entry.key, entry]));
  }

  text(entry: MapEntry | undefined, meaning: string): Setting<string> | undefined {
    return this.#value(
      entry,
      (value) => (typeof value === 'string' && value !== '' ? value : undefined),
      `is not text: write ${meaning}, in quotes if need be`,
    );
  }

  choice<T extends string>(entry: MapEntry | undefined, choices: readonly T[]): Setting<T> | undefined {
    return this.#value(
      entry,
      (value) => choices.find((choice) => choice === value),
      `is not known: write ${choices.join(', ')}`,
    );
  }

  flag(entry: MapEntry | undefined): Setting<boolean> | undefined {
    return this.#value(
      entry,
      (value) => (typeof value === 'boolean' ? value : undefined),
      'is not known: write true or false',
    );
  }

  /** @param require throws a RangeError for a number that cannot be meant */
  count(entry: MapEntry | undefined, require: (count: number) => void): Setting<number> | undefined {
    const found = this.#value(
      entry,
      (value) => (typeof value === 'number' ? value : undefined),
      'is not a number',
    );
    try {
      if (found !== undefined) require(found.value);
      return found;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.complain('bad_value', entry!.line, error.message);
      return undefined;
    }
  }

  names(entry: MapEntry | undefined): Setting<readonly string[]> | undefined {
    if (entry === undefined) return undefined;
    const form = 'write a list of interfaces, such as [lan0]';
    const items = entry.value.kind === 'list' ? entry.value.items.map(scalar) : [undefined];
    const names = items.filter((item) => typeof item === 'string');
    if (names.length === items.length) return { value: names, origin: this.origin(entry.line) };
    this.complain(
      'bad_value',
      entry.line,
      `${entry.key} ${show(entry.value)} is not a list of names: ${form}`,
    );
    return undefined;
  }

  prefixes(entry: MapEntry | undefined): Setting<readonly LocatedPrefix[]> | undefined {
    if (entry === undefined) return undefined;
    const form = 'write a list of prefixes, such as [10.0.0.0/8]';
    if (entry.value.kind !== 'list') {
      this.complain('bad_value', entry.line, `${entry.key} ${show(entry.value)} is not a list: ${form}`);
      return undefined;
    }
    const value = entry.value.items.flatMap((item) => {
      const text = scalar(item);
      if (typeof text !== 'string') {
        this.complain('bad_value', item.line, `${entry.key}: ${show(item)} is not a prefix: ${form}`);
        return [];
      }
      try {
        return [{ prefix: parsePrefix(text), origin: this.origin(item.line) }];
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        this.complain(error.code, item.line, `${entry.key}: ${error.message}`);
        return [];
      }
    });
    return { value, origin: this.origin(entry.line) };
  }

  /** What `read` gives; what it complains of, where it throws a MappingError, is kept. */
  kept<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      this.complaints.push(...error.complaints);
      return undefined;
    }
  }

  origin(line: number): string {
    return `${this.#name}:${line}`;
  }

  complain(code: ComplaintCode, line: number, message: string): void {
    this.complaints.push(complain(code, this.origin(line), message));
  }

  #value<T>(
    entry: MapEntry | undefined,
    read: (value: unknown) => T | undefined,
    problem: string,
  ): Setting<T> | undefined {
    if (entry === undefined) return undefined;
    const value = read(scalar(entry.value));
    if (value !== undefined) return { value, origin: this.origin(entry.value.line) };
    this.complain('bad_value', entry.line, `${entry.key} ${show(entry.value)} ${problem}`);
    return undefined;
  }
}

export function scalar(node: YamlNode): unknown {
  return node.kind === 'scalar' ? node.value : undefined;
}

/** A node as named in a complaint. */
export function show(node: YamlNode): string {
  if (node.kind === 'scalar') return typeof node.value === 'string' ? `'${node.value}'` : String(node.value);
  return node.kind === 'list' ? '(a list)' : '(a map)';
}
