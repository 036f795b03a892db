// The commands about slots, as somebody types them.

import test from 'ava';
import { refuses, tsnat, tsnatJson, tsnatOk } from '../support/cli.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { attachBare, CLONE, makeSlotLab, outsideOf } from '../support/slot-lab.ts';
import { mappingsOf, statusOf } from '../support/state.ts';
import { pingOk } from '../support/traffic.ts';

needsRootAndBpf(test);

interface Listed {
  readonly slots: readonly {
    readonly interface: string;
    readonly state: string;
    readonly outside?: string;
    readonly outbound: { readonly packets: number };
  }[];
  readonly quarantine: readonly { readonly outside: string; readonly interface: string }[];
}

test.serial('a pool is reserved, bound, bound anew, released and removed', async (t) => {
  const lab = await makeSlotLab(t);
  const name = await attachBare(t, lab);
  const reserved = await tsnatOk(t, ['slot', 'reserve', name, `${CLONE}%tap*`, '--count', '3']);
  t.is(reserved, lab.devices.map((device) => `${name}: reserved ${CLONE}%${device}\n`).join(''));
  await tsnatOk(t, ['slot', 'bind', name, `tap0=${outsideOf(0)}`, `${CLONE}%tap1=${outsideOf(1)}`]);
  await pingOk(t, lab.slots[0]!, lab.server);
  await pingOk(t, lab.outside, outsideOf(1));
  t.deepEqual(
    (await mappingsOf(t, name)).map(({ inside, outside }) => `${inside}=${outside}`),
    [`${CLONE}%tap0=${outsideOf(0)}`, `${CLONE}%tap1=${outsideOf(1)}`],
  );
  await tsnatOk(t, ['slot', 'rebind', name, `tap0=${outsideOf(5)}`, '--quarantine', '600']);
  await pingOk(t, lab.slots[0]!, lab.server);
  await tsnatOk(t, ['slot', 'release', name, 'tap1']);
  const { slots, quarantine } = await tsnatJson<Listed>(t, ['slot', 'list', name]);
  t.deepEqual(
    slots.map(({ interface: device, state, outside = '' }) => `${device} ${state} ${outside}`),
    [`tap0 bound ${outsideOf(5)}`, 'tap1 reserved ', 'tap2 reserved '],
  );
  t.is(slots[0]?.outbound.packets, 3);
  t.deepEqual(
    quarantine.map(({ outside, interface: device }) => `${outside} ${device}`),
    [`${outsideOf(0)} tap0`],
  );
  const shown = await tsnatOk(t, ['slot', 'list', name]);
  t.regex(shown, new RegExp(`^tap0 +172\\.16\\.0\\.2 +bound +${outsideOf(5)} `, 'm'));
  t.regex(shown, /3 slots: 1 bound, 2 reserved; 1 outside in quarantine/);
  await tsnatOk(t, ['slot', 'remove', name, ...lab.devices]);
  t.notRegex(await lab.gateway.must(['tc', 'qdisc', 'show']), /block/);
  t.like(await statusOf(t, name), { healthy: true, mappings: 0 });
});

test.serial('what cannot be is refused in a line, and nothing is half-bound', async (t) => {
  const lab = await makeSlotLab(t, { slots: 2 });
  const name = await attachBare(t, lab);
  const refused = (args: readonly string[], ...names: (string | RegExp)[]) =>
    refuses(t, ['slot', ...args], { status: 1, names });
  await refused(['reserve', name, `${CLONE}%tap9`], "no interface 'tap9'", 'nothing was reserved');
  await refused(['reserve', name, `${CLONE}%tap*`, '--count', '3'], '3 slots', '2 interfaces match');
  await refused(['reserve', name, `${CLONE}%out0`], 'is the outside interface');
  await refuses(t, ['slot', 'reserve', name, 'tap0'], { status: 2, names: ['IN'] });
  await refuses(t, ['slot', 'bind', name, 'tap0'], { status: 2, names: ['SLOT=OUT'] });
  await tsnatOk(t, ['slot', 'reserve', name, `${CLONE}%tap*`]);
  await refused(['reserve', name, `${CLONE}%tap0`], 'reserved already');
  await refused(['bind', name, 'tap0=203.0.113.10', 'tap7=203.0.113.11'], "no slot 'tap7'", 'slot reserve');
  await refused(['bind', name, 'tap0=203.0.113.10', 'tap1=203.0.113.10'], 'given to two slots');
  await tsnatOk(t, ['slot', 'bind', name, 'tap0=203.0.113.10']);
  await refused(['bind', name, 'tap0=203.0.113.11'], 'has outside 203.0.113.10 already', 'slot rebind');
  await refused(['bind', name, 'tap1=203.0.113.10'], "that of slot '172.16.0.2%tap0'", 'slot release');
  await refused(['release', name, 'tap1'], 'has no outside to give up');
  await tsnatOk(t, ['slot', 'release', name, 'tap0', '--quarantine', '600']);
  await refused(['bind', name, 'tap1=203.0.113.10'], /in quarantine for \d+\.\d s more/);
  await lab.gateway.ip('link del tap1', 'link add tap1 type veth peer name again1');
  await refused(['bind', name, 'tap1=203.0.113.12'], /'tap1' was index \d+ .* now \d+/, 'slot reserve');
  await tsnatOk(t, ['slot', 'reserve', name, `${CLONE}%tap1`]);
  const { slots } = await tsnatJson<Listed>(t, ['slot', 'list', name]);
  t.deepEqual(
    slots.map(({ state }) => state),
    ['reserved', 'reserved'],
  );
});

test.serial(
  'values that are none of their kind are wrong usage, and an interface that changes is told of',
  async (t) => {
    const lab = await makeSlotLab(t, { slots: 2 });
    const name = await attachBare(t, lab);
    const wrong = (args: readonly string[], ...names: (string | RegExp)[]) =>
      refuses(t, args, { status: 2, names });
    await wrong(['slot', 'reserve', name, '300.1.1.1%tap0'], '300 is more than 255');
    await wrong(['slot', 'reserve', name, '0.0.0.1%tap0'], "'this network'");
    await wrong(['slot', 'reserve', name, `${CLONE}%tap0`, '--station', 'zz'], "'zz' is not a MAC address");
    await wrong(['vni', 'reserve', name, '7', '--remote', '300.1.1.1'], '300 is more than 255');
    await tsnatOk(t, ['slot', 'reserve', name, `${CLONE}%tap*`]);
    await wrong(['slot', 'bind', name, 'tap0=203.0.113.300'], "'203.0.113.300'");
    await wrong(['slot', 'bind', name, 'tap1=203.0.113.10', 'tap0=224.0.0.1'], 'multicast');
    await wrong(['slot', 'release', name, '172.16.0.300%tap0'], '300 is more than 255');

    await tsnatOk(t, ['slot', 'bind', name, `tap0=${outsideOf(0)}`]);
    await lab.gateway.ip('link set tap0 mtu 1400');
    t.regex(await tsnatOk(t, ['slot', 'list', name]), /^changed: 'tap0' had MTU 1500 .*, now 1400: /m);
    const { stdout } = await tsnat(['doctor']);
    const said = new RegExp(`instance '${name}': slots have the former MAC or MTU of 1 interface.*\n(.*)`);
    const [, next = ''] = said.exec(stdout) ?? [];
    t.regex(stdout, said);
    t.notRegex(next, /detach/, 'nothing has to be detached for it');
    await tsnatOk(t, ['slot', 'reserve', name, `${CLONE}%tap0`]);
    t.notRegex(await tsnatOk(t, ['slot', 'list', name]), /changed/);
    t.true((await statusOf(t, name)).healthy);
    await pingOk(t, lab.slots[0]!, lab.server);
  },
);
