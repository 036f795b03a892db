export { type ElfOptions, formatElf } from './format.ts';
