export { type ElfOptions, formatElf } from './format.ts';
export { type ElfObject, type ElfProgram, parseElf } from './parse.ts';
export type { ElfMap, ElfSlot } from './read-maps.ts';
export { resolveCore, resolveExterns } from './resolve.ts';
