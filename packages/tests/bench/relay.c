/*
 * relay PORT: the least that a broker for QoS 0 can do, in C on epoll, as the limit to compare with.
 * It knows exact topics only, has no sessions, no access rules and no limits, and trusts its clients:
 * for measurements on 127.0.0.1, and for nothing else.
 *
 * A turn is one epoll_wait: every socket that has something is read once, each PUBLISH is appended to
 * the output of its subscribers, and everybody's output leaves as one send. Neighbouring packets of
 * one read for the same subscriber stay a slice of the read buffer, and are not copied.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { buckets = 1 << 16, most_connections = 200000, read_at_once = 1 << 18, backlog = 4096 };

struct connection;

struct topic {
  uint8_t *name;
  uint32_t length, count, capacity;
  struct connection **subscribers;
  struct topic *next;
};

struct connection {
  int fd;
  bool has_output, is_blocked;
  /* Output as a slice of the read buffer, or as a copy; never both. */
  const uint8_t *slice;
  size_t slice_length;
  uint8_t *copy;
  size_t copy_length, copy_capacity;
  /* The beginning of a packet whose rest has not come. */
  uint8_t *rest;
  size_t rest_length;
  /* Most publishers stay with a topic. */
  struct topic *latest;
};

static struct topic *topics[buckets];
static struct connection *connections[most_connections], *with_output[most_connections];
static int output_count, epoll;
static uint8_t read_buffer[2 * read_at_once];

static struct topic *find_topic(const uint8_t *name, uint32_t length, bool create) {
  uint32_t hash = 2166136261u; /* FNV-1a */
  for (uint32_t i = 0; i < length; i++) hash = (hash ^ name[i]) * 16777619u;
  struct topic **bucket = &topics[(hash ^ hash >> 15) % buckets];
  for (struct topic *topic = *bucket; topic != NULL; topic = topic->next) {
    if (topic->length == length && memcmp(topic->name, name, length) == 0) return topic;
  }
  if (!create) return NULL;
  struct topic *topic = calloc(1, sizeof *topic);
  topic->name = malloc(length);
  memcpy(topic->name, name, length);
  topic->length = length;
  topic->next = *bucket;
  return *bucket = topic;
}

static void watch(int fd, uint32_t events, int operation) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(epoll, operation, fd, &event);
}

static void append_copy(struct connection *connection, const uint8_t *bytes, size_t length) {
  size_t needed = connection->copy_length + length;
  if (needed > connection->copy_capacity) {
    connection->copy_capacity = needed * 2;
    connection->copy = realloc(connection->copy, connection->copy_capacity);
  }
  memcpy(connection->copy + connection->copy_length, bytes, length);
  connection->copy_length = needed;
}

/* The read buffer is about to be used again. */
static void settle(struct connection *connection) {
  if (connection->slice == NULL) return;
  append_copy(connection, connection->slice, connection->slice_length);
  connection->slice = NULL;
}

static void append(struct connection *connection, const uint8_t *bytes, size_t length) {
  if (connection->slice != NULL && connection->slice + connection->slice_length == bytes) {
    connection->slice_length += length;
    return;
  }
  if (!connection->has_output) {
    connection->has_output = true;
    with_output[output_count++] = connection;
  }
  if (connection->slice == NULL && connection->copy_length == 0) {
    connection->slice = bytes;
    connection->slice_length = length;
    return;
  }
  settle(connection);
  append_copy(connection, bytes, length);
}

static void send_output(struct connection *connection) {
  connection->has_output = false;
  if (connection->fd >= 0 && !connection->is_blocked) {
    bool is_slice = connection->slice != NULL;
    const uint8_t *bytes = is_slice ? connection->slice : connection->copy;
    size_t length = is_slice ? connection->slice_length : connection->copy_length;
    ssize_t taken = send(connection->fd, bytes, length, MSG_NOSIGNAL);
    if (taken == (ssize_t)length) {
      connection->slice = NULL;
      connection->copy_length = 0;
      return;
    }
    if (taken < 0) taken = 0;
    connection->is_blocked = true;
    watch(connection->fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    if (is_slice) {
      connection->slice += taken;
      connection->slice_length -= (size_t)taken;
    } else {
      connection->copy_length -= (size_t)taken;
      memmove(connection->copy, connection->copy + taken, connection->copy_length);
    }
  }
  settle(connection);
}

static void answer(struct connection *connection, const uint8_t *bytes, size_t length) {
  append(connection, bytes, length);
  settle(connection);
}

static void receive(struct connection *from, const uint8_t *packet, const uint8_t *body,
                    const uint8_t *end) {
  switch (packet[0] >> 4) {
    case 1: /* CONNECT */
      answer(from, (const uint8_t[]){0x20, 2, 0, 0}, 4);
      break;
    case 3: { /* PUBLISH */
      uint32_t length = (uint32_t)(body[0] << 8 | body[1]);
      struct topic *topic = from->latest;
      if (topic == NULL || topic->length != length || memcmp(topic->name, body + 2, length) != 0) {
        topic = find_topic(body + 2, length, false);
        if (topic == NULL) return;
        from->latest = topic;
      }
      size_t size = (size_t)(end - packet);
      for (uint32_t i = 0; i < topic->count; i++) append(topic->subscribers[i], packet, size);
      break;
    }
    case 8: { /* SUBSCRIBE with one filter */
      struct topic *topic = find_topic(body + 4, (uint32_t)(body[2] << 8 | body[3]), true);
      if (topic->count == topic->capacity) {
        topic->capacity = topic->capacity * 2 + 1;
        topic->subscribers = realloc(topic->subscribers, topic->capacity * sizeof(void *));
      }
      topic->subscribers[topic->count++] = from;
      answer(from, (const uint8_t[]){0x90, 3, body[0], body[1], 0}, 5);
      break;
    }
  }
}

/* Returns what it has used. */
static size_t receive_packets(struct connection *from, const uint8_t *bytes, size_t length) {
  const uint8_t *at = bytes, *end = bytes + length;
  for (;;) {
    size_t remaining = 0;
    int header = 1;
    for (;; header++) {
      if (at + header >= end) return (size_t)(at - bytes);
      remaining |= (size_t)(at[header] & 127) << (7 * (header - 1));
      if (at[header] < 128) break;
    }
    const uint8_t *body = at + header + 1;
    if ((size_t)(end - body) < remaining) return (size_t)(at - bytes);
    receive(from, at, body, body + remaining);
    at = body + remaining;
  }
}

static void accept_all(int listener) {
  int one = 1;
  for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connections[fd] = calloc(1, sizeof *connections[fd]);
    connections[fd]->fd = fd;
    watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  }
}

static void read_some(struct connection *connection) {
  size_t kept = connection->rest_length;
  if (kept > 0) memcpy(read_buffer, connection->rest, kept);
  ssize_t got = recv(connection->fd, read_buffer + kept, read_at_once, 0);
  if (got <= 0) {
    close(connection->fd);
    connection->fd = -1;
    return;
  }
  size_t length = kept + (size_t)got, used = receive_packets(connection, read_buffer, length);
  connection->rest_length = length - used;
  if (used == length) return;
  connection->rest = realloc(connection->rest, length - used);
  memcpy(connection->rest, read_buffer + used, length - used);
}

int main(int count, char **arguments) {
  static struct epoll_event events[1024];
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(count > 1 ? atoi(arguments[1]) : 0)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&address, sizeof address) != 0 || listen(listener, backlog) != 0) {
    perror("relay");
    return 1;
  }
  epoll = epoll_create1(0);
  watch(listener, EPOLLIN, EPOLL_CTL_ADD);
  for (;;) {
    int ready = epoll_wait(epoll, events, 1024, -1), settled = 0;
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        accept_all(listener);
        continue;
      }
      struct connection *connection = connections[fd];
      if (events[i].events & EPOLLOUT) {
        connection->is_blocked = false;
        watch(fd, EPOLLIN, EPOLL_CTL_MOD);
        if (connection->copy_length > 0) send_output(connection);
      }
      if ((events[i].events & ~(uint32_t)EPOLLOUT) == 0) continue;
      read_some(connection);
      if (i == ready - 1) continue;
      while (settled < output_count) settle(with_output[settled++]);
    }
    for (int k = 0; k < output_count; k++) send_output(with_output[k]);
    output_count = 0;
  }
}
