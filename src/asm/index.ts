export * from './layout.ts';
export * from './program.ts';
