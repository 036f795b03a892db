/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP for the benchmark: as little around the system calls as can be.
 *
 *   tcp serve PORT               answers each connection's one byte with one, and closes; port + 1 swallows all it gets
 *   tcp connect HOST PORT SECS   connect, one byte each way, close, over and over; prints how many, and its processor time
 *   tcp bulk HOST PORT SECS      sends to port + 1 as fast as it goes; prints bytes, and its processor time
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char block[1 << 17];

static void die(const char *what)
{
	fprintf(stderr, "tcp: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in at(const char *host, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		die(host);
	return address;
}

static int listener(int port)
{
	struct sockaddr_in address = at("0.0.0.0", port);
	int yes = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1024))
		die("listen");
	return fd;
}

static void serve(int port)
{
	int swallower = listener(port + 1), echo = listener(port), swallow = -1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd all[] = { { echo, POLLIN, 0 }, { swallower, POLLIN, 0 }, { swallow, POLLIN, 0 } };
		if (poll(all, 3, -1) < 0)
			die("poll");
		if (all[0].revents) {
			char byte;
			int fd = accept(echo, NULL, NULL);
			if (fd >= 0 && read(fd, &byte, 1) == 1 && write(fd, &byte, 1) != 1)
				die("write");
			close(fd);
		}
		if (all[1].revents)
			swallow = accept(swallower, NULL, NULL);
		if (swallow >= 0 && all[2].revents && read(swallow, block, sizeof(block)) <= 0) {
			close(swallow);
			swallow = -1;
		}
	}
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int dial(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		die("connect");
	return fd;
}

int main(int argc, char **argv)
{
	unsigned long long count = 0;
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	if (argc != 5)
		return 2;
	int bulk = !strcmp(argv[1], "bulk");
	struct sockaddr_in address = at(argv[2], atoi(argv[3]) + bulk);
	double end = now() + atof(argv[4]);
	if (bulk) {
		int fd = dial(&address);
		while (now() < end) {
			ssize_t written = write(fd, block, sizeof(block));
			if (written < 0)
				die("write");
			count += written;
		}
	} else {
		/* An end that resets leaves no port behind in TIME_WAIT. */
		struct linger reset = { 1, 0 };
		while (now() < end) {
			char byte = 0;
			int fd = dial(&address);
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
				die("exchange");
			close(fd);
			count++;
		}
	}
	struct timespec busy;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &busy);
	printf("%llu %.9f\n", count, busy.tv_sec + busy.tv_nsec / 1e9);
	return 0;
}
