// The assembler's door for whoever only has to know what data looks like: layouts, maps and their types, the kernel's
// numbers. It leads to nothing that builds a program, which takes ten times as long to load (docs/performance.md).

export { BTF_FUNC, BTF_INT } from './btf/abi.ts';
export { encodeBtf } from './btf/btf.ts';
export { mapBtf } from './btf/map.ts';
export * from './kernel.ts';
export * from './layout.ts';
export * from './map.ts';
export type * from './program.ts';
