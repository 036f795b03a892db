// Look-ups or updates of a hash of 4-byte keys and 16-byte values by bpf(2), as fast as C does it: prints nanoseconds
// for each. map-loop lookup|update COUNT
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	int updates = argc > 1 && strcmp(argv[1], "update") == 0;
	uint32_t count = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000, key;
	uint64_t value[2] = { 0, 0 };
	union bpf_attr attr;
	double begun = 0;
	int map, round;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_HASH;
	attr.key_size = sizeof(key);
	attr.value_size = sizeof(value);
	attr.max_entries = count;
	map = syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (map < 0)
		return 1;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	/* The first round fills the map, the second is measured. */
	for (round = 0; round < 2; round++) {
		int command = round == 0 || updates ? BPF_MAP_UPDATE_ELEM : BPF_MAP_LOOKUP_ELEM;

		begun = now();
		for (key = 0; key < count; key++) {
			value[0] = key;
			if (syscall(__NR_bpf, command, &attr, 32))
				return 2;
		}
	}
	printf("%f\n", (now() - begun) / count);
	return 0;
}
