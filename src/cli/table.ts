// Text laid out for people: aligned columns, numbers that can be read.

export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
}

const GAP = '  ';

/** Rows under their headings, columns aligned; `emphasise` is applied to the line of headings. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  emphasise: (text: string) => string = (text) => text,
): string {
  const headings = columns.map(({ heading }) => heading);
  const widths = columns.map((_, i) =>
    [headings, ...rows].reduce((width, row) => Math.max(width, (row[i] ?? '').length), 0),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = row[i] ?? '';
        return align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!);
      })
      .join(GAP)
      .trimEnd();
  return [emphasise(line(headings)), ...rows.map(line), ''].join('\n');
}

/** 1234567 -> 1,234,567 */
export function grouped(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const STEP = 1024;

/** 1536 -> 1.5 KiB */
export function readableBytes(bytes: bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= STEP && unit < UNITS.length - 1) {
    value /= STEP;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `1 mapping`, `2 mappings` */
export function counted(count: number, noun: string, plural: string = `${noun}s`): string {
  return `${grouped(count)} ${count === 1 ? noun : plural}`;
}

const TIMES: readonly (readonly [unit: string, seconds: number])[] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
];
/** In seconds; below it tenths are shown. */
const SHORT = 10;

/** 4200 -> 4.2 s, 7260000 -> 2 h 1 min: the two largest units. */
export function readableTime(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < SHORT) return `${seconds.toFixed(1)} s`;
  const at = TIMES.findIndex(([, length]) => seconds >= length);
  const [unit, length] = TIMES[at] ?? [];
  if (unit === undefined || length === undefined) return `${Math.floor(seconds)} s`;
  const [lesser, lesserLength] = TIMES[at + 1] ?? ['s', 1];
  const rest = Math.floor((seconds % length) / lesserLength);
  return `${Math.floor(seconds / length)} ${unit}${rest === 0 ? '' : ` ${rest} ${lesser}`}`;
}
