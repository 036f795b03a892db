// Programs in the kernel: a `Program` of the assembler with its maps' descriptors put in, and its owner.

import { btf, inIsa, isaLevelOf, LITTLE_ENDIAN, type Program, withSources } from '../asm/index.ts';
import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from './bpf/abi.ts';
import type { ProgramInfo } from './bpf/info.ts';
import { programCodeOf, programInfoOf } from './bpf/info-commands.ts';
import { openById, openPin, pinObject } from './bpf/object.ts';
import { type TestRunOptions, type TestRunResult, testRun } from './bpf/program-commands.ts';
import { loadCode } from './bpf/program-load.ts';
import { Descriptor } from './descriptor.ts';
import { LoaderError } from './errors.ts';
import { isaLevel, isRefusal } from './isa.ts';
import { resolveSource } from './source-map.ts';
import {
  runLive,
  runSkb,
  runXdp,
  type SkbRunOptions,
  type SkbRunResult,
  type XdpLiveOptions,
  type XdpRunOptions,
  type XdpRunResult,
} from './test-run.ts';

/** Owns the descriptor of a program, which lives as long as a descriptor, a pin or a hook holds it. */
export class BpfProgram implements Disposable {
  readonly name: string;
  /** What the verifier said, when it was asked to say something. */
  readonly log: string;
  readonly #descriptor: Descriptor;

  /** Takes over `fd`. */
  constructor(fd: number, name: string, log = '') {
    this.#descriptor = new Descriptor(fd, `program '${name}'`);
    this.name = name;
    this.log = log;
  }

  /** Opens a pinned program; undefined where nothing is pinned. @throws LoaderError when it is no program. */
  static openPin(path: string): BpfProgram | undefined {
    return BpfProgram.#adopt(openPin(path, 'program'));
  }

  /** Opens a program by its identifier; undefined where there is none. */
  static openById(id: number): BpfProgram | undefined {
    return BpfProgram.#adopt(openById('program', id));
  }

  static #adopt(fd: number | undefined): BpfProgram | undefined {
    if (fd === undefined) return undefined;
    const descriptor = new Descriptor(fd, 'program');
    try {
      return new BpfProgram(fd, programInfoOf(fd).name);
    } catch (error) {
      descriptor.close();
      throw error;
    }
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  get info(): ProgramInfo {
    return programInfoOf(this.fd);
  }

  /**
   * Its instructions as the verifier left them, or the machine code made of them; empty where the kernel does not show
   * them.
   */
  code(which: 'translated' | 'jited'): Uint8Array {
    return programCodeOf(this.fd, which);
  }

  /** Runs it on a packet that is on no wire. */
  testRun(options: TestRunOptions): TestRunResult {
    return testRun(this.fd, this.name, options);
  }

  /** Runs a TC program on a packet and the fields of its context. Since Linux 5.2. */
  runSkb(options: SkbRunOptions): SkbRunResult {
    return runSkb(this, options);
  }

  /** Runs an XDP program on a packet and the fields of its context. Since Linux 5.15. */
  runXdp(options: XdpRunOptions): XdpRunResult {
    return runXdp(this, options);
  }

  /** Runs an XDP program on frames that are real: see `LiveRunOptions`. Since Linux 5.18. */
  runLive(options: XdpLiveOptions): void {
    runLive(this, options);
  }

  pin(path: string): void {
    pinObject(this.fd, path);
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Anything that has a map's descriptor: a `BpfMap` or a `RawMap`. */
export interface MapDescriptor {
  readonly fd: number;
}

export interface LoadProgramOptions {
  /** 1 says what went wrong, 2 lists every instruction; the log of a success is kept. */
  readonly logLevel?: number;
  /** False leaves out types and source lines, which saves reading the sources. */
  readonly btf?: boolean;
}

/**
 * Puts a program into the kernel, with the lines of its source where the kernel takes them. A program of the DSL that has
 * instructions which the kernel does not know is built again in older ones.
 *
 * @param maps the maps that `program.relocations` name, by name
 * @throws VerifierError with the whole log when the verifier refuses it; LoaderError with code `ENOMAP`
 * when a map is missing, `EUNRESOLVED` when an object file left something to be resolved, or as the kernel says.
 */
export function loadProgram(
  program: Program,
  maps: { readonly [name: string]: MapDescriptor },
  options: LoadProgramOptions = {},
): BpfProgram {
  requireResolved(program);
  try {
    return load(program, maps, options);
  } catch (error) {
    const older = isRefusal(error) ? inOlderForms(program) : undefined;
    if (older === undefined) throw error;
    return load(older, maps, options);
  }
}

/** What is to be tried instead of a program with instructions that the kernel does not know. */
function inOlderForms(program: Program): Program | undefined {
  const level = isaLevel();
  return isaLevelOf(program.code) > level ? inIsa(program, level) : undefined;
}

function load(
  program: Program,
  maps: { readonly [name: string]: MapDescriptor },
  options: LoadProgramOptions,
): BpfProgram {
  const { name, type, license, attachType, flags } = program;
  const { logLevel, btf: wanted = true } = options;
  const sourced = withSources(program, resolveSource);
  const { fd, log } = loadCode({
    name,
    type,
    license,
    code: relocate(program, maps),
    ...(attachType !== undefined && { attachType }),
    ...(flags !== undefined && { flags }),
    ...(logLevel !== undefined && { logLevel }),
    ...(wanted && { btf: btf.programBtf(sourced) }),
    locate: (index) => sourced.locations[index],
  });
  return new BpfProgram(fd, program.name, log);
}

function requireResolved({ name, unresolved = [] }: Program): void {
  const [first] = unresolved;
  if (first === undefined) return;
  const more = unresolved.length > 1 ? `, and ${unresolved.length - 1} more` : '';
  throw new LoaderError(`program '${name}': instruction ${first.index} needs ${first.what}${more}`, {
    code: 'EUNRESOLVED',
    object: `program '${name}'`,
    hint: 'only libbpf can resolve that; here it can be looked at, not loaded',
  });
}

const INSN_SIZE = 8;
/** In an instruction: the byte of both registers, and the 32-bit immediate (RFC 9669, section 3). */
const REGISTERS = 1;
const IMMEDIATE = 4;
/** BPF_LD | BPF_IMM | BPF_DW */
const LD_IMM64 = 0x18;

/** A copy of the code with a map's descriptor in every `ld_imm64` that refers to one. */
export function relocate(program: Program, maps: { readonly [name: string]: MapDescriptor }): Uint8Array {
  const code = new Uint8Array(program.code);
  const view = new DataView(code.buffer);
  for (const { index, map, valueOffset } of program.relocations) {
    const object = `program '${program.name}'`;
    const at = index * INSN_SIZE;
    if (at + 2 * INSN_SIZE > code.length || code[at] !== LD_IMM64) {
      throw new LoaderError(`${object}: no ld_imm64 at instruction ${index} to put map '${map.name}' in`, {
        code: 'ERELOCATION',
        object,
      });
    }
    const target = Object.hasOwn(maps, map.name) ? maps[map.name] : undefined;
    if (target === undefined) {
      throw new LoaderError(`${object} needs map '${map.name}', which is not among the maps given`, {
        code: 'ENOMAP',
        object,
      });
    }
    const source = valueOffset === undefined ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE;
    const registers = view.getUint8(at + REGISTERS);
    // The destination is the low half of the byte on little-endian machines, the high half on others.
    view.setUint8(
      at + REGISTERS,
      LITTLE_ENDIAN ? (registers & 0x0f) | (source << 4) : (registers & 0xf0) | source,
    );
    view.setUint32(at + IMMEDIATE, target.fd, LITTLE_ENDIAN);
    view.setUint32(at + INSN_SIZE + IMMEDIATE, valueOffset ?? 0, LITTLE_ENDIAN);
  }
  return code;
}
