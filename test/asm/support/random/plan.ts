// A random program as plain data: what the generator makes, the recorder says in the DSL, and the model evaluates.

/** Kinds of integers, as the DSL names them. */
export type Host = 'u8' | 'u16' | 'u32' | 'u64';
export type Network = 'be16' | 'be32' | 'be64';
export type Kind = Host | Network;

export const HOST: readonly Host[] = ['u8', 'u16', 'u32', 'u64'];
export const BITS: { readonly [K in Kind]: number } = {
  u8: 8,
  u16: 16,
  u32: 32,
  u64: 64,
  be16: 16,
  be32: 32,
  be64: 64,
};
export const isNetwork = (kind: Kind): kind is Network => kind.startsWith('be');

/** A field of memory: a name or an index for each step from the view to it, and where it lies. */
export interface Field {
  readonly path: readonly (string | number)[];
  readonly offset: number;
  readonly type: Kind | { readonly bytes: number };
}

/** Memory the program sees under a number of its own. */
export interface View {
  readonly id: number;
  readonly layout: LayoutName;
}
export type LayoutName = 'packed' | 'small' | 'record' | 'skb';

export interface Place {
  readonly view: number;
  readonly field: Field;
}

export type BinaryOperator = 'add' | 'sub' | 'and' | 'or' | 'xor';
export type Literal = { readonly literal: bigint };

export type Expression = { readonly kind: Kind } & (
  | { readonly is: 'constant'; readonly value: bigint }
  /** `once` reads the place by `get()` first. */
  | { readonly is: 'place'; readonly place: Place; readonly once: boolean }
  | { readonly is: 'variable'; readonly index: number }
  | { readonly is: 'let'; readonly id: number }
  | {
      readonly is: 'binary';
      readonly operator: BinaryOperator;
      readonly a: Expression;
      readonly b: Expression | Literal;
    }
  | { readonly is: 'shl' | 'shr'; readonly a: Expression; readonly bits: number }
  | { readonly is: 'as' | 'not' | 'toHost' | 'toNetwork' | 'bits'; readonly a: Expression }
);
export type Input = Expression | Literal;

export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
export type Condition =
  | { readonly is: 'compare'; readonly comparison: Comparison; readonly a: Expression; readonly b: Input }
  | { readonly is: 'negative'; readonly a: Expression }
  | { readonly is: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly is: 'not'; readonly of: Condition }
  /** One that was made before, from what its operands were then. */
  | { readonly is: 'made'; readonly id: number };

/** What a field is set to: bytes are given as they are. */
export interface FieldValue {
  readonly field: Field;
  readonly value: Input | readonly number[];
}

export type Statement =
  | { readonly is: 'let'; readonly id: number; readonly value: Expression }
  | { readonly is: 'condition'; readonly id: number; readonly condition: Condition }
  | { readonly is: 'set'; readonly place: Place; readonly value: Input }
  | { readonly is: 'assign'; readonly index: number; readonly value: Input }
  | { readonly is: 'increase'; readonly place: Place; readonly by: Input }
  | { readonly is: 'copyBytes'; readonly to: Place; readonly from: Place }
  | { readonly is: 'emit'; readonly index: number; readonly value: Expression }
  | {
      readonly is: 'when';
      readonly condition: Condition;
      readonly rarely: boolean;
      readonly taken: readonly Statement[];
      readonly otherwise?: readonly Statement[];
    }
  | { readonly is: 'stack'; readonly view: View; readonly initial: readonly FieldValue[] }
  /** `views` of consecutive headers of the packet. */
  | { readonly is: 'read'; readonly views: readonly View[]; readonly at: number; readonly orElse: number }
  | { readonly is: 'copy'; readonly view: View; readonly at: Expression | Literal; readonly orElse: number }
  | {
      readonly is: 'store';
      readonly id: number;
      readonly kind: Kind;
      readonly at: Expression | Literal;
      readonly value: Input;
    }
  | { readonly is: 'pull'; readonly id: number }
  | { readonly is: 'clock' }
  /** `view` of a header at a place that is not constant. */
  | {
      readonly is: 'readAt';
      readonly view: View;
      readonly at: Expression;
      readonly atMost: number;
      readonly orElse: number;
    }
  | { readonly is: 'setBytes'; readonly place: Place; readonly bytes: readonly number[] }
  | {
      readonly is: 'match';
      readonly subject: Expression;
      readonly cases: readonly { readonly value: Input; readonly body: readonly Statement[] }[];
      readonly otherwise: readonly Statement[];
    }
  /** The number of the round is the value `id`. */
  | { readonly is: 'loop'; readonly id: number; readonly times: number; readonly body: readonly Statement[] }
  | { readonly is: 'stop' }
  | {
      readonly is: 'update';
      readonly id: number;
      readonly key: Input;
      readonly values: readonly FieldValue[];
      readonly mode: 'any' | 'noexist' | 'exist';
    }
  | { readonly is: 'remove'; readonly id: number; readonly key: Input }
  | { readonly is: 'invoke'; readonly id: number; readonly called: number; readonly args: readonly Input[] }
  | { readonly is: 'find'; readonly view: View; readonly key: Input; readonly orElse: number }
  | {
      readonly is: 'ask';
      readonly view: View;
      readonly key: Input;
      readonly missingFirst: boolean;
      readonly found: readonly Statement[];
      readonly missing: readonly Statement[];
    }
  | { readonly is: 'exit'; readonly code: Expression | Literal }
  | { readonly is: 'leave'; readonly value: Input };

export interface Procedure {
  /** Kind of each variable and what it starts with, if anything. */
  readonly variables: readonly { readonly kind: Host; readonly initial?: Input }[];
  /** The last statement ends it. */
  readonly body: readonly Statement[];
}

/** A subprogram: its parameters are the first values. It has neither packet nor context. */
export interface PlannedFunction extends Procedure {
  readonly parameters: readonly { readonly id: number; readonly kind: Kind }[];
  readonly result: Host;
}

export interface Plan extends Procedure {
  /** Each calls only ones before it. */
  readonly functions: readonly PlannedFunction[];
}

/** The view of the map with one record, the context, and the results: there from the start. */
export const STATE: View = { id: 0, layout: 'record' };
export const CONTEXT: View = { id: 1, layout: 'skb' };
export const RESULTS = 64;

type FieldList = readonly (readonly [string, Kind | number] | readonly [string, Kind, number])[];

/** Name and kind, or name and bytes, or name, kind and length of an array; packed in this order. */
export const LAYOUTS: { readonly [N in Exclude<LayoutName, 'skb'>]: FieldList } = {
  // As on a wire: nothing lies at a multiple of its size.
  packed: [
    ['a', 'u8'],
    ['b', 'be16'],
    ['c', 'u32'],
    ['d', 'u16'],
    ['e', 'be32'],
    ['f', 'u64'],
    ['g', 'be64'],
    ['h', 'u8'],
    ['m', 6],
    ['n', 6],
  ],
  small: [
    ['x', 'be16'],
    ['y', 'u8'],
    ['z', 'be32'],
    ['w', 'u8', 2],
  ],
  // As in memory: every field at a multiple of its size, bytes too.
  record: [
    ['a', 'u64'],
    ['b', 'be64'],
    ['c', 'u32'],
    ['d', 'be32'],
    ['e', 'u16'],
    ['f', 'be16'],
    ['g', 'u8'],
    ['h', 'u8'],
    ['p', 2],
    ['q', 'u32', 2],
    ['m', 6],
    ['s', 'u16'],
  ],
};

const sizeOfType = (type: Kind | number): number => (typeof type === 'number' ? type : BITS[type] / 8);

function fieldsOf(list: FieldList): Field[] {
  let offset = 0;
  return list.flatMap(([name, type, length]) => {
    const size = sizeOfType(type);
    return Array.from({ length: length ?? 1 }, (_, i): Field => {
      const at = offset;
      offset += size;
      return {
        path: length === undefined ? [name] : [name, i],
        offset: at,
        type: typeof type === 'number' ? { bytes: type } : type,
      };
    });
  });
}

/** Offsets in struct __sk_buff, from include/uapi/linux/bpf.h. */
const SKB_FIELDS: readonly Field[] = [
  { path: ['len'], offset: 0, type: 'u32' },
  { path: ['mark'], offset: 8, type: 'u32' },
  { path: ['priority'], offset: 32, type: 'u32' },
  ...[0, 1, 2, 3, 4].map((i): Field => ({ path: ['cb', i], offset: 48 + 4 * i, type: 'u32' })),
];
export const SKB_SIZE = 192;

export const FIELDS: { readonly [N in LayoutName]: readonly Field[] } = {
  packed: fieldsOf(LAYOUTS.packed),
  small: fieldsOf(LAYOUTS.small),
  record: fieldsOf(LAYOUTS.record),
  skb: SKB_FIELDS,
};

export const SIZES: { readonly [N in LayoutName]: number } = {
  packed: 42,
  small: 9,
  record: 48,
  skb: SKB_SIZE,
};
