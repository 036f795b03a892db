// netkit where the kernel has it (Linux 6.7 with CONFIG_NETKIT), and what is said where it has not.

import test from 'ava';
import {
  attach,
  detach,
  findInterface,
  hasNetkit,
  listInterfaces,
  listPrograms,
  loadProgram,
  NetlinkSocket,
  swap,
  withNetns,
} from '../../../src/loader/index.ts';
import { namespace } from '../support/namespace.ts';
import { returning, TC_ACT_UNSPEC } from '../support/programs.ts';
import { countDescriptors } from '../support/site.ts';

const { name: netns, ip } = namespace('ldrk');

/** Whether a pair could be made; the kernel names its other end. */
const made = (() => {
  try {
    ip('link add primary0 type netkit');
    return true;
  } catch {
    return false;
  }
})();

const load = (name: string) => loadProgram(returning(name, TC_ACT_UNSPEC), {});

if (made) {
  test('netkit: attach, order, swap, list and detach on the primary end', (t) => {
    using first = load('ldrk_first');
    using second = load('ldrk_second');
    using third = load('ldrk_third');
    const descriptors = countDescriptors();
    const options = { netns, interface: 'primary0', hook: 'netkit' } as const;
    const shown = () =>
      listPrograms({ netns, interface: 'primary0' }).map(
        ({ hook, direction, programId }) => `${hook} ${direction} ${programId}`,
      );
    for (const direction of ['ingress', 'egress'] as const) {
      const a = attach({ ...options, direction, program: first });
      const b = attach({ ...options, direction, program: second, anchor: { before: 'all' }, link: false });
      const line = (id: number) => `netkit ${direction} ${id}`;
      t.deepEqual(shown(), [line(second.info.id), line(first.info.id)]);
      const swapped = swap(a, third);
      // On the peer's side it is the peer's index.
      t.true((swapped.link?.info.ifindex ?? 0) > 0);
      const again = attach({
        ...options,
        direction,
        program: first,
        anchor: { replace: { link: a.link?.info.id ?? 0 } },
      });
      t.deepEqual(shown(), [line(second.info.id), line(first.info.id)]);
      t.is(again.link?.info.id, a.link?.info.id);
      again.link?.close();
      swap(a, third);
      t.deepEqual(shown(), [line(second.info.id), line(third.info.id)]);
      t.true(detach(swapped));
      t.true(detach(b));
      t.deepEqual(shown(), []);
    }
    t.is(countDescriptors(), descriptors);
  });

  test('netkit: the other end is not the one to attach to', (t) => {
    using program = load('ldrk_peer');
    using socket = withNetns(netns, () => new NetlinkSocket());
    const peer = listInterfaces(socket).find(({ kind, name }) => kind === 'netkit' && name !== 'primary0');
    t.truthy(peer);
    const index = peer?.index ?? 0;
    t.false(withNetns(netns, () => hasNetkit(index)));
    t.true(withNetns(netns, () => hasNetkit(findInterface(socket, 'primary0')?.index ?? 0)));
    t.throws(() => attach({ netns, interface: index, hook: 'netkit', program }), {
      code: 'ENOTSUP',
      message: /not the primary end/,
    });
  });
} else {
  test('netkit: a kernel without it says so on every interface', (t) => {
    using program = load('ldrk_none');
    t.false(withNetns(netns, () => hasNetkit(1)));
    const descriptors = countDescriptors();
    for (const direction of ['ingress', 'egress'] as const) {
      t.throws(() => attach({ netns, interface: 'lo', hook: 'netkit', direction, program }), {
        code: 'ENOTSUP',
        message: /no netkit here: the kernel lacks it/,
      });
    }
    t.is(countDescriptors(), descriptors);
  });
}
