// How an instance's programs are made and tested, and where it is pinned: tests put other things in their place.

import { type Datapath, type DatapathOptions, datapath } from '../datapath/index.ts';
import { selfTest } from './self-test.ts';

/** What tests put in place of the real thing. */
export interface Context {
  /** Folder of all instances, in a bpffs. */
  readonly root?: string;
  readonly datapath?: (options: DatapathOptions) => Datapath;
  readonly selfTest?: typeof selfTest;
}

export interface Making {
  readonly datapath: (options: DatapathOptions) => Datapath;
  readonly selfTest: typeof selfTest;
}

export const makingOf = (context: Context): Making => ({ datapath, selfTest, ...context });
