// What the statements of a text share: its labels, and the maps it may name.

import { helperNumber } from '../helper-names.ts';
import { type Item, type Label, label } from '../instruction.ts';
import type { MapSpec } from '../program.ts';
import { shortened } from './cursor.ts';
import { TextError } from './error.ts';
import type { Token } from './scanner.ts';

/** The label that stands before the first `exit` without being written, as in the conformance suite. */
const EXIT = 'exit';

const REGISTER = /^[rRwW][0-9]+$/;

export class Scope {
  readonly #labels = new Map<string, Label>();
  readonly #maps: ReadonlyMap<string, MapSpec>;
  #exit: { readonly place: Label; readonly use: Token } | undefined;

  constructor(maps: readonly MapSpec[]) {
    this.#maps = new Map(maps.map((map) => [map.name, map]));
  }

  /** Makes a label known. @throws TextError when it is there twice, or is the name of a register. */
  define(name: Token): void {
    const shown = shortened(name.text);
    if (REGISTER.test(name.text))
      throw new TextError('LABEL', `label ${shown} is the name of a register`, name);
    if (this.#labels.has(name.text)) throw new TextError('LABEL', `label ${shown} is there twice`, name);
    this.#labels.set(name.text, label(name.text));
  }

  /** The label that a jump names. */
  expectLabel(name: Token): Label {
    const found = this.#labels.get(name.text);
    if (found) return found;
    if (name.text === EXIT) {
      this.#exit ??= { place: label(EXIT), use: name };
      return this.#exit.place;
    }
    throw new TextError('LABEL', `label ${shortened(name.text)} is nowhere in the text`, name);
  }

  expectMap(name: Token): MapSpec {
    const map = this.#maps.get(name.text);
    if (map) return map;
    const known = this.#maps.size > 0 ? [...this.#maps.keys()].join(', ') : 'none is known';
    throw new TextError('LABEL', `map ${shortened(name.text)}: expected one of the maps (${known})`, name);
  }

  map(name: string): MapSpec | undefined {
    return this.#maps.get(name);
  }

  /** A function to call by name: one of the text's labels, or a helper. */
  expectFunction(name: Token): Label | number {
    const found = this.#labels.get(name.text) ?? helperNumber(name.text);
    if (found !== undefined) return found;
    throw new TextError('LABEL', `function ${shortened(name.text)}: expected a label or a helper`, name);
  }

  /** `items` with the implicit label in front of the first that `isExit`, if anything goes there. */
  withExit(items: readonly Item[], isExit: (item: Item) => boolean): readonly Item[] {
    if (!this.#exit) return items;
    const { place, use } = this.#exit;
    const index = items.findIndex(isExit);
    if (index >= 0) return items.toSpliced(index, 0, { place });
    throw new TextError('LABEL', `label ${EXIT} is nowhere in the text, and no exit instruction`, use);
  }
}
