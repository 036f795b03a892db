// Ways through a program that do not end, or that are never taken, and mistakes inside of nested ones.

import { be16, be32, defineMap, struct, type TcBuilder, u32, u64 } from '../../../../src/asm/index.ts';

const header = struct('header', { type: be16, length: be16, address: be32 });
const record = struct('record', { address: be32, count: u32, total: u64 });
const table = defineMap({ name: 'table', type: 'hash', key: be32, value: record, maxEntries: 8 });

export const FLOW_MISTAKES: { readonly [what: string]: (p: TcBuilder) => void } = {
  'something in the orElse of a packet read': (p) => {
    p.packet.read([header], {
      orElse: () => {
        p.drop();
        p.next(); // UNREACHABLE
      },
    });
    p.next();
  },
  'something in the orElse of a look-up': (p) => {
    p.lookup(table, 1, {
      orElse: () => {
        const v = p.variable('u32');
        p.exit(v); // UNINITIALISED
      },
    });
    p.next();
  },
  'something in a case of a match': (p) => {
    p.match(p.skb.mark, [
      [1, () => p.drop()],
      [
        2,
        () => {
          const entry = p.lookup(table, 1);
          p.exit(entry.value.count); // UNCHECKED
        },
      ],
    ]);
    p.next();
  },
  'something in a loop in a branch in a loop': (p) => {
    p.loop(2, (i) => {
      p.when(i.eq(1), () => {
        p.loop(2, (_, stop) => {
          stop();
          p.skb.mark.set(1); // UNREACHABLE
        });
      });
    });
    p.next();
  },
  'something behind an exit': (p) => {
    p.drop();
    p.skb.mark.set(1); // UNREACHABLE
  },
  'a second exit': (p) => {
    p.drop();
    p.next(); // UNREACHABLE
  },
  'something behind two branches that end': (p) => {
    p.when(
      p.skb.len.gt(100),
      () => p.drop(),
      () => p.next(),
    );
    p.skb.mark.set(1); // UNREACHABLE
  },
  'something in a branch that has ended': (p) => {
    p.when(p.skb.len.gt(100), () => {
      p.drop();
      p.skb.mark.set(1); // UNREACHABLE
    });
    p.next();
  },
  'something behind a jump to an ending': (p) => {
    const leave = p.ending('leave', 'u32', (code) => p.exit(code));
    leave(1);
    p.lookup(table, 1); // UNREACHABLE
  },
  'a look-up whose orElse goes on': (p) => {
    p.lookup(table, 1, { orElse: () => p.skb.mark.set(1) }); // MISSING_RETURN
    p.next();
  },
  'a packet read whose orElse goes on': (p) => {
    p.packet.read([header], { orElse: () => {} }); // MISSING_RETURN
    p.next();
  },
  'a packet copy whose orElse goes on': (p) => {
    p.packet.copy(record, 0, { orElse: () => {} }); // MISSING_RETURN
    p.next();
  },
  'an orElse that ends on one path only': (p) => {
    // biome-ignore format: one line is the point
    p.lookup(table, 1, { orElse: () => p.when(p.skb.len.gt(1), () => p.drop()) }); // MISSING_RETURN
    p.next();
  },
};

/** Programs that end without a return value are blamed on the line that asks for them. */
export const ENDLESS: { readonly [what: string]: (p: TcBuilder) => void } = {
  'nothing at all': () => {},
  'no return': (p) => p.skb.mark.set(1),
  'a branch that goes on': (p) => p.when(p.skb.len.gt(1), () => p.drop()),
  'an ending that does not end': (p) => {
    const leave = p.ending('leave', 'u32', () => {});
    leave(1);
  },
};
