// The initial contents of IANA's "BPF Instruction Set" registry (RFC 9669, section 7.2): opcode, src, offset, imm, what it
// does. Fields are hexadecimal where the registry writes 0x; `any` is any value the field can hold.

/** One row a line: `opcode src offset imm description`. */
export const REGISTRY = `
0x04 0x0 0   any  dst = (u32)((u32)dst + (u32)imm)
0x05 0x0 any 0x00 goto +offset
0x06 0x0 0   any  goto +imm
0x07 0x0 0   any  dst += imm
0x0c any 0   0x00 dst = (u32)((u32)dst + (u32)src)
0x0f any 0   0x00 dst += src
0x14 0x0 0   any  dst = (u32)((u32)dst - (u32)imm)
0x15 0x0 any any  if dst == imm goto +offset
0x16 0x0 any any  if (u32)dst == imm goto +offset
0x17 0x0 0   any  dst -= imm
0x18 0x0 0   any  dst = (next_imm << 32) | imm
0x18 0x1 0   any  dst = map_by_fd(imm)
0x18 0x2 0   any  dst = map_val(map_by_fd(imm)) + next_imm
0x18 0x3 0   any  dst = var_addr(imm)
0x18 0x4 0   any  dst = code_addr(imm)
0x18 0x5 0   any  dst = map_by_idx(imm)
0x18 0x6 0   any  dst = map_val(map_by_idx(imm)) + next_imm
0x1c any 0   0x00 dst = (u32)((u32)dst - (u32)src)
0x1d any any 0x00 if dst == src goto +offset
0x1e any any 0x00 if (u32)dst == (u32)src goto +offset
0x1f any 0   0x00 dst -= src
0x24 0x0 0   any  dst = (u32)(dst * imm)
0x25 0x0 any any  if dst > imm goto +offset
0x26 0x0 any any  if (u32)dst > imm goto +offset
0x27 0x0 0   any  dst *= imm
0x2c any 0   0x00 dst = (u32)(dst * src)
0x2d any any 0x00 if dst > src goto +offset
0x2e any any 0x00 if (u32)dst > (u32)src goto +offset
0x2f any 0   0x00 dst *= src
0x34 0x0 0   any  dst = (u32)((imm != 0) ? ((u32)dst / (u32)imm) : 0)
0x34 0x0 1   any  dst = (u32)((imm != 0) ? ((s32)dst s/ imm) : 0)
0x35 0x0 any any  if dst >= imm goto +offset
0x36 0x0 any any  if (u32)dst >= imm goto +offset
0x37 0x0 0   any  dst = (imm != 0) ? (dst / (u32)imm) : 0
0x37 0x0 1   any  dst = (imm != 0) ? (dst s/ imm) : 0
0x3c any 0   0x00 dst = (u32)((src != 0) ? ((u32)dst / (u32)src) : 0)
0x3c any 1   0x00 dst = (u32)((src != 0) ? ((s32)dst s/(s32)src) : 0)
0x3d any any 0x00 if dst >= src goto +offset
0x3e any any 0x00 if (u32)dst >= (u32)src goto +offset
0x3f any 0   0x00 dst = (src != 0) ? (dst / src) : 0
0x3f any 1   0x00 dst = (src != 0) ? (dst s/ src) : 0
0x44 0x0 0   any  dst = (u32)(dst | imm)
0x45 0x0 any any  if dst & imm goto +offset
0x46 0x0 any any  if (u32)dst & imm goto +offset
0x47 0x0 0   any  dst |= imm
0x4c any 0   0x00 dst = (u32)(dst | src)
0x4d any any 0x00 if dst & src goto +offset
0x4e any any 0x00 if (u32)dst & (u32)src goto +offset
0x4f any 0   0x00 dst |= src
0x54 0x0 0   any  dst = (u32)(dst & imm)
0x55 0x0 any any  if dst != imm goto +offset
0x56 0x0 any any  if (u32)dst != imm goto +offset
0x57 0x0 0   any  dst &= imm
0x5c any 0   0x00 dst = (u32)(dst & src)
0x5d any any 0x00 if dst != src goto +offset
0x5e any any 0x00 if (u32)dst != (u32)src goto +offset
0x5f any 0   0x00 dst &= src
0x61 any any 0x00 dst = *(u32 *)(src + offset)
0x62 0x0 any any  *(u32 *)(dst + offset) = imm
0x63 any any 0x00 *(u32 *)(dst + offset) = src
0x64 0x0 0   any  dst = (u32)(dst << imm)
0x65 0x0 any any  if dst s> imm goto +offset
0x66 0x0 any any  if (s32)dst s> (s32)imm goto +offset
0x67 0x0 0   any  dst <<= imm
0x69 any any 0x00 dst = *(u16 *)(src + offset)
0x6a 0x0 any any  *(u16 *)(dst + offset) = imm
0x6b any any 0x00 *(u16 *)(dst + offset) = src
0x6c any 0   0x00 dst = (u32)(dst << src)
0x6d any any 0x00 if dst s> src goto +offset
0x6e any any 0x00 if (s32)dst s> (s32)src goto +offset
0x6f any 0   0x00 dst <<= src
0x71 any any 0x00 dst = *(u8 *)(src + offset)
0x72 0x0 any any  *(u8 *)(dst + offset) = imm
0x73 any any 0x00 *(u8 *)(dst + offset) = src
0x74 0x0 0   any  dst = (u32)(dst >> imm)
0x75 0x0 any any  if dst s>= imm goto +offset
0x76 0x0 any any  if (s32)dst s>= (s32)imm goto +offset
0x77 0x0 0   any  dst >>= imm
0x79 any any 0x00 dst = *(u64 *)(src + offset)
0x7a 0x0 any any  *(u64 *)(dst + offset) = imm
0x7b any any 0x00 *(u64 *)(dst + offset) = src
0x7c any 0   0x00 dst = (u32)(dst >> src)
0x7d any any 0x00 if dst s>= src goto +offset
0x7e any any 0x00 if (s32)dst s>= (s32)src goto +offset
0x7f any 0   0x00 dst >>= src
0x84 0x0 0   0x00 dst = (u32)-dst
0x85 0x0 0   any  call helper function by static ID
0x85 0x1 0   any  call PC += imm
0x85 0x2 0   any  call helper function by BTF ID
0x87 0x0 0   0x00 dst = -dst
0x94 0x0 0   any  dst = (u32)((imm != 0)?((u32)dst % (u32)imm) : dst)
0x94 0x0 1   any  dst = (u32)((imm != 0) ? ((s32)dst s% imm) : dst)
0x95 0x0 0   0x00 return
0x97 0x0 0   any  dst = (imm != 0) ? (dst % (u32)imm) : dst
0x97 0x0 1   any  dst = (imm != 0) ? (dst s% imm) : dst
0x9c any 0   0x00 dst = (u32)((src != 0)?((u32)dst % (u32)src) : dst)
0x9c any 1   0x00 dst = (u32)((src != 0)?((s32)dst s% (s32)src) :dst)
0x9f any 0   0x00 dst = (src != 0) ? (dst % src) : dst
0x9f any 1   0x00 dst = (src != 0) ? (dst s% src) : dst
0xa4 0x0 0   any  dst = (u32)(dst ^ imm)
0xa5 0x0 any any  if dst < imm goto +offset
0xa6 0x0 any any  if (u32)dst < imm goto +offset
0xa7 0x0 0   any  dst ^= imm
0xac any 0   0x00 dst = (u32)(dst ^ src)
0xad any any 0x00 if dst < src goto +offset
0xae any any 0x00 if (u32)dst < (u32)src goto +offset
0xaf any 0   0x00 dst ^= src
0xb4 0x0 0   any  dst = (u32) imm
0xb5 0x0 any any  if dst <= imm goto +offset
0xb6 0x0 any any  if (u32)dst <= imm goto +offset
0xb7 0x0 0   any  dst = imm
0xbc any 0   0x00 dst = (u32) src
0xbc any 8   0x00 dst = (u32) (s32) (s8) src
0xbc any 16  0x00 dst = (u32) (s32) (s16) src
0xbd any any 0x00 if dst <= src goto +offset
0xbe any any 0x00 if (u32)dst <= (u32)src goto +offset
0xbf any 0   0x00 dst = src
0xbf any 8   0x00 dst = (s64) (s8) src
0xbf any 16  0x00 dst = (s64) (s16) src
0xbf any 32  0x00 dst = (s64) (s32) src
0xc3 any any 0x00 lock *(u32 *)(dst + offset) += src
0xc3 any any 0x01 src = atomic_fetch_add_32((u32 *)(dst + offset), src)
0xc3 any any 0x40 lock *(u32 *)(dst + offset) |= src
0xc3 any any 0x41 src = atomic_fetch_or_32((u32 *)(dst + offset), src)
0xc3 any any 0x50 lock *(u32 *)(dst + offset) &= src
0xc3 any any 0x51 src = atomic_fetch_and_32((u32 *)(dst + offset), src)
0xc3 any any 0xa0 lock *(u32 *)(dst + offset) ^= src
0xc3 any any 0xa1 src = atomic_fetch_xor_32((u32 *)(dst + offset), src)
0xc3 any any 0xe1 src = xchg_32((u32 *)(dst + offset), src)
0xc3 any any 0xf1 r0 = cmpxchg_32((u32 *)(dst + offset), r0, src)
0xc4 0x0 0   any  dst = (u32)(dst s>> imm)
0xc5 0x0 any any  if dst s< imm goto +offset
0xc6 0x0 any any  if (s32)dst s< (s32)imm goto +offset
0xc7 0x0 0   any  dst s>>= imm
0xcc any 0   0x00 dst = (u32)(dst s>> src)
0xcd any any 0x00 if dst s< src goto +offset
0xce any any 0x00 if (s32)dst s< (s32)src goto +offset
0xcf any 0   0x00 dst s>>= src
0xd4 0x0 0   0x10 dst = htole16(dst)
0xd4 0x0 0   0x20 dst = htole32(dst)
0xd4 0x0 0   0x40 dst = htole64(dst)
0xd5 0x0 any any  if dst s<= imm goto +offset
0xd6 0x0 any any  if (s32)dst s<= (s32)imm goto +offset
0xd7 0x0 0   0x10 dst = bswap16(dst)
0xd7 0x0 0   0x20 dst = bswap32(dst)
0xd7 0x0 0   0x40 dst = bswap64(dst)
0xdb any any 0x00 lock *(u64 *)(dst + offset) += src
0xdb any any 0x01 src = atomic_fetch_add_64((u64 *)(dst + offset), src)
0xdb any any 0x40 lock *(u64 *)(dst + offset) |= src
0xdb any any 0x41 src = atomic_fetch_or_64((u64 *)(dst + offset), src)
0xdb any any 0x50 lock *(u64 *)(dst + offset) &= src
0xdb any any 0x51 src = atomic_fetch_and_64((u64 *)(dst + offset), src)
0xdb any any 0xa0 lock *(u64 *)(dst + offset) ^= src
0xdb any any 0xa1 src = atomic_fetch_xor_64((u64 *)(dst + offset), src)
0xdb any any 0xe1 src = xchg_64((u64 *)(dst + offset), src)
0xdb any any 0xf1 r0 = cmpxchg_64((u64 *)(dst + offset), r0, src)
0xdc 0x0 0   0x10 dst = htobe16(dst)
0xdc 0x0 0   0x20 dst = htobe32(dst)
0xdc 0x0 0   0x40 dst = htobe64(dst)
0xdd any any 0x00 if dst s<= src goto +offset
0xde any any 0x00 if (s32)dst s<= (s32)src goto +offset
`;

/** RFC 9669 itself, sections 5.2 and 5.5: the legacy forms are implementation-specific to the registry; these are Linux's. */
export const RFC = `
0x81 any any 0x00 dst = *(s32 *)(src + offset)
0x89 any any 0x00 dst = *(s16 *)(src + offset)
0x91 any any 0x00 dst = *(s8 *)(src + offset)
0x20 0x0 0   any  r0 = *(u32 *)skb[imm]
0x28 0x0 0   any  r0 = *(u16 *)skb[imm]
0x30 0x0 0   any  r0 = *(u8 *)skb[imm]
0x40 any 0   any  r0 = *(u32 *)skb[src + imm]
0x48 any 0   any  r0 = *(u16 *)skb[src + imm]
0x50 any 0   any  r0 = *(u8 *)skb[src + imm]
`;

/** What is in neither: kernel/bpf/verifier.c and disasm.c, and `callx`, which compilers emit and Linux refuses. */
export const LINUX = `
0x0d 0x0 0   0x00 gotox dst
0x85 0x2 any any  call helper function by BTF ID, of the module that fd_array[offset] describes
0x8d 0x0 0   0x00 call helper function by register
0xbf any 1   any  dst = addr_space_cast(src, imm >> 16, imm & 0xffff)
0xc3 any any 0x100 dst = load_acquire((u32 *)(src + offset))
0xc3 any any 0x110 store_release((u32 *)(dst + offset), src)
0xcb any any 0x100 dst = load_acquire((u16 *)(src + offset))
0xcb any any 0x110 store_release((u16 *)(dst + offset), src)
0xd3 any any 0x100 dst = load_acquire((u8 *)(src + offset))
0xd3 any any 0x110 store_release((u8 *)(dst + offset), src)
0xdb any any 0x100 dst = load_acquire((u64 *)(src + offset))
0xdb any any 0x110 store_release((u64 *)(dst + offset), src)
0xe5 0x0 any 0x00 may_goto +offset
`;
