// Numbers of include/uapi/linux/bpf.h, under the kernel's names. Those of map and program types are the
// assembler's (src/asm/kernel.ts).

export { MAP_TYPES, PROGRAM_TYPES } from '../../asm/data.ts';

// enum bpf_cmd
export const BPF_MAP_CREATE = 0;
export const BPF_MAP_LOOKUP_ELEM = 1;
export const BPF_MAP_UPDATE_ELEM = 2;
export const BPF_MAP_DELETE_ELEM = 3;
export const BPF_MAP_GET_NEXT_KEY = 4;
export const BPF_PROG_LOAD = 5;
export const BPF_OBJ_PIN = 6;
export const BPF_OBJ_GET = 7;
export const BPF_PROG_ATTACH = 8;
export const BPF_PROG_DETACH = 9;
export const BPF_PROG_TEST_RUN = 10;
export const BPF_PROG_GET_NEXT_ID = 11;
export const BPF_MAP_GET_NEXT_ID = 12;
export const BPF_PROG_GET_FD_BY_ID = 13;
export const BPF_MAP_GET_FD_BY_ID = 14;
export const BPF_OBJ_GET_INFO_BY_FD = 15;
export const BPF_PROG_QUERY = 16;
/** Since Linux 4.18. */
export const BPF_BTF_LOAD = 18;
/** Since Linux 4.18. */
export const BPF_BTF_GET_FD_BY_ID = 19;
/** Since Linux 4.20 for queues and stacks, 5.14 for hashes. */
export const BPF_MAP_LOOKUP_AND_DELETE_ELEM = 21;
/** Since Linux 5.2. */
export const BPF_MAP_FREEZE = 22;
/** Since Linux 5.4. */
export const BPF_BTF_GET_NEXT_ID = 23;
/** Since Linux 5.6. */
export const BPF_MAP_LOOKUP_BATCH = 24;
/** Since Linux 5.6. */
export const BPF_MAP_LOOKUP_AND_DELETE_BATCH = 25;
/** Since Linux 5.6. */
export const BPF_MAP_UPDATE_BATCH = 26;
/** Since Linux 5.6. */
export const BPF_MAP_DELETE_BATCH = 27;
/** Since Linux 5.7. */
export const BPF_LINK_CREATE = 28;
/** Since Linux 5.7. */
export const BPF_LINK_UPDATE = 29;
export const BPF_LINK_GET_FD_BY_ID = 30;
/** Since Linux 5.8. */
export const BPF_LINK_GET_NEXT_ID = 31;
/** Since Linux 5.8. */
export const BPF_ENABLE_STATS = 32;
/** Since Linux 5.9. */
export const BPF_LINK_DETACH = 34;

/** enum bpf_attach_type; as a link since Linux 5.9. */
export const BPF_XDP = 37;
/** Since Linux 6.6. */
export const BPF_TCX_INGRESS = 46;
export const BPF_TCX_EGRESS = 47;
/** Since Linux 6.7. */
export const BPF_NETKIT_PRIMARY = 54;
export const BPF_NETKIT_PEER = 55;

/** enum bpf_link_type */
export const BPF_LINK_TYPE_XDP = 6;
export const BPF_LINK_TYPE_TCX = 11;
export const BPF_LINK_TYPE_NETKIT = 13;

/** Flags of BPF_MAP_UPDATE_ELEM. */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;

/** enum bpf_stats_type */
export const BPF_STATS_RUN_TIME = 0;

/** Flags of BPF_PROG_TEST_RUN; since Linux 5.18. */
export const BPF_F_TEST_XDP_LIVE_FRAMES: number = 1 << 1;

/** `src_reg` of an `ld_imm64` whose immediate is a map's descriptor, or one and an offset in its value. */
export const BPF_PSEUDO_MAP_FD = 1;
export const BPF_PSEUDO_MAP_VALUE = 2;

/** BPF_F_REPLACE of BPF_LINK_UPDATE: only if `old_prog_fd` is what is attached. */
export const BPF_F_REPLACE: number = 1 << 2;
/** Where among several programs; what it is relative to is an identifier with BPF_F_ID, a link with BPF_F_LINK. */
export const BPF_F_BEFORE: number = 1 << 3;
export const BPF_F_AFTER: number = 1 << 4;
export const BPF_F_ID: number = 1 << 5;
export const BPF_F_LINK: number = 1 << 13;

export const BPF_OBJ_NAME_LEN = 16;
export const BPF_TAG_SIZE = 8;
