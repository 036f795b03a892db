// Where the machine's tools are: npm puts those of packages before them, and one of them is called nft.

import process from 'node:process';

export const PATH: string = (process.env.PATH ?? '')
  .split(':')
  .filter((folder) => !folder.endsWith('node_modules/.bin'))
  .join(':');
