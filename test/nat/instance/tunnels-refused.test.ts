// What is refused of tunnel slots: each says what is wrong, and changes nothing.

import test from 'ava';
import type { Tunnels, TunnelWish } from '../../../src/nat/instance/index.ts';
import { attached, entries, REMOTE } from './support/tunnels.ts';

const OTHER = '198.51.100.8';

const SETTLED: readonly TunnelWish[] = [
  { placeholder: 1, remote: REMOTE },
  { placeholder: 2, remote: REMOTE },
  { placeholder: 3, remote: OTHER },
  { placeholder: 4, remote: REMOTE, port: 8472 },
];

const refusals: readonly {
  readonly what: string;
  readonly code?: string;
  readonly says: RegExp;
  readonly run: (tunnels: Tunnels) => void;
}[] = [
  {
    what: 'a VNI above 24 bits',
    says: /VNI 16777216 is not a whole number of 24 bits/,
    run: (s) => s.bind(1, 1 << 24),
  },
  { what: 'no whole number', says: /VNI 1\.5 is not/, run: (s) => s.bind(1, 1.5) },
  {
    what: 'a placeholder above 24 bits',
    says: /placeholder VNI 16777216 is not/,
    run: (s) => s.reserve([{ placeholder: 1 << 24 }]),
  },
  {
    what: 'an unknown slot',
    code: 'ENOSLOT',
    says: /no tunnel slot 99: .*vni list/,
    run: (s) => s.bind(99, 5),
  },
  {
    what: 'a slot bound twice',
    code: 'EBOUND',
    says: /slot 3 has VNI 7 already: .*rebind/,
    run: (s) => s.bind(3, 8),
  },
  {
    what: 'another VNI for a slot without one',
    code: 'EUNBOUND',
    says: /slot 1 has no VNI yet/,
    run: (s) => s.rebind(1, 8),
  },
  {
    what: 'a release of one',
    code: 'EUNBOUND',
    says: /slot 1 has no VNI to give up; nothing was released/,
    run: (s) => s.release([3, 1]),
  },
  { what: 'a release twice', code: 'EUNBOUND', says: /slot 3 is named twice/, run: (s) => s.release([3, 3]) },
  {
    what: 'a removal of an unknown one',
    code: 'ENOSLOT',
    says: /no tunnel slot 99/,
    run: (s) => s.remove([1, 99]),
  },
  {
    what: 'a placeholder in use',
    code: 'EEXIST',
    says: /slot 3: this placeholder VNI is in use: it is bound to VNI 7 at port 4789; nothing was reserved/,
    run: (s) =>
      s.reserve([
        { placeholder: 5, remote: OTHER },
        { placeholder: 3, remote: OTHER },
      ]),
  },
  {
    what: 'one in use at another port',
    code: 'EEXIST',
    says: /slot 4: this placeholder VNI is in use: it is reserved at port 8472/,
    run: (s) => s.reserve([{ placeholder: 4, remote: OTHER }]),
  },
  {
    what: 'one asked for twice',
    code: 'EEXIST',
    says: /slot 5 is asked for twice/,
    run: (s) =>
      s.reserve([
        { placeholder: 5, remote: OTHER },
        { placeholder: 5, remote: OTHER },
      ]),
  },
  {
    what: 'the same VNI and remote',
    code: 'EINUSE',
    says: /slots 6 and 3 could not be told apart on the way in: port 4789 tells slots apart by remote, vni, and both would have remote 198\.51\.100\.8 and VNI 7/,
    run: (s) => {
      s.reserve([{ placeholder: 6, remote: OTHER }]);
      s.bind(6, 7);
    },
  },
  {
    what: 'no remote where that tells slots apart',
    code: 'ECONFLICT',
    says: /slot 5: slots of port 4789 are told apart by remote, vni: give it --remote/,
    run: (s) => s.reserve([{ placeholder: 5 }]),
  },
  {
    what: 'a local address where it does not',
    code: 'ECONFLICT',
    says: /--local: leave it out/,
    run: (s) => s.reserve([{ placeholder: 5, remote: OTHER, local: '192.0.2.1' }]),
  },
  {
    what: 'other marks',
    code: 'ECONFLICT',
    says: /cannot be by vni while it has slots/,
    run: (s) => s.reserve([{ placeholder: 5, remote: OTHER }], { by: ['vni'] }),
  },
  {
    what: 'marks that are none',
    says: /told apart by remote, local, inner, vni, or several of them, not by 'mac'/,
    run: (s) => s.reserve([{ placeholder: 5 }], { by: ['mac' as 'vni'] }),
  },
  {
    what: 'another kind at a port',
    code: 'ECONFLICT',
    says: /port 4789 is one of vxlan, not of geneve/,
    run: (s) => s.reserve([{ placeholder: 5, kind: 'geneve', port: 4789, remote: OTHER }]),
  },
  {
    what: 'more ports than there can be',
    code: 'ECONFLICT',
    says: /can use 4 UDP ports, and these would be 5/,
    run: (s) => s.reserve([1, 2, 3].map((port) => ({ placeholder: 10 + port, port, remote: OTHER }))),
  },
  {
    what: 'an outside without an inside',
    code: 'ECONFLICT',
    says: /without an inside address of IPv4/,
    run: (s) => s.bind(1, 5, { outside: ['10.0.0.1'] }),
  },
  {
    what: 'two insides of one family',
    says: /one inner address of each/,
    run: (s) => s.reserve([{ placeholder: 5, remote: OTHER, inside: ['10.0.0.1', '10.0.0.2'] }]),
  },
  {
    what: 'a multicast remote',
    says: /remote 239\.1\.1\.1 is in 224\.0\.0\.0\/4, which is multicast/,
    run: (s) => s.reserve([{ placeholder: 5, remote: '239.1.1.1' }]),
  },
  {
    what: 'two families at the ends',
    says: /are of two families/,
    run: (s) => s.reserve([{ placeholder: 5, remote: OTHER, local: '2001:db8::1' }]),
  },
  {
    what: 'a port that is none',
    says: /UDP port 65536 is not/,
    run: (s) => s.reserve([{ placeholder: 5, remote: OTHER, port: 0x1_0000 }]),
  },
];

test('what is refused changes nothing', (t) => {
  const { where, tunnels } = attached(t);
  tunnels.reserve(SETTLED.slice(0, 3));
  tunnels.reserve(SETTLED.slice(3), { by: ['remote'] });
  tunnels.bind(3, 7);
  const state = (): unknown => [
    entries(where),
    tunnels
      .list()
      .filter(({ placeholder }) => placeholder !== 6)
      .map(({ age: _, ...rest }) => rest),
  ];
  for (const { what, code, says, run } of refusals) {
    const before = state();
    const error = t.throws(() => run(tunnels), undefined, what);
    t.regex(error?.message ?? '', says, what);
    if (code !== undefined) t.is((error as { code?: string }).code, code, what);
    if (code === 'EINUSE') tunnels.remove([6]);
    t.deepEqual(state(), before, what);
  }
});
