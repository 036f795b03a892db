// Everything that a run has found, as plain data: the report is made of nothing else.

import type { Churned } from './churn.ts';
import type { Attaching } from './measure/attach.ts';
import type { Timed } from './measure/bind.ts';
import type { SetUp } from './measure/connections.ts';
import type { Slab } from './measure/memory.ts';
import type { Sample } from './measure/sample.ts';
import type { Measured } from './peers/measured.ts';
import type { Phase } from './progress.ts';
import type { Proof } from './proof.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** Load average of the minute before: what else the machine had to do. */
  readonly load: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly tools: readonly string[];
}

/** Of a run without peers. */
export interface Quick {
  readonly slots: number;
  readonly proof: Proof;
  readonly churned: Churned;
  /** After the changes, of the slots that are bound then. */
  readonly proofAfter: Proof;
  /** Packets dropped by the programs, by reason; those that are zero left out. */
  readonly reasons: Readonly<Record<string, number>>;
  /** What was wrong: nothing, in a run that has shown what it is to show. */
  readonly problems: readonly string[];
}

/** Figures of tsnat's own. */
export interface Figures {
  readonly one: Timed;
  /** Microseconds for all slots. */
  readonly all: Sample;
  readonly setUp: SetUp;
  readonly vni?: Timed;
  readonly memory: {
    /** Bytes of the instance's maps, by the kernel's account: before there was a slot, and with all of them bound. */
    readonly mapsBefore: number;
    readonly mapsAfter: number;
    readonly conntrackBefore: Slab | undefined;
    readonly conntrackAfter: Slab | undefined;
    /** Connections and datagrams' flows that were seen in between. */
    readonly flows: number;
    /** Entries in the gateway and in all slots' namespaces. */
    readonly tracked: number;
  };
}

export interface Results extends Quick {
  readonly date: string;
  readonly machine: Machine;
  readonly phases: readonly Phase[];
  readonly figures: Figures;
  readonly peers: Measured;
  readonly attaching: Attaching;
}
