// YAML text as a plain tree with line numbers. The one file that knows the yaml package, which is imported only
// when there is something to read. Aliases are refused: a list of addresses has no use for them.

import type { Document, LineCounter } from 'yaml';
import { type Complaint, complain, MappingError } from './mapping-error.ts';

interface Place {
  /** Starts at 1. */
  readonly line: number;
  /** In UTF-16 units from the start of the text. */
  readonly offset: number;
}

type Scalar = string | number | bigint | boolean | null;

interface ScalarNode extends Place {
  readonly kind: 'scalar';
  readonly value: Scalar;
}

interface ListNode extends Place {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
}

export interface MapEntry extends Place {
  readonly key: string;
  readonly value: YamlNode;
}

export interface MapNode extends Place {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
}

export type YamlNode = ScalarNode | ListNode | MapNode;

/**
 * @param name of the file, for the complaints.
 * @throws MappingError when the text is not one YAML document.
 */
export async function parseYaml(text: string, name: string): Promise<YamlNode> {
  const yaml = await import('yaml');
  const lines: LineCounter = new yaml.LineCounter();
  // Without `prettyErrors` a message stays on one line.
  const document: Document.Parsed = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): Place => ({ line: lines.linePos(offset).line, offset });
  const complaints: Complaint[] = [];
  const refuse = (offset: number, message: string): void => {
    complaints.push(complain('bad_syntax', `${name}:${place(offset).line}`, message));
  };
  for (const { pos, message } of [...document.errors, ...document.warnings]) refuse(pos[0], message);

  const convert = (node: unknown, at: number): YamlNode => {
    const start = yaml.isNode(node) ? (node.range?.[0] ?? at) : at;
    if (yaml.isAlias(node)) refuse(start, `alias *${node.source} is not supported: write the value out`);
    if (yaml.isSeq(node)) {
      return { kind: 'list', ...place(start), items: node.items.map((item) => convert(item, start)) };
    }
    if (yaml.isMap(node)) {
      const entries = node.items.map(({ key, value }): MapEntry => {
        const keyNode = convert(key, start);
        const keyText = keyNode.kind === 'scalar' ? String(keyNode.value) : '[collection]';
        return {
          key: keyText,
          line: keyNode.line,
          offset: keyNode.offset,
          value: convert(value, keyNode.offset),
        };
      });
      return { kind: 'map', ...place(start), entries };
    }
    return { kind: 'scalar', ...place(start), value: yaml.isScalar(node) ? (node.value as Scalar) : null };
  };
  const tree = convert(document.contents, 0);
  if (complaints.length > 0) throw new MappingError(complaints);
  return tree;
}
