// BTF to bytes and back: as a property, against bpftool, and against the kernel's own types.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { identifier } from '../../../src/asm/btf/table.ts';
import {
  array,
  be16,
  be32,
  btf,
  bytes,
  type FieldType,
  fieldsOf,
  MalformedError,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../src/asm/index.ts';
import { run as output } from '../../loader/support/commands.ts';

const folder = mkdtempSync(join(tmpdir(), 'tsnat-btf-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

/** What bpftool reads in `data`. */
function bpftool(data: Uint8Array, format: 'raw' | 'c'): string {
  const file = join(folder, `${format}.btf`);
  writeFileSync(file, data);
  return output('bpftool', 'btf', 'dump', 'file', file, 'format', format);
}

const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,12}$/);
const id = fc.nat(20);
const member = fc.record({ name, type: id, offset: fc.nat(0xff_ffff), bits: fc.nat(64) });
const value = (low: bigint, high: bigint) =>
  fc.array(fc.record({ name, value: fc.bigInt(low, high) }), { maxLength: 4 });
const type: fc.Arbitrary<btf.BtfType> = fc.oneof(
  fc.record({
    ...{ kind: fc.constant('int' as const), name, size: fc.constantFrom(1, 2, 4, 8, 16) },
    ...{ bits: fc.nat(128), offset: fc.nat(255), encoding: fc.nat(15) },
  }),
  fc.record({
    kind: fc.constantFrom('ptr' as const, 'const' as const, 'volatile' as const, 'restrict' as const),
    type: id,
  }),
  fc.record({ kind: fc.constant('typedef' as const), name, type: id }),
  fc.record({ kind: fc.constant('type_tag' as const), name, type: id, attribute: fc.boolean() }),
  fc.record({ kind: fc.constant('array' as const), element: id, index: id, length: fc.nat(0xffff_ffff) }),
  fc.record({
    ...{ kind: fc.constantFrom('struct' as const, 'union' as const), name, size: fc.nat(0xffff) },
    members: fc.array(member, { maxLength: 5 }),
  }),
  fc.record({
    ...{ kind: fc.constant('enum' as const), name, size: fc.constant(4), signed: fc.constant(true) },
    values: value(-(2n ** 31n), 2n ** 31n - 1n),
  }),
  fc.record({
    ...{ kind: fc.constant('enum64' as const), name, size: fc.constant(8), signed: fc.constant(false) },
    values: value(0n, 2n ** 64n - 1n),
  }),
  fc.record({ kind: fc.constant('fwd' as const), name, union: fc.boolean() }),
  fc.record({ kind: fc.constant('func' as const), name, type: id, linkage: fc.nat(2) }),
  fc.record({
    ...{ kind: fc.constant('func_proto' as const), returns: id },
    parameters: fc.array(fc.record({ name, type: id }), { maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant('var' as const), name, type: id, linkage: fc.nat(2) }),
  fc.record({
    ...{ kind: fc.constant('datasec' as const), name, size: fc.nat(0xffff) },
    variables: fc.array(fc.record({ type: id, offset: fc.nat(99), size: fc.nat(99) }), { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('float' as const), name, size: fc.constantFrom(2, 4, 8) }),
  fc.record({
    ...{ kind: fc.constant('decl_tag' as const), name, type: id, component: fc.integer({ min: -1, max: 9 }) },
    attribute: fc.boolean(),
  }),
);

test('what is written is read again', (t) => {
  fc.assert(
    fc.property(fc.array(type, { minLength: 20, maxLength: 30 }), (types) => {
      const all: btf.BtfType[] = [{ kind: 'void' }, ...types];
      t.deepEqual(btf.parseBtf(btf.encodeBtf(all)).types, all);
    }),
  );
});

test('functions and lines of sections are read again', (t) => {
  const number = fc.nat(0xffff_ffff);
  const section = fc.record({
    functions: fc.array(fc.record({ offset: number, type: number }), { maxLength: 3 }),
    lines: fc.array(
      fc.record({
        ...{ offset: number, file: number, text: number },
        ...{ line: fc.nat(0x3f_ffff), column: fc.nat(0x3ff) },
      }),
      { minLength: 1, maxLength: 3 },
    ),
  });
  fc.assert(
    fc.property(fc.array(section, { maxLength: 4 }), (list) => {
      const sections = list.map((each, i) => ({ section: i, ...each, core: [] }));
      const read = btf.parseBtfExt(btf.encodeBtfExt(sections));
      t.deepEqual(
        [...read].sort((a, b) => a.section - b.section),
        sections,
      );
    }),
  );
});

const record = struct('address-record', {
  address: be32,
  port: be16,
  mac: bytes(6),
  tags: array(u16, 3),
  packets: u64,
  nested: struct('pair', { a: u8, b: u32 }),
});

test('bpftool reads a layout as it was meant', (t) => {
  const table = new btf.TypeTable();
  btf.addLayout(table, record);
  const data = btf.encodeBtf(table.types);
  const raw = bpftool(data, 'raw');
  t.regex(raw, /STRUCT 'address_record' size=31 vlen=6/);
  t.regex(raw, /'packets' type_id=\d+ bits_offset=144/);
  t.regex(raw, /TYPEDEF 'be32' type_id=\d+/);
  const c = bpftool(data, 'c');
  t.regex(c, /typedef __u8 be32\[4\];/);
  t.regex(c, /struct pair \{\s+__u8 a;\s+__u32 b;\s+\}/);
});

const scalar = fc.constantFrom<FieldType>(u8, u16, u32, u64, be16, be32);
const layout: fc.Arbitrary<FieldType> = fc.letrec<{ any: FieldType }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.integer({ min: 1, max: 9 }).map(bytes),
    fc.tuple(tie('any'), fc.integer({ min: 1, max: 4 })).map(([element, length]) => array(element, length)),
    fc
      .uniqueArray(fc.tuple(name, tie('any')), { selector: ([key]) => key, minLength: 1, maxLength: 4 })
      .map((fields) => struct('s', Object.fromEntries(fields))),
  ),
})).any;

test('a layout that went through BTF has its sizes, offsets and byte order', (t) => {
  const shape = (type: FieldType): unknown => {
    if (type.kind === 'struct')
      return fieldsOf(type).map((field) => [field.name, field.offset, shape(field.type)]);
    // Runs of bytes are one thing, whatever they were called.
    if (type.kind === 'array' && type.element.kind !== 'u8') return [type.length, shape(type.element)];
    return [type.kind.startsWith('be') ? type.kind : type.kind === 'array' ? 'bytes' : type.kind, type.size];
  };
  fc.assert(
    fc.property(layout, (type) => {
      const table = new btf.TypeTable();
      const number = btf.addLayout(table, type);
      const read = btf.layoutsOf(btf.parseBtf(btf.encodeBtf(table.types)))(number);
      t.deepEqual(read && shape(read), shape(type));
    }),
  );
});

test("the running kernel's types are read, and mean what they should", (t) => {
  const kernel = btf.parseBtf(readFileSync('/sys/kernel/btf/vmlinux'));
  t.true(kernel.types.length > 10_000);
  const number = kernel.types.findIndex((each) => each.kind === 'struct' && each.name === '__sk_buff');
  const skb = btf.layoutsOf(kernel)(number);
  t.is(skb?.kind, 'struct');
  const offsets = new Map(
    skb?.kind === 'struct' ? fieldsOf(skb).map((field) => [field.name, field.offset]) : [],
  );
  t.deepEqual(
    ['len', 'mark', 'protocol', 'ifindex', 'data', 'data_end'].map((field) => offsets.get(field)),
    [0, 8, 16, 40, 76, 80],
  );
  // The whole of it, each type once: no crash, no endless descent.
  const layoutOf = btf.layoutsOf(kernel);
  t.notThrows(() =>
    kernel.types.forEach((_, i) => void [layoutOf(i), btf.typeName(kernel, i), btf.bareType(kernel, i)]),
  );
});

test('hostile types: deep, circular and huge ones end soon', (t) => {
  const chain = 100_000;
  const deep: btf.BtfType[] = [{ kind: 'void' }];
  for (let i = 1; i <= chain; i++) deep.push({ kind: 'const', type: i === chain ? 1 : i + 1 });
  const nested: btf.BtfType[] = [{ kind: 'void' }];
  for (let i = 1; i <= 1000; i++) {
    const members = ['a', 'b', 'c'].map((field, k) => ({ name: field, type: i + 1, offset: k * 8, bits: 0 }));
    nested.push({ kind: 'struct', name: `s${i}`, size: 3, members: i === 1000 ? [] : members });
  }
  const huge: btf.BtfType[] = [{ kind: 'void' }];
  for (let i = 1; i <= 20; i++) huge.push({ kind: 'array', element: i + 1, index: 0, length: 0xffff_ffff });
  huge.push({ kind: 'int', name: 'x', size: 8, bits: 64, offset: 0, encoding: 0 });
  for (const types of [deep, nested, huge]) {
    const read = btf.parseBtf(btf.encodeBtf(types));
    const layoutOf = btf.layoutsOf(read);
    t.notThrows(() =>
      [1, 2, types.length - 1].map((at) => [layoutOf(at), btf.typeName(read, at), btf.bareType(read, at)]),
    );
  }
  // Names that are each the rest of one long text.
  const length = 200_000;
  const text = 'x'.repeat(length);
  const strings = new btf.StringTable();
  strings.add(text);
  const many = btf.encodeBtf(
    [
      { kind: 'void' },
      ...Array.from({ length: 50_000 }, (_, i): btf.BtfType => ({ kind: 'ptr', type: i % 9 })),
    ],
    strings,
  );
  const view = new DataView(many.buffer);
  for (let i = 0; i < 50_000; i++) view.setUint32(24 + i * 12, 1 + i, true);
  const error = t.throws(() => btf.parseBtf(many), { instanceOf: MalformedError });
  t.regex(error?.message ?? '', /over and over/);
});

test('names are C identifiers', (t) => {
  for (const [from, to] of [
    ['a-b$c<d>', 'a_b_c_d_'],
    ['9lives', '_9lives'],
    ['größe', 'gr__e'],
    ['fine_1', 'fine_1'],
  ] as const) {
    t.is(identifier(from), to);
  }
  t.is(identifier('x'.repeat(500)).length, 127);
});

const good = btf.encodeBtf([
  { kind: 'void' },
  { kind: 'int', name: 'int', size: 4, bits: 32, offset: 0, encoding: 1 },
]);
/** Of two types it names the tenth. */
const dangling = btf.encodeBtf([{ kind: 'void' }, { kind: 'typedef', name: 'x', type: 9 }]);
const changed = (offset: number, ...values: number[]): Uint8Array => {
  const data = Uint8Array.from(good);
  data.set(values, offset);
  return data;
};

for (const [what, data, code, offset] of [
  ['nothing', new Uint8Array(), 'TRUNCATED', 0],
  ['no magic number', changed(0, 1, 2), 'MAGIC', 0],
  ['another version', changed(2, 9), 'UNSUPPORTED', 2],
  ['a short header', changed(4, 8), 'VALUE', 4],
  ['types behind the end', changed(12, 0xff, 0xff), 'TRUNCATED', 24],
  ['texts behind the end', changed(20, 0xff, 0xff), 'TRUNCATED', 40],
  ['an unknown kind', changed(31, 0x1f), 'UNSUPPORTED', 24],
  ['a name that is not there', changed(24, 0xff), 'REFERENCE', 24],
  ['a type that is not there', dangling, 'REFERENCE', 24],
  ['a name without an end', good.subarray(0, good.length - 1), 'TRUNCATED', 40],
] as const) {
  test(`malformed: ${what}`, (t) => {
    const error = t.throws(() => btf.parseBtf(data), { instanceOf: MalformedError });
    t.is(error?.code, code);
    t.is(error?.offset, offset);
    t.regex(error?.message ?? '', /^BTF: .* \(at byte \d+\)$/);
  });
}
