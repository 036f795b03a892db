// Interfaces that go while something is attached, or while it is being attached.

import { spawn } from 'node:child_process';
import test from 'ava';
import {
  type Attachment,
  attach,
  attachMany,
  BulkError,
  detach,
  detachMany,
  LoaderError,
  loadProgram,
  swap,
} from '../../../src/loader/index.ts';
import { TC_HOOKS, TCX } from '../../support/tcx.ts';
import { namespace } from '../support/namespace.ts';
import { returning, TC_ACT_UNSPEC, XDP_PASS, xdpReturning } from '../support/programs.ts';
import { countDescriptors, site } from '../support/site.ts';

test('an interface that went with its programs: nothing is there, nothing is left', (t) => {
  using place = site('ldrg');
  const { name: netns, ip, ifindex } = place;
  using program = loadProgram(returning('ldrg_gone', TC_ACT_UNSPEC), {});
  using other = loadProgram(returning('ldrg_other', TC_ACT_UNSPEC), {});
  using xdp = loadProgram(xdpReturning('ldrg_xdp', XDP_PASS), {});
  using xdp2 = loadProgram(xdpReturning('ldrg_xdp2', XDP_PASS), {});
  const descriptors = countDescriptors();
  const base = { netns, interface: 'out0' } as const;
  const all: Attachment[] = [
    attach({ ...base, hook: 'clsact', program }),
    ...(TCX
      ? [
          attach({ ...base, hook: 'tcx', program }),
          attach({ ...base, hook: 'tcx', direction: 'egress', link: false, program }),
        ]
      : []),
    attach({ ...base, hook: 'xdp', program: xdp }),
    attach({ ...base, interface: 'out1', hook: 'xdp', link: false, program: xdp }),
  ];
  ip('link del out0');
  for (const attachment of all) {
    const next = attachment.hook === 'xdp' ? xdp2 : other;
    const error = t.throws(() => swap(attachment, next), { instanceOf: LoaderError });
    t.true(['ENOENT', 'ENODEV', 'ENOLINK', 'EINVAL'].includes(error?.code ?? ''), error?.message);
    t.false(detach(attachment), `${attachment.hook}`);
  }
  t.throws(() => attach({ ...base, hook: 'auto', program }), {
    code: 'ENODEV',
    message: /no interface 'out0'/,
  });
  for (const hook of TC_HOOKS) {
    t.throws(() => attach({ ...base, interface: ifindex, hook, program }), { code: 'ENODEV' });
  }
  t.throws(() => attach({ ...base, interface: ifindex, hook: 'xdp', program: xdp }), { code: 'ENODEV' });
  t.is(countDescriptors(), descriptors);
});

/** Makes and deletes r0 to r7 over and over. */
const CHURN = `for n in $(seq 100000); do for i in 0 1 2 3 4 5 6 7; do echo "link add r$i type veth peer name q$i"; done
  for i in 0 1 2 3 4 5 6 7; do echo "link del r$i"; done; done`;

test('interfaces that come and go while we attach: it works or says why, and nothing leaks', async (t) => {
  const { name: netns } = namespace('ldrg');
  using program = loadProgram(returning('ldrg_race', TC_ACT_UNSPEC), {});
  using xdp = loadProgram(xdpReturning('ldrg_race', XDP_PASS), {});
  const churn = spawn('sh', ['-c', `{ ${CHURN}; } | exec ip -n ${netns} -force -batch -`], {
    stdio: 'ignore',
    detached: true,
  });
  try {
    const names = Array.from({ length: 8 }, (_, i) => `r${i}`);
    const descriptors = countDescriptors();
    const seen = new Map<string, number>();
    const count = (code: string) => seen.set(code, (seen.get(code) ?? 0) + 1);
    const typed = (error: unknown) => {
      if (!(error instanceof LoaderError)) throw error;
      count(error instanceof BulkError ? `bulk ${error.code}` : error.code);
    };
    for (let round = 0; round < 150; round++) {
      const which = names[round % names.length] ?? '';
      const hook = ([TC_HOOKS[0] ?? 'clsact', 'clsact', 'xdp'] as const)[round % 3] ?? 'clsact';
      const it = hook === 'xdp' ? xdp : program;
      try {
        const attachment = attach({
          netns,
          interface: which,
          hook,
          program: it,
          link: hook === 'clsact' || round % 2 === 0,
        });
        count(`attached ${hook}`);
        if (!detach(attachment)) count('gone');
      } catch (error) {
        typed(error);
      }
      try {
        const options = { netns, interfaces: names, onFailure: round % 2 ? 'keep' : 'undo' } as const;
        const { attachments } = attachMany({
          ...options,
          hook: 'clsact',
          programs: { ingress: program, egress: program },
        });
        count('attached many');
        t.deepEqual(detachMany(attachments).failures, []);
      } catch (error) {
        typed(error);
      }
      if (round % 10 === 0) await new Promise((done) => setTimeout(done, 1));
    }
    t.log(Object.fromEntries(seen));
    t.true([...seen.keys()].some((code) => code.startsWith('attached ')));
    for (const code of seen.keys()) {
      t.regex(code, /^(attached \w+|gone|(bulk )?(ENODEV|ENOENT|EINVAL|EOPNOTSUPP|EAGAIN))$/);
    }
    t.is(countDescriptors(), descriptors);
  } finally {
    // The whole group: the shell that feeds it too.
    process.kill(-(churn.pid ?? 0), 'SIGKILL');
  }
});
