// What TC and XDP programs have in common: a context, a packet, and other programs to go on in.

import { CONTEXT } from '../compile/ir.ts';
import { HELPERS } from '../helper.ts';
import type { MapSpec } from '../program.ts';
import { Builder } from './builder.ts';
import type { Expression, Input } from './expression.ts';
import type { HostKind } from './kinds.ts';
import { Packet, type PacketAccess } from './packet.ts';
import { Pointer } from './pointer.ts';
import type { Recorder } from './recorder.ts';

export class PacketBuilder extends Builder {
  /** The context pointer itself, for helpers. */
  readonly context: Pointer = new Pointer(() => CONTEXT);
  /** The packet the program was called for. */
  readonly packet: Packet;

  /** @internal */
  constructor(recorder: Recorder, access: PacketAccess) {
    super(recorder);
    this.packet = new Packet(this, access);
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
