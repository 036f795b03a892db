// One at a time: processes wait for each other, give up in words, and take over from one that was killed.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { FolderLock, withLock } from '../../src/loader/index.ts';
import { PATIENCE } from '../support/emulation.ts';

const HOLDER = fileURLToPath(new URL('./support/lock-holder.js', import.meta.url));

interface Process {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
}

interface Ground {
  readonly folder: string;
  /** What the processes have written, a line each. */
  lines(): string[];
  start(milliseconds: number, patience: number): Process;
  until(pattern: RegExp): Promise<void>;
}

function ground(t: ExecutionContext): Ground {
  const folder = mkdtempSync(join(tmpdir(), 'tsl-lock-'));
  const file = join(folder, 'notes');
  const children: ChildProcess[] = [];
  t.teardown(() => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  const lines = (): string[] => {
    try {
      return readFileSync(file, 'utf8').trimEnd().split('\n');
    } catch {
      return [];
    }
  };
  return {
    folder,
    lines,
    start(milliseconds, patience) {
      const args = [HOLDER, folder, file, `${milliseconds}`, `${patience}`];
      const child = spawn(process.execPath, args, { stdio: 'inherit' });
      children.push(child);
      return { child, ended: once(child, 'exit') };
    },
    async until(pattern) {
      for (let tries = 0; tries < 500 * PATIENCE; tries++) {
        if (lines().some((line) => pattern.test(line))) return;
        await setTimeout(20);
      }
      t.fail(`nobody wrote ${pattern}: ${lines().join('; ')}`);
    },
  };
}

test('processes that want the lock have it one after the other', async (t) => {
  const { start, lines } = ground(t);
  const children = [1, 2, 3, 4].map(() => start(150, 60_000));
  await Promise.all(children.map(({ ended }) => ended));
  const held = lines().filter((line) => !line.endsWith('asks'));
  t.is(held.length, 8);
  for (let i = 0; i < held.length; i += 2) {
    const [has = '', letsGo = ''] = held.slice(i, i + 2);
    t.regex(has, /has$/, held.join('; '));
    t.is(letsGo, has.replace('has', 'lets go'));
  }
});

test('a lock whose holder is killed is free at once', async (t) => {
  const { folder, start, lines, until } = ground(t);
  const holder = start(600_000, 0);
  await until(/has$/);
  const heir = start(0, 60_000);
  await until(new RegExp(`^${heir.child.pid} asks`));
  await setTimeout(100);
  t.false(
    lines().some((line) => line === `${heir.child.pid} has`),
    'not before',
  );
  holder.child.kill('SIGKILL');
  await until(new RegExp(`^${heir.child.pid} has`));
  await heir.ended;
  t.is(
    withLock(folder, () => 'free', 0),
    'free',
  );
});

test('who waits in vain is told so', async (t) => {
  const { start, lines, until } = ground(t);
  const holder = start(600_000, 0);
  await until(/has$/);
  const other = start(0, 200);
  await other.ended;
  t.regex(
    lines().at(-1) ?? '',
    /EBUSY another process is at work on '.*' \(EBUSY\); try again when it is done/,
  );
  holder.child.kill('SIGKILL');
});

test('a lock is let go of when what it was held for fails, and can be held again', (t) => {
  const { folder } = ground(t);
  using lock = new FolderLock(folder);
  for (let i = 0; i < 3; i++) {
    t.throws(
      () =>
        lock.hold(() => {
          throw new Error('on purpose');
        }, 0),
      { message: 'on purpose' },
    );
  }
  t.is(
    withLock(folder, () => 1, 0),
    1,
  );
});
