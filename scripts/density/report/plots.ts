// The plots of the report.

import type * as echarts from 'echarts';
import { draw, GRID, INK, LEGEND, labelWidth, OURS, PEER, title } from '../../plot/draw.ts';
import type { Results } from '../results.ts';

/** Of two peers in one plot the other one. */
const OTHER_PEER = '#e09f3e';
/** Where the contestants stand side by side: what is measured with one slot, and with all. */
const FEW = '#b4bec9';
const MANY = '#2f4858';

export interface Plot {
  /** Without folder and ending. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

/** 12.3 us, 4.56 ms, 1.20 s. */
export function duration(us: number): string {
  const digits = (value: number): string => value.toPrecision(3).replace(/\.?0+$/, '');
  if (us < 999.5) return `${us < 100 ? digits(us) : Math.round(us)} us`;
  if (us < 999_500) return `${us < 99_950 ? digits(us / 1e3) : Math.round(us / 1e3)} ms`;
  return `${digits(us / 1e6)} s`;
}

interface Bar {
  readonly name: string;
  /** Microseconds. */
  readonly value: number;
  readonly ours: boolean;
}

/** Bars from left to right on a logarithmic axis, the fastest above. */
function bars(heading: string, below: string, list: readonly Bar[]): string {
  const sorted = [...list].sort((a, b) => b.value - a.value);
  const least = Math.min(...sorted.map(({ value }) => value));
  const most = Math.max(...sorted.map(({ value }) => value));
  return draw(120 + sorted.length * 38, {
    title: title(heading, below),
    grid: { left: labelWidth(sorted.map(({ name }) => name)), right: 90, top: 70, bottom: 34 },
    xAxis: {
      type: 'log',
      min: 10 ** Math.floor(Math.log10(least) - 0.3),
      max: 10 ** Math.ceil(Math.log10(most)),
      axisLabel: { formatter: (value: number) => duration(value), color: INK },
      splitLine: { lineStyle: { color: GRID } },
    },
    yAxis: {
      type: 'category',
      data: sorted.map(({ name }) => name),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: INK } },
      axisLabel: { color: INK, fontSize: 13 },
    },
    series: [
      {
        type: 'bar',
        barWidth: 20,
        data: sorted.map(({ value, ours }) => ({ value, itemStyle: { color: ours ? OURS : PEER } })),
        label: {
          show: true,
          position: 'right',
          color: INK,
          formatter: ({ value }: { value?: unknown }) => duration(Number(value)),
        },
      },
    ],
  });
}

function attaching({ attaching: { counts } }: Results): string {
  const line = (
    name: string,
    color: string,
    of: 'ours' | 'tc' | 'tcEach',
    position?: 'top' | 'bottom',
  ): echarts.SeriesOption => ({
    name,
    type: 'line',
    symbol: 'circle',
    symbolSize: 9,
    lineStyle: { width: 2.5, color },
    itemStyle: { color },
    data: counts.map((one) => [one.devices, one[of] / one.devices]),
    label: {
      show: position !== undefined,
      position: position ?? 'top',
      color,
      formatter: ({ value }: { value?: unknown }) => duration((value as [number, number])[1] * 1_000),
    },
  });
  return draw(430, {
    title: title(
      'Attaching, for each device',
      'time for one device, by how many are attached at once; both axes logarithmic',
    ),
    legend: LEGEND,
    grid: { left: 40, right: 48, top: 110, bottom: 44, containLabel: true },
    xAxis: {
      type: 'log',
      name: 'devices',
      nameLocation: 'middle',
      nameGap: 30,
      axisLabel: { formatter: (value: number) => value.toLocaleString('en'), color: INK },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'log',
      axisLabel: { formatter: (value: number) => duration(value * 1_000), color: INK },
      splitLine: { lineStyle: { color: GRID } },
    },
    series: [
      line('tc -batch, a program each', PEER, 'tcEach', 'top'),
      line('tc -batch, one program, pinned', OTHER_PEER, 'tc'),
      line('tsnat, entries included', OURS, 'ours', 'bottom'),
    ],
  });
}

function connections({ figures, peers, slots }: Results): string {
  const all = [figures.setUp, ...peers.setUp];
  const series = (
    name: string,
    color: string,
    of: (one: (typeof all)[number]) => number,
  ): echarts.SeriesOption => ({
    name,
    type: 'bar',
    barGap: '12%',
    barMaxWidth: 46,
    itemStyle: { color },
    data: all.map(of),
    label: {
      show: true,
      position: 'top',
      color: INK,
      formatter: ({ value }: { value?: unknown }) => duration(Number(value)),
    },
  });
  const many = slots.toLocaleString('en');
  return draw(430, {
    title: title('A new TCP connection from the last slot', 'until it is there, median'),
    legend: LEGEND,
    grid: { left: 24, right: 24, top: 110, bottom: 16, containLabel: true },
    xAxis: {
      type: 'category',
      data: all.map(({ name }) => (name === 'tsnat' ? name : `${name},\ntwice NAT`)),
      axisTick: { show: false },
      axisLabel: { color: INK, fontSize: 13, interval: 0 },
    },
    yAxis: {
      type: 'value',
      axisLabel: { formatter: (value: number) => duration(value), color: INK },
      splitLine: { lineStyle: { color: GRID } },
    },
    series: [
      series('1 slot bound', FEW, ({ one }) => one.p50),
      series(`${many} slots bound`, MANY, (each) => each.all.p50),
    ],
  });
}

export function plots(results: Results): Plot[] {
  const { figures, peers, slots } = results;
  const many = slots.toLocaleString('en');
  const one = [figures.one, ...peers.one].map(
    ({ name, sample }): Bar => ({ name, value: sample.p50, ours: name === 'tsnat' }),
  );
  const all: Bar[] = [
    { name: 'tsnat', value: figures.all.p50, ours: true },
    ...peers.all.map(({ name, milliseconds }): Bar => ({ name, value: milliseconds * 1_000, ours: false })),
  ];
  return [
    {
      name: 'bind',
      title: `Binding one slot of ${many}`,
      svg: bars(
        `Binding one slot of ${many}`,
        'at the gateway, the others being bound; median, logarithmic',
        one,
      ),
    },
    {
      name: 'all',
      title: `Binding all ${many}`,
      svg: bars(`Binding all ${many}`, 'at the gateway, in one batch; median, logarithmic', all),
    },
    { name: 'connect', title: 'A new TCP connection from the last slot', svg: connections(results) },
    { name: 'attach', title: 'Attaching, for each device', svg: attaching(results) },
  ];
}
