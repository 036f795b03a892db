// What the doctor finds: one thing, how it is, and what to do. And the list of them as text.

import type { Output } from '../output.ts';
import { counted } from '../table.ts';

/** `missing` stands in the way; `warning` may hurt; `note` is good to know. */
export type Status = 'ok' | 'note' | 'warning' | 'missing';

export interface Finding {
  readonly status: Status;
  /** Stable: what was looked at, such as `kernel.tcx`. */
  readonly check: string;
  /** What was found. */
  readonly found: string;
  /** What to do about it, where it is not as it should be. */
  readonly remedy?: string;
}

export interface Section {
  readonly title: string;
  readonly findings: readonly Finding[];
}

export const ok = (check: string, found: string): Finding => ({ status: 'ok', check, found });

export const worse = (
  status: Exclude<Status, 'ok'>,
  check: string,
  found: string,
  remedy?: string,
): Finding => ({ status, check, found, ...(remedy !== undefined && { remedy }) });

const WIDTH = 'missing'.length;

/** A heading and a line for each finding; a line more for what to do. */
export function sectionsText(sections: readonly Section[], output: Output): string {
  const parts = sections
    .filter(({ findings }) => findings.length > 0)
    .map(({ title, findings }) =>
      [output.bold(title), ...findings.flatMap((finding) => findingLines(finding, output)), ''].join('\n'),
    );
  return `${parts.join('\n')}\n${summary(sections, output)}\n`;
}

function findingLines({ status, found, remedy }: Finding, output: Output): string[] {
  const shown = status.padEnd(WIDTH);
  const marked = status === 'missing' ? output.alarm(shown) : shown;
  const line = `  ${marked}  ${found}`;
  return remedy === undefined ? [line] : [line, `  ${' '.repeat(WIDTH)}  -> ${remedy}`];
}

export const countOf = (sections: readonly Section[], status: Status): number =>
  sections.flatMap(({ findings }) => findings).filter((finding) => finding.status === status).length;

function summary(sections: readonly Section[], output: Output): string {
  const [missing, warnings] = [countOf(sections, 'missing'), countOf(sections, 'warning')];
  const also = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`;
  if (missing === 0) return `nothing that is needed is missing${also}`;
  return output.alarm(
    `${counted(missing, 'thing')} that ${missing === 1 ? 'is' : 'are'} needed ${missing === 1 ? 'is' : 'are'} missing${also}`,
  );
}
