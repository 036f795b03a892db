// What plots have in common: SVG, drawn by ECharts without a browser. Colours stay the same from plot to plot: tsnat's is
// never a peer's. They stand on white, so that they can be read on a dark page too.

import * as echarts from 'echarts';

export const OURS = '#0b6e4f';
export const PEER = '#c8553d';
export const INK = '#22272e';
export const GRID = '#d8dee4';
const FONT = 'DejaVu Sans, Verdana, Arial, sans-serif';
const WIDTH = 860;

export function draw(height: number, option: echarts.EChartsOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily: FONT, color: INK },
      ...option,
    });
    return `${chart.renderToSVGString()}\n`;
  } finally {
    chart.dispose();
  }
}

export const title = (text: string, below: string): echarts.TitleComponentOption => ({
  text,
  subtext: below,
  left: 12,
  top: 8,
  textStyle: { fontSize: 16, fontWeight: 'bold', color: INK },
  subtextStyle: { fontSize: 12, color: '#57606a' },
});

export const LEGEND: echarts.LegendComponentOption = {
  left: 12,
  top: 58,
  itemGap: 40,
  textStyle: { color: INK, fontSize: 13 },
};

/** Pixels that the longest takes, and some. Without a browser text is not measured. */
export const labelWidth = (names: readonly string[]): number =>
  24 + Math.max(...names.map(({ length }) => length)) * 7.6;
