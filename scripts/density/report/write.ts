// Writes the page, and its plots beside it.

import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Results } from '../results.ts';
import { page } from './page.ts';
import { type Plot, plots } from './plots.ts';

/** @param file `docs/density.md`: the plots are then `docs/density-NAME.svg`. @returns the files */
export function writeReport(results: Results, file: string): string[] {
  const drawn = plots(results);
  const image = ({ name }: Plot): string => `${basename(file).replace(/\.md$/, '')}-${name}.svg`;
  writeFileSync(file, page(results, drawn, image));
  const images = drawn.map((plot) => {
    const path = join(dirname(file), image(plot));
    writeFileSync(path, plot.svg);
    return path;
  });
  return [file, ...images];
}
