// Functions of a program's own (BPF-to-BPF calls, since Linux 4.16): typed arguments in, one integer out, compiled once.

import { requireFunctionName } from '../map.ts';
import { BuildError, complaintSite } from '../source.ts';
import { Builder } from './builder.ts';
import type { Parameters, Subprogram } from './call.ts';
import { exactOperand, type Input, Value } from './expression.ts';
import type { HostKind, Storable } from './kinds.ts';
import { Recorder } from './recorder.ts';

type ValuesOf<P extends Parameters> = { readonly [N in keyof P]: Value<P[N]> };

/** What the body of a subprogram is written with. */
export class SubprogramBuilder<R extends HostKind> extends Builder {
  readonly #result: R;

  /** @internal */
  constructor(recorder: Recorder, result: R) {
    super(recorder);
    this.#result = result;
  }

  /** Ends the subprogram with its result. */
  exit(result: Input<Storable<R>>): void {
    this.recorder.statement(this.exit, (site) =>
      this.recorder.end({ end: 'exit', value: exactOperand(result, this.#result), site }),
    );
  }
}

/** r1 to r5. */
const MAX_ARGUMENTS = 5;

/**
 * Declares a function that programs can call by `p.invoke`. Its body ends every path with `p.exit(result)`.
 *
 * @example
 * const saturating = subprogram('saturating', { a: 'u32', b: 'u32' }, 'u32', (p, { a, b }) => {
 *   const sum = a.add(b);
 *   p.when(sum.lt(a), () => p.exit(p.constant('u32', 0xffff_ffff)));
 *   p.exit(sum);
 * });
 */
export function subprogram<const P extends Parameters, R extends HostKind>(
  name: string,
  parameters: P,
  result: R,
  body: (p: SubprogramBuilder<R>, args: ValuesOf<P>) => void,
): Subprogram<P, R> {
  requireFunctionName(name);
  const names = Object.keys(parameters);
  if (names.length > MAX_ARGUMENTS) {
    throw new BuildError(
      'ARGUMENTS',
      `subprogram ${name}: ${names.length} parameters, at most ${MAX_ARGUMENTS}`,
      complaintSite(),
    );
  }
  const recorder = new Recorder('scalar', names.length);
  const builder = new SubprogramBuilder(recorder, result);
  const values = names.map((parameter, i) => [parameter, new Value(recorder, parameters[parameter]!, i)]);
  recorder.record(() => {
    body(builder, Object.fromEntries(values) as ValuesOf<P>);
    recorder.requireEnded(`subprogram ${name}`);
    builder.finish();
  });
  // Without a context there is no packet to move.
  return { name, parameters, result, callee: { name, procedure: recorder.finish(name), movesPacket: false } };
}
