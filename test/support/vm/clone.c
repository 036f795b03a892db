// What a micro-VM runs, as its first process: it inserts /modules/*, gives eth0 an address of each family, and does what lines on its
// second serial port say. Clones of one machine are alike down to the ports they pick, so only what they are told tells
// them apart: every line and every other byte they send says which slot they are.
//   slot N                      be slot N: from now on `slot N tcp` and `slot N udp` answer whoever asks port 7001
//   talk SERVER FIRST COUNT     exchanges FIRST to FIRST + COUNT - 1 with port 7000 of the server, one after the other
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ADDRESS "172.16.0.2"
#define NETMASK "255.255.255.252"
#define GATEWAY "172.16.0.1"
#define ADDRESS6 "fd00::2"
#define GATEWAY6 "fd00::1"
#define SERVER_PORT 7000
#define OWN_PORT 7001
/* Of exchange 0, in all clones. */
#define FIRST_SOURCE_PORT 40000
/* More than a segment of 64 KiB: the host's stack gets super-packets. */
#define BULK 200000
#define DATAGRAM 1200
#define TRIES 10
#define LINE 256

static int slot;

static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

/* The end of the machine: there is nobody to go on. */
static void fail(const char *what) {
  say("FAILED slot %d: %s: %s", slot, what, strerror(errno));
  for (;;) pause();
}

static void insert_modules(void) {
  struct dirent **entries;
  int count = scandir("/modules", &entries, NULL, alphasort);
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] == '.') continue;
    char path[LINE];
    snprintf(path, sizeof path, "/modules/%.200s", entries[i]->d_name);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || syscall(SYS_finit_module, fd, "", 0)) fail(path);
    close(fd);
  }
}

static struct sockaddr_in at(const char *address, int port) {
  struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, address, &result.sin_addr) != 1) fail(address);
  return result;
}

/* The same for both families: IPv4 addresses as ::ffff:a.b.c.d. */
static struct sockaddr_in6 at6(const char *address, int port) {
  struct sockaddr_in6 result = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  char mapped[INET6_ADDRSTRLEN];
  snprintf(mapped, sizeof mapped, strchr(address, ':') ? "%s" : "::ffff:%s", address);
  if (inet_pton(AF_INET6, mapped, &result.sin6_addr) != 1) fail(address);
  return result;
}

static void set(int fd, unsigned long request, const char *what, const char *address) {
  struct ifreq ifr = {.ifr_name = "eth0"};
  if (address) {
    struct sockaddr_in value = at(address, 0);
    memcpy(&ifr.ifr_addr, &value, sizeof value);
  } else
    ifr.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(fd, request, &ifr)) fail(what);
}

/* linux/ipv6.h, which does not go together with the C library's headers. */
struct in6_ifreq {
  struct in6_addr address;
  unsigned int prefix_length;
  int index;
};

/* After `configure`: eth0 is up. */
static void configure6(void) {
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  if (fd < 0) fail("IPv6");
  struct in6_ifreq own = {.address = at6(ADDRESS6, 0).sin6_addr, .prefix_length = 64};
  own.index = if_nametoindex("eth0");
  if (ioctl(fd, SIOCSIFADDR, &own)) fail("address6");
  struct in6_rtmsg route = {.rtmsg_flags = RTF_UP | RTF_GATEWAY, .rtmsg_metric = 1};
  route.rtmsg_gateway = at6(GATEWAY6, 0).sin6_addr;
  route.rtmsg_ifindex = own.index;
  if (ioctl(fd, SIOCADDRT, &route)) fail("route6");
  close(fd);
  /* Until nobody else was found to have it (RFC 4862, section 5.4), nothing can be sent from it. */
  for (int i = 0;; i++) {
    int probe = socket(AF_INET6, SOCK_DGRAM, 0);
    struct sockaddr_in6 mine = at6(ADDRESS6, 0);
    int refused = bind(probe, (void *)&mine, sizeof mine);
    close(probe);
    if (!refused) return;
    if (i == 100) fail("tentative address6");
    usleep(100000);
  }
}

static void configure(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct ifreq ifr = {.ifr_name = "eth0"};
  for (int i = 0; ioctl(fd, SIOCGIFINDEX, &ifr); i++) {
    if (i == 100) fail("eth0");
    usleep(100000);
  }
  set(fd, SIOCSIFADDR, "address", ADDRESS);
  set(fd, SIOCSIFNETMASK, "netmask", NETMASK);
  set(fd, SIOCSIFFLAGS, "up", NULL);
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
  struct sockaddr_in any = at("0.0.0.0", 0), gateway = at(GATEWAY, 0);
  memcpy(&route.rt_dst, &any, sizeof any);
  memcpy(&route.rt_genmask, &any, sizeof any);
  memcpy(&route.rt_gateway, &gateway, sizeof gateway);
  if (ioctl(fd, SIOCADDRT, &route)) fail("route");
  close(fd);
}

static int bound(int type, int port) {
  int fd = socket(AF_INET6, type, 0), on = 1;
  struct sockaddr_in6 own = at6("::", port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (void *)&own, sizeof own)) fail("bind");
  return fd;
}

/* Reads up to a newline, which is left out. Returns whether there was one. */
static int read_line(int fd, char *line) {
  for (int i = 0; i < LINE - 1; i++) {
    if (read(fd, line + i, 1) != 1) return 0;
    if (line[i] == '\n') {
      line[i] = 0;
      return 1;
    }
  }
  return 0;
}

static void send_all(int fd, const void *data, size_t size) {
  for (size_t sent = 0; sent < size;) {
    ssize_t more = write(fd, (const char *)data + sent, size - sent);
    if (more <= 0) fail("write");
    sent += more;
  }
}

/* Reads `size` bytes, all of which have to be this slot's. */
static void read_own(int fd, size_t size) {
  static unsigned char data[BULK];
  for (size_t have = 0; have < size;) {
    ssize_t more = read(fd, data, size - have);
    if (more <= 0) fail("read");
    for (ssize_t i = 0; i < more; i++) {
      errno = 0;
      if (data[i] != slot) fail("another slot's bytes");
    }
    have += more;
  }
}

/* What the server says of line `asked`: "ASKED from ADDRESS". */
static const char *address_of(const char *answer, const char *asked) {
  size_t length = strlen(asked);
  if (strncmp(answer, asked, length) || strncmp(answer + length, " from ", 6)) {
    errno = 0;
    fail(answer);
  }
  return answer + length + 6;
}

static void talk_tcp(const char *server, int number) {
  static unsigned char bulk[BULK];
  char asked[LINE], answer[LINE];
  int fd = bound(SOCK_STREAM, FIRST_SOURCE_PORT + number);
  struct sockaddr_in6 to = at6(server, SERVER_PORT);
  if (connect(fd, (void *)&to, sizeof to)) fail("connect");
  snprintf(asked, sizeof asked, "slot %d tcp %d", slot, number);
  memset(bulk, slot, sizeof bulk);
  send_all(fd, asked, strlen(asked));
  send_all(fd, "\n", 1);
  send_all(fd, bulk, sizeof bulk);
  shutdown(fd, SHUT_WR);
  if (!read_line(fd, answer)) fail("answer");
  read_own(fd, BULK);
  say("%s from %s", asked, address_of(answer, asked));
  close(fd);
}

/* Of datagrams that are lost another one is sent. */
static void talk_udp(const char *server, int number) {
  char data[LINE + DATAGRAM], asked[LINE];
  int fd = bound(SOCK_DGRAM, FIRST_SOURCE_PORT + number);
  struct sockaddr_in6 to = at6(server, SERVER_PORT);
  if (connect(fd, (void *)&to, sizeof to)) fail("connect");
  snprintf(asked, sizeof asked, "slot %d udp %d", slot, number);
  for (int i = 0; i < TRIES; i++) {
    int length = sprintf(data, "%s\n", asked);
    memset(data + length, slot, DATAGRAM);
    send(fd, data, length + DATAGRAM, 0);
    struct pollfd in = {.fd = fd, .events = POLLIN};
    if (poll(&in, 1, 2000) <= 0) continue;
    ssize_t size = recv(fd, data, sizeof data, 0);
    if (size <= 0) continue;
    char *end = memchr(data, '\n', size);
    if (!end || data + size - end - 1 != DATAGRAM) fail("answer");
    for (char *rest = end + 1; rest < data + size; rest++) {
      if (*rest != slot) fail("another slot's bytes");
    }
    *end = 0;
    say("%s from %s", asked, address_of(data, asked));
    close(fd);
    return;
  }
  fail("no answer");
}

static void serve_tcp(void) {
  char line[LINE], answer[2 * LINE];
  int listening = bound(SOCK_STREAM, OWN_PORT);
  if (listen(listening, 8)) fail("listen");
  for (;;) {
    int fd = accept(listening, NULL, NULL);
    if (fd < 0) continue;
    if (read_line(fd, line)) {
      snprintf(answer, sizeof answer, "slot %d tcp %s\n", slot, line);
      send_all(fd, answer, strlen(answer));
    }
    close(fd);
  }
}

static void serve_udp(void) {
  char line[LINE], answer[2 * LINE];
  int fd = bound(SOCK_DGRAM, OWN_PORT);
  for (;;) {
    struct sockaddr_in6 from;
    socklen_t length = sizeof from;
    ssize_t size = recvfrom(fd, line, LINE - 1, 0, (void *)&from, &length);
    if (size < 0) continue;
    line[size] = 0;
    snprintf(answer, sizeof answer, "slot %d udp %s", slot, line);
    sendto(fd, answer, strlen(answer), 0, (void *)&from, length);
  }
}

static void beside(void (*run)(void)) {
  if (fork() == 0) run();
}

static void become(int number) {
  slot = number;
  beside(serve_tcp);
  beside(serve_udp);
  say("slot %d", slot);
}

static void talk(const char *server, int first, int count) {
  for (int number = first; number < first + count; number++) {
    talk_tcp(server, number);
    talk_udp(server, number);
  }
  say("slot %d talked up to %d", slot, first + count);
}

int main(void) {
  char line[LINE], server[LINE];
  int number, count;
  mount("dev", "/dev", "devtmpfs", 0, NULL);
  int port = open("/dev/ttyS1", O_RDWR | O_NOCTTY);
  struct termios raw;
  tcgetattr(port, &raw);
  cfmakeraw(&raw);
  tcsetattr(port, TCSANOW, &raw);
  dup2(port, 0);
  dup2(port, 1);
  insert_modules();
  configure();
  configure6();
  say("READY");
  while (read_line(0, line)) {
    if (sscanf(line, "slot %d", &number) == 1)
      become(number);
    else if (sscanf(line, "talk %255s %d %d", server, &number, &count) == 3)
      talk(server, number, count);
    else
      say("FAILED: '%s' is not known", line);
  }
  fail("the serial port");
}
