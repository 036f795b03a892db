// The completion scripts: what bash offers is asked of bash; of the others, that all commands and options are there.

import test from 'ava';
import { COMMANDS } from '../../src/cli/commands.ts';
import { completionScript } from '../../src/cli/completion.ts';
import { tsnatOk } from '../support/cli.ts';
import { must } from '../support/command.ts';

async function offered(line: string): Promise<string[]> {
  const words = line.split(' ');
  const script = `${completionScript('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tsnat; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const stdout = await must('bash', ['-c', script, 'bash', ...words]);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash offers what may stand there', async (t) => {
  t.true((await offered('tsnat ')).includes('attach'));
  t.deepEqual(await offered('tsnat att'), ['attach']);
  t.deepEqual(await offered('tsnat map '), ['add', 'del', 'list', 'replace', '--help']);
  t.deepEqual(await offered('tsnat map d'), ['del']);
  t.true((await offered('tsnat attach ')).includes('lo'), 'interfaces');
  t.deepEqual(await offered('tsnat attach --un'), ['--unmapped']);
  t.deepEqual(await offered('tsnat attach eth0 --unmapped '), ['pass', 'drop']);
  t.deepEqual(await offered('tsnat attach eth0 --hook c'), ['clsact']);
  t.deepEqual(await offered('tsnat attach eth0 --map '), []);
  t.deepEqual(await offered('tsnat dump e'), ['egress']);
  t.deepEqual(await offered('tsnat dump egress --format '), ['asm', 'hex', 'c', 'json', 'elf']);
  t.deepEqual(await offered('tsnat map list eth0 --j'), ['--json']);
  t.deepEqual(await offered('tsnat completion z'), ['zsh']);
});

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  test(`${shell} knows every command and option`, async (t) => {
    const script = await tsnatOk(t, ['completion', shell]);
    t.is(script, completionScript(shell));
    for (const { name, options } of COMMANDS) {
      for (const word of name.split(' ')) t.true(script.includes(word), word);
      for (const option of options) {
        t.true(script.includes(shell === 'fish' ? `-l ${option.name}` : `--${option.name}`), option.name);
      }
    }
  });
}
