// What TC and XDP programs have in common: a context, a packet, and other programs to go on in.

import { CONTEXT } from '../compile/ir.ts';
import { HELPERS } from '../helper.ts';
import type { MapSpec } from '../program.ts';
import { Builder } from './builder.ts';
import { type Expression, type Input, Value } from './expression.ts';
import type { HostKind } from './kinds.ts';
import { Packet, type PacketAccess } from './packet.ts';
import { Pointer } from './pointer.ts';
import type { Recorder } from './recorder.ts';

export class PacketBuilder extends Builder {
  /** The context pointer itself, for helpers. */
  readonly context: Pointer = new Pointer(() => CONTEXT);
  /** The packet the program was called for. */
  readonly packet: Packet;
  readonly #unknown: number;

  /** @internal */
  constructor(recorder: Recorder, access: PacketAccess) {
    super(recorder);
    this.packet = new Packet(this, access);
    this.#unknown = access.unknown;
  }

  /**
   * The same value, of which the verifier knows nothing. It walks the rest of the program once for each value that it
   * can tell apart, so that what many paths lead to, as the end of a loop, is better forgotten; where it has to be
   * bounded it is compared again. Costs four instructions.
   */
  forget(value: Expression<'u8' | 'u16' | 'u32'>): Value<'u32'> {
    const { recorder } = this;
    return recorder.statement(this.forget, (site) => {
      const [a, b, zero, dst] = [recorder.vreg(), recorder.vreg(), recorder.vreg(), recorder.vreg()];
      for (const loaded of [a, b]) {
        recorder.emit({ op: 'load', dst: loaded, base: CONTEXT, offset: this.#unknown, size: 4, site });
      }
      // Only we know that the two are the same.
      recorder.emit({ op: 'binary', operator: 'sub', width: 32, dst: zero, a, b, site });
      const known = value.operand();
      recorder.emit({ op: 'binary', operator: 'add', width: 32, dst, a: known, b: zero, site });
      return new Value(recorder, 'u32', dst);
    });
  }

  /** Ends the program with a return code: 32 bits, as TC and XDP take it. */
  exit(code: Expression<HostKind> | number): void {
    if (typeof code === 'number' && !(Number.isInteger(code) && code >= -(2 ** 31) && code < 2 ** 32)) {
      throw new RangeError(`exit: ${code} is no integer of 32 bits`);
    }
    this.recorder.statement(this.exit, (site) => {
      const value = typeof code === 'number' ? BigInt(code) : code.operand();
      this.recorder.end({ end: 'exit', value, site });
    });
  }

  /** Goes on in the program at `index`, and comes back only when there is none (or 33 were called already). */
  tailCall(programs: MapSpec, index: Input<HostKind>): void {
    this.recorder.statement(this.tailCall, () =>
      this.call(HELPERS.tail_call, [this.context, this.map(programs), index]),
    );
  }
}
