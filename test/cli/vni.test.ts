// The commands about tunnel slots, wrongly used: what is wrong is said before anything is tried.

import test from 'ava';
import { refuses } from '../support/cli.ts';

const lines: readonly { readonly args: string; readonly status: 1 | 2; readonly names: readonly string[] }[] =
  [
    { args: 'vni reserve eth0', status: 2, names: ['PLACEHOLDER'] },
    { args: 'vni reserve eth0 seven', status: 2, names: ["'seven' is not a number from 0 to 16777215"] },
    { args: 'vni reserve eth0 9-7', status: 2, names: ["'9-7' is not a range from a lower to a higher"] },
    { args: 'vni reserve eth0 1-9999999', status: 2, names: ['of 65536 at most'] },
    { args: 'vni reserve eth0 1-16777216', status: 2, names: ["SLOT '16777216'", '16777215'] },
    { args: 'vni reserve eth0 16777216', status: 2, names: ["SLOT '16777216'", '16777215'] },
    { args: 'vni bind eth0 7 16777216', status: 2, names: ["VNI '16777216'", '16777215'] },
    { args: 'vni reserve eth0 7 --by mac', status: 2, names: ["'mac' is none of remote, local, inner, vni"] },
    { args: 'vni reserve eth0 7 --kind gre', status: 2, names: ['gre', 'vxlan, geneve'] },
    { args: 'vni reserve eth0 7 --port 70000', status: 2, names: ['70000', '65535'] },
    { args: 'vni bind eth0 7', status: 2, names: ['VNI'] },
    { args: 'vni bind eth0 7 0x10', status: 2, names: ["VNI '0x10' is not a number"] },
    { args: 'vni bind nosuch 7 5', status: 1, names: ["there is no instance 'nosuch'"] },
    { args: 'vni list nosuch', status: 1, names: ["there is no instance 'nosuch'"] },
  ];

for (const { args, status, names } of lines) {
  test(`tsnat ${args}`, (t) => refuses(t, args.split(' '), { status, names }).then(() => {}));
}
