export { type ElfOptions, formatElf } from './format.ts';
export { type ElfObject, type ElfProgram, parseElf } from './parse.ts';
export type { ElfMap } from './read-maps.ts';
