// Arguments of helpers and subprograms, values of other programs, and a stack that is too small.

import {
  array,
  HELPERS,
  program,
  subprogram,
  type TcBuilder,
  u8,
  u64,
  type Value,
} from '../../../../src/asm/index.ts';

const BPF_F_NONE = 0;

export const CALL_MISTAKES: { readonly [what: string]: (p: TcBuilder) => void } = {
  'an array on the stack that is larger than the stack': (p) => {
    p.stack(array(u64, 65)).view.at(0).set(1); // STACK
    p.next();
  },
  'more on the stack than there is, piece by piece': (p) => {
    const words = Array.from({ length: 64 }, (_, i) => {
      const { view } = p.stack(u64);
      view.set(i);
      return view;
    });
    p.stack(u8).view.set(1); // STACK
    for (const word of words) p.skb.mark.set(word.as('u32'));
    p.next();
  },
  'too few arguments for a helper': (p) => {
    p.call(HELPERS.l3_csum_replace, [p.context, 24, 0, 0]); // ARGUMENTS
    p.next();
  },
  'too many arguments for a helper': (p) => {
    p.call(HELPERS.ktime_get_ns, [BPF_F_NONE]); // ARGUMENTS
    p.next();
  },
  'a subprogram of six parameters': (p) => {
    const kinds = { a: 'u32', b: 'u32', c: 'u32', d: 'u32', e: 'u32', f: 'u32' } as const;
    subprogram('six', kinds, 'u32', (q) => q.exit(0)); // ARGUMENTS
    p.next();
  },
  'a subprogram that uses a value of the program around it': (p) => {
    const length = p.skb.len.get();
    const f = subprogram('outside', { a: 'u32' }, 'u32', (q, { a }) => {
      q.exit(a.add(length)); // FOREIGN
    });
    p.exit(p.invoke(f, { a: 1 }));
  },
  'a subprogram that reads what the program around it can': (p) => {
    const f = subprogram('outside', { a: 'u32' }, 'u32', (q, { a }) => {
      const sum = p.skb.len.add(1); // FOREIGN
      q.exit(sum.add(a).as('u32'));
    });
    p.exit(p.invoke(f, { a: 1 }));
  },
  'a value kept from another program': (p) => {
    let kept: Value<'u32'> | undefined;
    program('xdp', 'other', (other) => {
      kept = other.xdp.ingressIfindex.get();
      other.pass();
    });
    p.exit(kept!); // FOREIGN
  },
};
