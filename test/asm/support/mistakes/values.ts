// Values used where they are not what they should be: variables, look-ups, views of the packet, memory of the stack.

import {
  be16,
  be32,
  bytes,
  defineMap,
  HELPERS,
  struct,
  type TcBuilder,
  u32,
  u64,
} from '../../../../src/asm/index.ts';

const header = struct('header', { type: be16, length: be16, address: be32 });
const large = struct('large', { start: bytes(60), end: u32 });
const record = struct('record', { address: be32, count: u32, total: u64 });
const table = defineMap({ name: 'table', type: 'hash', key: be32, value: record, maxEntries: 8 });

export const VALUE_MISTAKES: { readonly [what: string]: (p: TcBuilder) => void } = {
  'a variable that was never set': (p) => {
    const v = p.variable('u32');
    const sum = v.add(1); // UNINITIALISED
    p.exit(sum);
  },
  'a variable that one path leaves unset': (p) => {
    const v = p.variable('u32');
    p.when(p.skb.len.gt(100), () => v.set(1));
    p.exit(v); // UNINITIALISED
  },
  'a variable that the other branch leaves unset': (p) => {
    const v = p.variable('u64');
    p.when(
      p.skb.mark.eq(0),
      () => p.skb.mark.set(1),
      () => v.set(1),
    );
    p.skb.mark.set(v.as('u32')); // UNINITIALISED
    p.next();
  },
  'a variable first set after it is used, in a loop': (p) => {
    const v = p.variable('u32');
    p.loop(3, () => {
      p.skb.mark.set(v); // UNINITIALISED
      v.set(1);
    });
    p.next();
  },
  'a value of a branch, used behind it': (p) => {
    let inside = p.constant('u32', 0);
    p.when(p.skb.len.gt(100), () => {
      inside = p.skb.mark.get();
    });
    p.exit(inside); // UNINITIALISED
  },
  'a condition on something unset': (p) => {
    const v = p.variable('u32');
    p.when(v.eq(1), () => p.drop()); // UNINITIALISED
    p.next();
  },
  'an ending that uses what not every way to it has': (p) => {
    const v = p.variable('u32');
    const leave = p.ending('leave', 'u32', (code) => {
      p.exit(code.add(v)); // UNINITIALISED
    });
    p.when(p.skb.len.eq(1), () => leave(1));
    v.set(2);
    leave(2);
  },
  'a look-up that nobody asked': (p) => {
    const entry = p.lookup(table, 1);
    const count = entry.value.count.get(); // UNCHECKED
    p.exit(count);
  },
  'a look-up used where it was found missing': (p) => {
    const entry = p.lookup(table, 1);
    p.when(
      entry.exists(),
      () => p.next(),
      () => entry.value.count.set(1), // UNCHECKED
    );
    p.next();
  },
  'a look-up asked on one path only': (p) => {
    const entry = p.lookup(table, 1);
    p.when(p.skb.len.gt(100), () => p.when(entry.missing(), () => p.drop()));
    entry.value.total.increase(1); // UNCHECKED
    p.next();
  },
  'a look-up behind a condition that holds without it': (p) => {
    const entry = p.lookup(table, 1);
    p.when(entry.exists().or(p.skb.len.gt(100)), () => {
      entry.value.count.set(1); // UNCHECKED
    });
    p.next();
  },
  'another look-up than the one that was asked': (p) => {
    const asked = p.lookup(table, 1);
    const other = p.lookup(table, 1);
    p.when(asked.exists(), () => {
      other.value.count.set(1); // UNCHECKED
    });
    p.next();
  },
  'bytes of a look-up that nobody asked': (p) => {
    const { view } = p.stack(record);
    const entry = p.lookup(table, 1);
    view.count.set(entry.value.count); // UNCHECKED
    p.next();
  },
  'a view of the packet after bytes were stored': (p) => {
    const [seen] = p.packet.read([header], { orElse: () => p.drop() });
    p.packet.store('be16', 12, 0x0800);
    const type = seen.type.get(); // STALE
    p.exit(type.toHost());
  },
  'a view of the packet after a checksum helper': (p) => {
    const [seen] = p.packet.read([header], { orElse: () => p.drop() });
    p.call(HELPERS.l4_csum_replace, [p.context, 30, 0, 0, 4]);
    seen.address.set(1); // STALE
    p.next();
  },
  'a view of the packet that one branch made stale': (p) => {
    const [seen] = p.packet.read([header], { orElse: () => p.drop() });
    p.when(p.skb.mark.eq(1), () => {
      p.call(HELPERS.skb_pull_data, [p.context, 100]);
    });
    const type = seen.type.get(); // STALE
    p.exit(type.toHost());
  },
  'a view of the packet that the last round of a loop made stale': (p) => {
    const [seen] = p.packet.read([header], { orElse: () => p.drop() });
    p.loop(2, () => {
      seen.address.set(2); // STALE
      p.packet.store('be16', 12, 0x0800);
    });
    p.next();
  },
  'an old view of the packet after it was read again': (p) => {
    const [before] = p.packet.read([header], { orElse: () => p.drop() });
    p.packet.store('be16', 12, 0x0800);
    const [after] = p.packet.read([header], { orElse: () => p.drop() });
    after.length.set(before.length); // STALE
    p.next();
  },
  'a longer view, used where only one path looked so far': (p) => {
    const [short] = p.packet.read([header], { orElse: () => p.drop() });
    let deep: { set(value: number): void } = short.length;
    p.when(p.skb.mark.eq(1), () => {
      const [long] = p.packet.read([large], { orElse: () => p.drop() });
      deep = long.end;
    });
    deep.set(7); // UNBOUNDED
    p.next();
  },
  'a longer view, used where only the other path looked so far': (p) => {
    const [short] = p.packet.read([header], { orElse: () => p.drop() });
    let deep: { set(value: number): void } = short.length;
    p.when(
      p.skb.mark.eq(1),
      () => p.skb.mark.set(2),
      () => {
        const [long] = p.packet.read([large], { orElse: () => p.drop() });
        deep = long.end;
      },
    );
    deep.set(7); // UNBOUNDED
    p.next();
  },
  'a longer view, used where the way that did not look is the longer one': (p) => {
    const [short] = p.packet.read([header], { orElse: () => p.drop() });
    let deep: { set(value: number): void } = short.length;
    p.when(
      p.skb.mark.eq(1),
      () => {
        const [long] = p.packet.read([large], { orElse: () => p.drop() });
        deep = long.end;
      },
      () => {
        for (let i = 0; i < 12; i++) p.when(p.skb.len.gt(i), () => p.skb.mark.set(i));
      },
    );
    deep.set(7); // UNBOUNDED
    p.next();
  },
  'a longer view, used where one of two cases looked': (p) => {
    let deep: { set(value: number): void } = p.packet.read([header], { orElse: () => p.drop() })[0].length;
    p.match(p.skb.mark, [
      [1, () => p.skb.mark.set(2)],
      [
        2,
        () => {
          deep = p.packet.read([large], { orElse: () => p.drop() })[0].end;
        },
      ],
    ]);
    deep.set(7); // UNBOUNDED
    p.next();
  },
  'stack memory that was never written': (p) => {
    const { view } = p.stack(record);
    view.address.set(1);
    view.total.set(1);
    const count = view.count.get(); // UNINITIALISED
    p.exit(count);
  },
  'stack memory that one path leaves unwritten': (p) => {
    const { view } = p.stack(u32);
    p.when(p.skb.len.gt(100), () => view.set(1));
    p.exit(view); // UNINITIALISED
  },
};
