// Numbered datagrams, many a second, and the account of those that arrive; by sendmmsg and recvmmsg.
//   stream send ADDRESS PORT RATE    sends until its input ends; each starts with its number, 4 bytes
//   stream receive PORT              counts until its input has ended and nothing more comes; prints `ready` first
// Both print their account as JSON. The receive buffer is forced beyond net.core.rmem_max.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 16
#define FEWEST 4
#define PAYLOAD 64
#define BUFFER (1 << 27)
#define NUMBERS (1u << 26)
#define MOST_SOURCES 4
#define MOST_MISSING 20
#define QUIET_MS 300

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int ended(int timeout) {
  struct pollfd in = {.fd = 0, .events = POLLIN};
  char byte;
  return poll(&in, 1, timeout) > 0 && read(0, &byte, 1) <= 0;
}

static int fail(const char *what) {
  perror(what);
  return 1;
}

/* A datagram socket that is connected to an IPv4 or IPv6 address. */
static int connected(const char *address, int port) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    return connect(fd, (void *)&four, sizeof four) ? -1 : fd;
  }
  if (inet_pton(AF_INET6, address, &six.sin6_addr) != 1) return -1;
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  return connect(fd, (void *)&six, sizeof six) ? -1 : fd;
}

static int send_all(const char *address, int port, double rate) {
  int fd = connected(address, port);
  if (fd < 0) return fail("connect");
  static char data[BATCH][PAYLOAD];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){data[i], PAYLOAD};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  uint32_t sent = 0;
  unsigned refused = 0;
  double begun = now();
  while (!ended(0)) {
    double due = (now() - begun) * rate;
    int count = due - sent > BATCH ? BATCH : due > sent ? (int)(due - sent) : 0;
    if (count < FEWEST) {
      usleep(fmax(100, (FEWEST - (due - sent)) / rate * 1e6));
      continue;
    }
    for (int i = 0; i < count; i++) {
      uint32_t number = htonl(sent + i);
      memcpy(data[i], &number, sizeof number);
    }
    int done = sendmmsg(fd, messages, count, 0);
    if (done > 0) sent += done;
    else if (errno != EINTR) refused++;
  }
  printf("{\"sent\":%u,\"refused\":%u,\"seconds\":%.3f}\n", sent, refused, now() - begun);
  return 0;
}

static int receive_all(int port) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0), size = BUFFER;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) return fail("SO_RCVBUFFORCE");
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (bind(fd, (void *)&any, sizeof any)) return fail("bind");
  static char data[BATCH][2048];
  static struct sockaddr_in from[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  uint8_t *seen = calloc(NUMBERS / 8, 1);
  uint32_t sources[MOST_SOURCES], highest = 0;
  int source_count = 0, over = 0;
  unsigned long received = 0, duplicates = 0, disordered = 0;
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    struct pollfd both[2] = {{.fd = fd, .events = POLLIN}, {.fd = over ? -1 : 0, .events = POLLIN}};
    if (poll(both, 2, over ? QUIET_MS : -1) == 0) break;
    if (!over && both[1].revents && ended(0)) over = 1;
    if (!both[0].revents) continue;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){data[i], sizeof data[i]};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &from[i], .msg_namelen = sizeof from[i], .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
      uint32_t number;
      memcpy(&number, data[i], sizeof number);
      number = ntohl(number) % NUMBERS;
      if (seen[number / 8] & 1 << number % 8) duplicates++;
      seen[number / 8] |= 1 << number % 8;
      if (received > 0 && number < highest) disordered++;
      if (number > highest) highest = number;
      received++;
      int known = 0;
      for (int s = 0; s < source_count; s++) known |= sources[s] == from[i].sin_addr.s_addr;
      if (!known && source_count < MOST_SOURCES) sources[source_count++] = from[i].sin_addr.s_addr;
    }
  }
  unsigned long lost = 0;
  printf("{\"received\":%lu,\"duplicates\":%lu,\"disordered\":%lu,\"missing\":[", received, duplicates, disordered);
  for (uint32_t n = 0; received > 0 && n <= highest; n++) {
    if (seen[n / 8] & 1 << n % 8) continue;
    if (lost++ < MOST_MISSING) printf("%s%u", lost > 1 ? "," : "", n);
  }
  printf("],\"lost\":%lu,\"from\":[", lost);
  for (int s = 0; s < source_count; s++) {
    struct in_addr address = {sources[s]};
    printf("%s\"%s\"", s > 0 ? "," : "", inet_ntoa(address));
  }
  printf("]}\n");
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 5 && !strcmp(argv[1], "send")) return send_all(argv[2], atoi(argv[3]), atof(argv[4]));
  if (argc == 3 && !strcmp(argv[1], "receive")) return receive_all(atoi(argv[2]));
  fprintf(stderr, "usage: stream send ADDRESS PORT RATE | stream receive PORT\n");
  return 2;
}
