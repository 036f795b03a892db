/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks at a packet whose checksum the receiver has summed up (CHECKSUM_COMPLETE): does skb->csum still say what its
 * bytes say? Counts the verdicts and goes on. The checksum is that from the IP header on (tcx_run pushes the Ethernet
 * header without it).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define TC_ACT_UNSPEC (-1)
#define ETH_HLEN 14
#define MOST 2048

enum verdict { NOT_COMPLETE, RIGHT, WRONG, VERDICTS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, VERDICTS);
} verdicts SEC(".maps");

static __always_inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum % 0xffff;
}

SEC("tc")
int complete(struct __sk_buff *skb)
{
	__u32 verdict = NOT_COMPLETE;
	__s64 csum = bpf_csum_update(skb, 0);

	if (csum >= 0 && !bpf_skb_pull_data(skb, skb->len)) {
		void *end = (void *)(long)skb->data_end;
		__u8 *at = (void *)(long)skb->data + ETH_HLEN;
		__u64 sum = 0;

		for (int i = 0; i < MOST; i += 2) {
			if ((void *)(at + i + 1) > end)
				break;
			sum += at[i];
			if ((void *)(at + i + 2) > end)
				break;
			sum += (__u64)at[i + 1] << 8;
		}
		verdict = fold(csum) == fold(sum) ? RIGHT : WRONG;
	}

	__u64 *count = bpf_map_lookup_elem(&verdicts, &verdict);

	if (count)
		__sync_fetch_and_add(count, 1);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual MIT/GPL";
