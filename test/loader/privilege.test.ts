import { spawnSync } from 'node:child_process';
import test from 'ava';
import { missingCapabilities } from '../../src/loader/bpf/privilege.ts';

const status = (hex: string) => `Name:\tnode\nCapEff:\t${hex}\nCapBnd:\t000001ffffffffff\n`;

test('the capabilities that bpf(2) needs, and those that stand for them', (t) => {
  t.deepEqual(missingCapabilities(status('000001ffffffffff')), []);
  t.deepEqual(missingCapabilities(status('0000000000000000')), ['CAP_BPF', 'CAP_NET_ADMIN']);
  // CAP_SYS_ADMIN (21) and CAP_NET_ADMIN (12), as before Linux 5.8
  t.deepEqual(missingCapabilities(status('0000000000201000')), []);
  t.deepEqual(missingCapabilities(status('0000008000000000')), ['CAP_NET_ADMIN']);
});

test('without privilege: one line that says what is missing', (t) => {
  const loader = new URL('../../src/loader/index.js', import.meta.url).href;
  const script = `import('${loader}').then(({ RawMap }) => {
    RawMap.create({ name: 'x', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 });
  }).catch((error) => console.log(error.code, error.message))`;
  const { stdout } = spawnSync(
    'setpriv',
    ['--reuid=65534', '--clear-groups', '--inh-caps=-all', process.execPath, '-e', script],
    { encoding: 'utf8', cwd: '/' },
  );
  t.regex(
    stdout,
    /^EPERM cannot create map 'x': EPERM; this process lacks CAP_BPF and CAP_NET_ADMIN.*: run it as root, with sudo, or grant them\n$/,
  );
});
