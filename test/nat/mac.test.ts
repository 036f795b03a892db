import test from 'ava';
import fc from 'fast-check';
import { formatMac, getMac, macOf, parseMac, putMac } from '../../src/nat/mac.ts';

test('read and written', (t) => {
  t.is(parseMac('52:54:00:12:34:56'), 0x5254_0012_3456);
  t.is(parseMac('FE:FF:ff:ff:ff:FF'), 0xfeff_ffff_ffff);
  t.is(formatMac(0x0200_0000_0001), '02:00:00:00:00:01');
  t.is(formatMac(0), '00:00:00:00:00:00');
});

test('what is no MAC address of one interface is refused', (t) => {
  for (const text of [
    '',
    '52:54:00:12:34',
    '52:54:00:12:34:56:78',
    '52-54-00-12-34-56',
    '52:54:0:12:34:56',
  ]) {
    t.throws(() => parseMac(text), {
      instanceOf: RangeError,
      message: /is not a MAC address: write six pairs/,
    });
  }
  t.throws(() => parseMac('00:00:00:00:00:00'), { message: /nobody's/ });
  for (const text of ['ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01', '33:33:00:00:00:01']) {
    t.throws(() => parseMac(text), { message: /that of a group/ });
  }
});

test('numbers, text and bytes are the same', (t) => {
  const octets = fc.uint8Array({ minLength: 6, maxLength: 6 });
  fc.assert(
    fc.property(octets, (bytes) => {
      const mac = macOf(bytes);
      t.is(formatMac(mac), Buffer.from(bytes).toString('hex').match(/../g)!.join(':'));
      const view = new DataView(new ArrayBuffer(10));
      putMac(view, 3, mac);
      t.deepEqual([...new Uint8Array(view.buffer, 3, 6)], [...bytes]);
      t.is(getMac(view, 3), mac);
    }),
  );
});

test('link layers that have none, or longer ones', (t) => {
  t.is(macOf(new Uint8Array()), 0);
  t.is(macOf(new Uint8Array(20).fill(1)), 0);
});

test('what has more than 48 bits is not cut', (t) => {
  const view = new DataView(new ArrayBuffer(6));
  for (const mac of [2 ** 48, -1, Number.NaN])
    t.throws(() => putMac(view, 0, mac), { instanceOf: RangeError });
});
