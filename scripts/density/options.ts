// What can be asked for on the command line.

import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run density -- [SLOTS] [options]
  SLOTS             namespaces with the same address; 4000 where left out
  --seconds N       of changes under traffic; 60 where left out
  --no-peers        only tsnat, and only the proof: no figures, no report
  --report FILE     where the report goes, its plots beside it; docs/density.md after a whole run where left out
  --data FILE       the figures as JSON as well
  --render FILE     writes the report from such figures again, and does nothing else
  --sweep           only removes what a run that was killed has left behind
Makes namespaces, so root is needed. Ctrl-C ends it and removes everything.`;

export interface Options {
  readonly slots: number;
  readonly seconds: number;
  readonly peers: boolean;
  readonly report?: string;
  readonly data?: string;
  readonly render?: string;
  readonly sweep: boolean;
  readonly help: boolean;
}

const MOST_SLOTS = 20_000;
/** What a whole run is, by which the project's own report is written. */
export const WHOLE = { slots: 4_000, seconds: 60 } as const;

/** @throws RangeError, TypeError in words for whoever typed it */
export function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      'no-peers': { type: 'boolean' },
      report: { type: 'string' },
      data: { type: 'string' },
      render: { type: 'string' },
      sweep: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (positionals.length > 1) throw new RangeError(`'${positionals[1]}': there is one number of slots`);
  const whole = (
    what: string,
    text: string | undefined,
    otherwise: number,
    least: number,
    most: number,
  ): number => {
    const value = text === undefined ? otherwise : Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new RangeError(`${what} '${text}': a whole number from ${least} to ${most}`);
  };
  return {
    slots: whole('slots', positionals[0], WHOLE.slots, 2, MOST_SLOTS),
    seconds: whole('--seconds', values.seconds, WHOLE.seconds, 1, 86_400),
    peers: values['no-peers'] !== true,
    ...(values.report !== undefined && { report: values.report }),
    ...(values.data !== undefined && { data: values.data }),
    ...(values.render !== undefined && { render: values.render }),
    sweep: values.sweep === true,
    help: values.help === true,
  };
}
