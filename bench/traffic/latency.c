/* SPDX-License-Identifier: Apache-2.0
 *
 * One-way latency of UDP for the benchmark: both ends read the same clock.
 *
 *   latency receive PORT              for each run one line: datagrams, then latencies in nanoseconds: median, 99th, 99.9th
 *                                     percentile, most
 *   latency send HOST PORT RATE COUNT so many a second, evenly, whatever becomes of them; RATE 0: as fast as it goes,
 *                                     and prints the rate
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MOST (1 << 22)
#define END 0

static uint64_t latencies[MOST];

static void die(const char *what)
{
	fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void receive(int fd, int port)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(port) };
	int room = 1 << 26;
	size_t count = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)))
		die("bind");
	puts("ready");
	fflush(stdout);
	for (;;) {
		uint64_t sent;
		/* Polling: waking up is not what is measured. */
		if (recv(fd, &sent, sizeof(sent), count ? MSG_DONTWAIT : 0) != sizeof(sent)) {
			if (errno == EAGAIN)
				continue;
			die("recv");
		}
		if (sent != END) {
			if (count < MOST)
				latencies[count++] = now() - sent;
			continue;
		}
		if (count == 0)
			continue;
		qsort(latencies, count, sizeof(*latencies), compare);
		printf("%zu %llu %llu %llu %llu\n", count, (unsigned long long)latencies[count / 2],
		       (unsigned long long)latencies[count * 99 / 100], (unsigned long long)latencies[count * 999 / 1000],
		       (unsigned long long)latencies[count - 1]);
		fflush(stdout);
		count = 0;
	}
}

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (argc == 3 && !strcmp(argv[1], "receive"))
		receive(fd, atoi(argv[2]));
	if (argc != 6 || strcmp(argv[1], "send"))
		return 2;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[3])) };
	if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die(argv[2]);
	double rate = atof(argv[4]);
	long count = atol(argv[5]);
	uint64_t begun = now();
	for (long i = 0; i < count; i++) {
		uint64_t due = rate > 0 ? begun + i / rate * 1e9 : 0, time;
		while ((time = now()) < due)
			;
		/* When it was due, not when it was late: waiting for a turn is part of the latency. */
		uint64_t stamp = rate > 0 ? due : time;
		if (send(fd, &stamp, sizeof(stamp), 0) < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
			die("send");
	}
	if (rate == 0)
		printf("%.0f\n", count / ((now() - begun) / 1e9));
	uint64_t end = END;
	for (int i = 0; i < 3; i++)
		send(fd, &end, sizeof(end), 0);
	return 0;
}
