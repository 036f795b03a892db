// The plots of a run: packets through a router, numbers of mappings and flows, TCP, and commands from start to end.

import type * as echarts from 'echarts';
import { draw, GRID, INK, LEGEND, labelWidth, OURS, PEER, title } from '../scripts/plot/draw.ts';
import type { Summary } from './measure.ts';
import type { Section } from './report.ts';

export interface Plot {
  /** Without folder and ending. */
  readonly name: string;
  readonly svg: string;
}

type Named = { readonly [name: string]: Summary };

interface Bars {
  readonly heading: string;
  readonly below: string;
  readonly values: readonly (readonly [name: string, value: number])[];
  readonly shown: (value: number) => string;
}

const isOurs = (name: string): boolean => name.startsWith('tsnat');

/** Bars from left to right, from zero on, in the order given. */
function bars({ heading, below, values, shown }: Bars): string {
  const upward = [...values].reverse();
  return draw(110 + upward.length * 34, {
    title: title(heading, below),
    grid: { left: labelWidth(upward.map(([name]) => name)), right: 90, top: 70, bottom: 34 },
    xAxis: {
      type: 'value',
      min: 0,
      axisLabel: { formatter: shown, color: INK },
      splitLine: { lineStyle: { color: GRID } },
    },
    yAxis: {
      type: 'category',
      data: upward.map(([name]) => name),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: INK } },
      axisLabel: { color: INK, fontSize: 13 },
    },
    series: [
      {
        type: 'bar',
        barWidth: 20,
        data: upward.map(([name, value]) => ({ value, itemStyle: { color: isOurs(name) ? OURS : PEER } })),
        label: {
          show: true,
          position: 'right',
          color: INK,
          formatter: ({ value }: { value?: unknown }) => shown(Number(value)),
        },
      },
    ],
  });
}

const mpps = (value: number): string => `${value.toFixed(2)} Mpps`;

/** Nanoseconds for a packet as millions of packets a second. */
const rates = (named: Named): [string, number][] =>
  Object.entries(named).map(([name, { median }]) => [name, 1_000 / median]);

function forwarding({ data }: Section): Plot[] {
  const cases = data as { readonly [title: string]: { readonly nanoseconds: Named } };
  return Object.entries(cases).map(([what, { nanoseconds }]) => ({
    name: `forwarding-${what.replace(/[^a-z0-9]+/gi, '-')}`,
    svg: bars({
      heading: `Packets through a router: ${what}`,
      below: '64 bytes, millions a second of one core; medians',
      values: rates(nanoseconds),
      shown: mpps,
    }),
  }));
}

function scaling({ data }: Section): Plot[] {
  const { mappings, flows } = data as { readonly mappings: Named; readonly flows: Named };
  const line = (name: string, color: string, named: Named): echarts.SeriesOption => ({
    name,
    type: 'line',
    symbol: 'circle',
    symbolSize: 9,
    lineStyle: { width: 2.5, color },
    itemStyle: { color },
    data: Object.entries(named).map(([count, { median }]) => [Number(count), 1_000 / median]),
  });
  const svg = draw(400, {
    title: title(
      'What numbers of mappings and flows cost',
      'tsnat, millions of packets a second of one core',
    ),
    legend: LEGEND,
    grid: { left: 24, right: 40, top: 100, bottom: 44, containLabel: true },
    xAxis: {
      type: 'log',
      name: 'how many',
      nameLocation: 'middle',
      nameGap: 30,
      axisLabel: { formatter: (value: number) => value.toLocaleString('en'), color: INK },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      min: 0,
      axisLabel: { formatter: (value: number) => `${value}`, color: INK },
      splitLine: { lineStyle: { color: GRID } },
    },
    series: [
      line('mappings, each packet of another one', OURS, mappings),
      line('flows of one mapping', '#2f4858', flows),
    ],
  });
  return [{ name: 'scaling', svg }];
}

function tcp({ data }: Section): Plot[] {
  const { connections, bulk } = data as { readonly connections: Named; readonly bulk: Named };
  const values = (named: Named): [string, number][] =>
    Object.entries(named).map(([name, { median }]) => [name, median]);
  const below = 'client, router and server on one core; medians';
  return [
    {
      name: 'connections',
      svg: bars({
        heading: 'TCP connections a second through a router',
        below,
        values: values(connections),
        shown: (value) => Math.round(value).toLocaleString('en'),
      }),
    },
    {
      name: 'bulk',
      svg: bars({
        heading: 'Bulk TCP through a router',
        below,
        values: values(bulk),
        shown: (value) => `${((value * 8) / 1e9).toFixed(1)} Gbit/s`,
      }),
    },
  ];
}

function startup({ data }: Section): Plot[] {
  const values = Object.entries(data as Named).map(([name, { median }]): [string, number] => [
    name.startsWith('node') ? name : `tsnat ${name}`,
    median / 1_000,
  ]);
  const svg = bars({
    heading: 'Commands, from start to end',
    below: 'milliseconds; medians',
    values,
    shown: (value) => `${Math.round(value)} ms`,
  });
  return [{ name: 'commands', svg }];
}

const PLOTS: { readonly [part: string]: (section: Section) => Plot[] } = {
  forwarding,
  scaling,
  tcp,
  startup,
};

/** What can be drawn of these parts of the benchmark. */
export function plots(sections: ReadonlyMap<string, Section>): Plot[] {
  return [...sections].flatMap(([part, section]) => PLOTS[part]?.(section) ?? []);
}
