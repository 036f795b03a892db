// What a call of a subprogram needs to know: the kinds of its parameters and of its result.

import type { Operand, Subprocedure } from '../compile/ir.ts';
import type { ScalarKind } from '../layout.ts';
import { BuildError, complaintSite } from '../source.ts';
import { exactOperand, type Input } from './expression.ts';
import type { HostKind, Storable } from './kinds.ts';

/** Kinds of the parameters, by name, in their order. */
export type Parameters = { readonly [name: string]: ScalarKind };
export type ArgumentsOf<P extends Parameters> = { readonly [N in keyof P]: Input<Storable<P[N]>> };

export interface Subprogram<P extends Parameters = Parameters, R extends HostKind = HostKind> {
  readonly name: string;
  readonly parameters: P;
  readonly result: R;
  /** @internal */
  readonly callee: Subprocedure;
}

/** The operands of a call, in the order of the parameters. @internal */
export function argumentsOf<P extends Parameters>(called: Subprogram<P>, args: ArgumentsOf<P>): Operand[] {
  const given: Readonly<Record<string, Input<ScalarKind> | undefined>> = args;
  return Object.entries(called.parameters).map(([name, kind]) => {
    const argument = given[name];
    if (argument !== undefined) return exactOperand(argument, kind);
    throw new BuildError(
      'ARGUMENTS',
      `subprogram ${called.name}: argument ${name} is missing`,
      complaintSite(),
    );
  });
}
