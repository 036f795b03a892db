import { BpfMap, loadProgram } from '../src/loader/index.ts';
import { datapath } from '../src/nat/datapath/index.ts';
import { USES, type Use } from '../src/nat/uses.ts';

const sets: Record<string, Use[]> = {
  plain: ['addresses'],
  prefixes: ['addresses', 'prefixes'],
  ports: ['addresses', 'ports'],
  v6: ['addresses', 'addresses6'],
  v6prefix: ['addresses', 'prefixes6'],
  neutral: ['addresses', 'prefixes6', 'neutral6'],
  ports6: ['addresses', 'ports6'],
  all: [...USES],
};
const only = process.argv.slice(2);
for (const [name, uses] of Object.entries(sets)) {
  if (only.length && !only.includes(name)) continue;
  for (const extra of name === 'all' ? [{}, { mss: 1360 }, { link: 'none' as const }, {isa: 2 as const}] : [{}]) {
    try {
      const t0 = performance.now();
      const d = datapath({ unmapped: 'drop', capacity: 16, uses: new Set(uses), ...extra });
      const t1 = performance.now();
      const maps = Object.fromEntries(Object.entries(d.maps).map(([n, m]) => [n, BpfMap.create(m as never)]));
      for (const dir of ['outbound', 'inbound'] as const) {
        const t2 = performance.now();
        using p = loadProgram(d[dir], maps as never, {});
        const t3 = performance.now();
        console.log(name, JSON.stringify(extra), dir, 'insns', (d[dir] as any).code.length / 8, 'verified', (p.info as any).verifiedInstructions, 'emit both', (t1 - t0).toFixed(0), 'load', (t3 - t2).toFixed(0));
      }
    } catch (e) {
      console.log(name, JSON.stringify(extra), (e as Error).message.slice(0, 1500), (e as Error).stack?.split('\n').slice(1,8).join('\n'));
    }
  }
}
