// Statements that are not true, one of each kind: where tsd has nothing against them, it has looked at nothing.

import { expectError, expectType } from 'tsd';
import { be32, type Place, struct, type TcBuilder, u32 } from 'tsnat/asm';

declare const p: TcBuilder;
const { view: v } = p.stack(struct('fields', { host: u32, net: be32 }));

expectError(v.net.eq(v.net));
expectType<Place<'u32'>>(v.net);
v.net.eq(v.host);
