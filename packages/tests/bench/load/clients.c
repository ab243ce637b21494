#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load.h"

enum { read_at_once = 1 << 18, events_at_once = 512, opening_at_once = 200 };

/* Loopback addresses to connect from: one has too few ports for a storm of connections. */
enum { source_addresses = 200 };

struct client *clients;
int client_count;
struct totals totals;

static int epoll = -1;
static uint8_t read_buffer[2 * read_at_once];

void fail(const char *what) {
  perror(what);
  exit(2);
}

void create_clients(int count) {
  epoll = epoll_create1(0);
  client_count = count;
  clients = calloc((size_t)count, sizeof *clients);
  if (epoll < 0 || clients == NULL) fail("create clients");
  for (int i = 0; i < count; i++) {
    clients[i].number = (uint32_t)i;
    clients[i].fd = -1;
    snprintf(clients[i].identifier, sizeof clients[i].identifier, "load%d-%d", getpid() % 10000, i);
  }
}

static void watch(struct client *client, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (client->wants_write ? EPOLLOUT : 0),
                              .data.ptr = client};
  epoll_ctl(epoll, operation, client->fd, &event);
}

void close_client(struct client *client, bool is_fault) {
  if (client->state == CLOSED) return;
  close(client->fd);
  client->state = CLOSED;
  if (is_fault) totals.faults++;
}

void leave(struct client *client) {
  static const uint8_t disconnect[] = {0xe0, 0};
  send_bytes(client, disconnect, sizeof disconnect);
  close_client(client, false);
}

void stop_reading(struct client *client) {
  epoll_ctl(epoll, EPOLL_CTL_DEL, client->fd, NULL);
}

static void append(struct bytes *to, const uint8_t *bytes, size_t length) {
  if (to->length + length > to->capacity) {
    to->capacity = (to->length + length) * 2;
    to->data = realloc(to->data, to->capacity);
    if (to->data == NULL) fail("realloc");
  }
  memcpy(to->data + to->length, bytes, length);
  to->length += length;
}

void send_bytes(struct client *client, const uint8_t *bytes, size_t length) {
  if (client->state == CLOSED) return;
  if (client->unsent.length == 0) {
    ssize_t taken = send(client->fd, bytes, length, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) return close_client(client, true);
    if (taken < 0) taken = 0;
    bytes += taken;
    length -= (size_t)taken;
    if (length == 0) return;
  }
  append(&client->unsent, bytes, length);
  if (client->wants_write) return;
  client->wants_write = true;
  watch(client, EPOLL_CTL_MOD);
}

static void send_rest(struct client *client) {
  struct bytes *unsent = &client->unsent;
  while (client->unsent_from < unsent->length) {
    size_t left = unsent->length - client->unsent_from;
    ssize_t taken = send(client->fd, unsent->data + client->unsent_from, left, MSG_NOSIGNAL);
    if (taken < 0 && errno == EAGAIN) return;
    if (taken < 0) return close_client(client, true);
    client->unsent_from += (size_t)taken;
  }
  unsent->length = client->unsent_from = 0;
  client->wants_write = false;
  watch(client, EPOLL_CTL_MOD);
  mark_due(client);
}

void open_client(struct client *client) {
  static uint32_t opened;
  int fd = client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) fail("socket");
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + opened++ % source_addresses);
  if (bind(fd, (void *)&address, sizeof address) < 0) fail("bind");
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)options.port);
  if (connect(fd, (void *)&address, sizeof address) < 0 && errno != EINPROGRESS) fail("connect");
  client->state = OPENING;
  client->wants_write = true;
  client->unread.length = client->unsent.length = client->unsent_from = 0;
  watch(client, EPOLL_CTL_ADD);
}

static void opened(struct client *client) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return close_client(client, true);
  client->wants_write = false;
  watch(client, EPOLL_CTL_MOD);
  send_connect(client);
}

static void read_some(struct client *client) {
  struct bytes *unread = &client->unread;
  size_t kept = unread->length;
  if (kept > read_at_once) fail("a packet is larger than expected");
  memcpy(read_buffer, unread->data != NULL ? unread->data : read_buffer, kept);
  ssize_t got = recv(client->fd, read_buffer + kept, read_at_once, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return close_client(client, true);
  size_t length = kept + (size_t)got;
  size_t used = receive_packets(client, read_buffer, length, now_ns());
  unread->length = 0;
  if (used < length) append(unread, read_buffer + used, length - used);
}

void turn(uint64_t nanoseconds) {
  static struct epoll_event events[events_at_once];
  struct timespec patience = {.tv_sec = (time_t)(nanoseconds / 1000000000u),
                              .tv_nsec = (long)(nanoseconds % 1000000000u)};
  /* Milliseconds, which epoll_wait offers, are too coarse for a rate. */
  long count = syscall(SYS_epoll_pwait2, epoll, events, events_at_once, &patience, NULL, 8);
  for (long i = 0; i < count; i++) {
    struct client *client = events[i].data.ptr;
    uint32_t what = events[i].events;
    if (client->state == OPENING) {
      if (what & (EPOLLOUT | EPOLLERR | EPOLLHUP)) opened(client);
      continue;
    }
    if (client->state != CLOSED && (what & EPOLLOUT)) send_rest(client);
    if (client->state != CLOSED && (what & (EPOLLIN | EPOLLHUP | EPOLLERR))) read_some(client);
  }
}

void idle_for(double seconds) {
  for (uint64_t end = now_ns() + (uint64_t)(seconds * 1e9); now_ns() < end;) turn(50000000);
}

double open_clients(int first, int end) {
  uint64_t began = now_ns(), progress_at = began, progress = 0;
  uint64_t ready_before = totals.ready, faults_before = totals.faults;
  int next = first;
  while (totals.ready - ready_before < (uint64_t)(end - first)) {
    int done = (int)(totals.ready - ready_before);
    while (next < end && next - first < done + opening_at_once) open_client(&clients[next++]);
    turn(100000000);
    if (totals.faults - faults_before > 20) exit(3);
    if (totals.ready + totals.filters != progress) {
      progress = totals.ready + totals.filters;
      progress_at = now_ns();
    } else if (now_ns() - progress_at > 60000000000u) {
      fprintf(stderr, "%d of %d clients are ready, and nothing happens\n", done, end - first);
      exit(3);
    }
  }
  return (double)(now_ns() - began) / 1e9;
}
