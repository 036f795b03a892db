// Runs other programs. Nothing goes through a shell, nothing outlives the test process.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { PATIENCE } from './emulation.ts';
import { PATH } from './path.ts';
import { alive, forget } from './registry.ts';

export interface Result {
  readonly command: string;
  /** Exit status; 128 plus its number where a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Text for its standard input, which is empty otherwise. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds until it is killed; 60 s where left out. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const SIGNALLED = 128;

function collect(child: ChildProcess): { stdout: () => string; stderr: () => string } {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
  return {
    stdout: () => Buffer.concat(out).toString(),
    stderr: () => Buffer.concat(err).toString(),
  };
}

/** Runs `command` to its end and tells how it went, whatever its exit status. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  const child = new Running(command, args, options);
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE * (options.timeout ?? DEFAULT_TIMEOUT_MS));
  child.process.stdin?.end(options.input ?? '');
  try {
    return await child.ended;
  } finally {
    clearTimeout(timer);
  }
}

/** Like `run`, and throws when the command fails. @returns its standard output. */
export async function must(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await run(command, args, options);
  if (result.status !== 0) {
    throw new Error(`${result.command}: exit ${result.status}: ${result.stderr}${result.stdout}`);
  }
  return result.stdout;
}

/** A program that runs beside the test, and dies with it. */
export class Running {
  readonly process: ChildProcess;
  readonly command: string;
  readonly ended: Promise<Result>;
  readonly stdout: () => string;
  readonly stderr: () => string;

  constructor(command: string, args: readonly string[], options: RunOptions = {}) {
    const how: SpawnOptions = {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PATH, ...options.env },
    };
    if (options.cwd !== undefined) how.cwd = options.cwd;
    this.command = [command, ...args].join(' ');
    this.process = spawn(command, args, how);
    const { pid } = this.process;
    if (pid !== undefined) alive(pid);
    // A peer that is gone before it has read its input is no fault of the test.
    this.process.stdin?.on('error', () => {});
    const { stdout, stderr } = collect(this.process);
    this.stdout = stdout;
    this.stderr = stderr;
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', (error) => reject(new Error(`${this.command}: ${error.message}`)));
      this.process.on('close', (status, signal) => {
        if (pid !== undefined) forget(pid);
        resolve({
          command: this.command,
          status: status ?? SIGNALLED + (signal === 'SIGKILL' ? 9 : 15),
          stdout: stdout(),
          stderr: stderr(),
        });
      });
    });
    // Whoever awaits `ended` sees the failure; nobody else is to crash over it.
    this.ended.catch(() => {});
  }

  /** Resolves once what it has written (either stream) matches. @throws when it ends or takes too long. */
  async says(pattern: RegExp, timeout: number = 10_000): Promise<RegExpExecArray> {
    const until = Date.now() + PATIENCE * timeout;
    for (;;) {
      const match = pattern.exec(this.stdout()) ?? pattern.exec(this.stderr());
      if (match) return match;
      const gone = this.process.exitCode !== null || this.process.signalCode !== null;
      if (gone || Date.now() > until) {
        throw new Error(
          `${this.command}: ${gone ? 'ended' : 'waited'} without ${pattern}: ${this.stderr()}${this.stdout()}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal);
  }

  /** Asks it to end, and waits until it has. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Result> {
    this.kill(signal);
    const timer = setTimeout(() => this.kill('SIGKILL'), PATIENCE * 5_000);
    try {
      return await this.ended;
    } finally {
      clearTimeout(timer);
    }
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
