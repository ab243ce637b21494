#include <stdlib.h>
#include <string.h>

#include "load.h"

int deliveries_per_message = 1;

/* Publishers whose credit may have grown; each is in it once. */
static struct client **due;
static int due_count;

void mark_due(struct client *client) {
  if (client->is_due || client->template_count == 0) return;
  if (due == NULL) due = malloc((size_t)client_count * sizeof *due);
  if (due == NULL) fail("malloc");
  client->is_due = true;
  due[due_count++] = client;
}

/* As many of `count` messages as one send may have. */
void publish(struct client *client, uint64_t count) {
  static uint8_t buffer[1 << 20];
  uint8_t *at = buffer;
  uint64_t now = now_ns();
  for (; count > 0; count--) {
    const struct template *template = &client->templates[client->next_template];
    if (at + template->length > buffer + sizeof buffer) break;
    if (++client->next_template == client->template_count) client->next_template = 0;
    memcpy(at, template->bytes, template->length);
    if (options.qos > 0) {
      if (++client->packet_identifier == 0) client->packet_identifier = 1;
      at[template->identifier_at] = (uint8_t)(client->packet_identifier >> 8);
      at[template->identifier_at + 1] = (uint8_t)client->packet_identifier;
    }
    uint32_t sequence = (uint32_t)client->sent;
    memcpy(at + template->payload_at, &now, 8);
    memcpy(at + template->payload_at + 12, &sequence, 4);
    at += template->length;
    client->sent++;
    totals.sent++;
  }
  send_bytes(client, buffer, (size_t)(at - buffer));
}

static uint64_t at_most(uint64_t limit, uint64_t used) {
  return used >= limit ? 0 : limit - used;
}

/* How many messages may be on the way beside those that are. */
static uint64_t credit(const struct client *client) {
  uint64_t window = (uint64_t)options.window;
  if (client->unsent.length > 0) return 0;
  uint64_t undelivered = client->sent - client->delivered / (uint64_t)deliveries_per_message;
  if (options.qos == 0) return at_most(window, undelivered);
  /* The acknowledgement may come before the delivery, or behind it. */
  uint64_t by_acknowledgement = at_most(window, client->sent - client->acknowledged);
  uint64_t by_delivery = at_most(2 * window, undelivered);
  return by_acknowledgement < by_delivery ? by_acknowledgement : by_delivery;
}

/* A publisher waits for a quarter of its window, as a client that collects what it sends. */
static uint64_t least_credit(void) {
  return options.window / 4 > 1 ? (uint64_t)options.window / 4 : 1;
}

static void publish_due(uint64_t now) {
  int count = due_count;
  due_count = 0;
  for (int i = 0; i < count; i++) {
    struct client *client = due[i];
    client->is_due = false;
    if (client->state != READY) continue;
    uint64_t messages = credit(client);
    if (messages < least_credit()) continue;
    if (client->progress_at == 0) client->progress_at = now;
    publish(client, messages);
  }
}

/* What a broker has dropped must not stop the run: after a second of silence it is given up. */
static void give_up_lost(uint64_t now) {
  for (int i = 0; i < client_count; i++) {
    struct client *client = &clients[i];
    uint64_t expected = client->sent * (uint64_t)deliveries_per_message;
    if (client->state != READY || client->progress_at == 0 || expected <= client->delivered) continue;
    if (now - client->progress_at < 1000000000u) continue;
    totals.given_up += expected - client->delivered;
    client->delivered = expected;
    client->acknowledged = client->sent;
    client->progress_at = now;
    mark_due(client);
  }
}

static void publish_within_window(double seconds) {
  uint64_t now = now_ns(), end = now + (uint64_t)(seconds * 1e9), check_at = now + 200000000u;
  for (int i = 0; i < client_count; i++) mark_due(&clients[i]);
  for (; now < end; now = now_ns()) {
    publish_due(now);
    if (now > check_at) {
      give_up_lost(now);
      check_at = now + 200000000u;
    }
    turn(100000000);
  }
}

int first_of_storm;

/* One more connection of the storm, or the end of one; false when all are on their way. */
static bool storm_once(void) {
  static int next;
  for (int tries = first_of_storm; tries < client_count; tries++) {
    if (next < first_of_storm || next >= client_count) next = first_of_storm;
    struct client *client = &clients[next++];
    if (client->state == READY) leave(client);
    if (client->state != CLOSED) continue;
    open_client(client);
    return true;
  }
  return false;
}

/* Open loop: a message leaves when it is due, whatever has become of the earlier ones. */
static void publish_at_rate(double seconds) {
  static int next;
  uint64_t began = now_ns(), end = began + (uint64_t)(seconds * 1e9), published = 0, opened = 0;
  for (uint64_t now = began; now < end; now = now_ns()) {
    uint64_t wanted = (uint64_t)((double)(now - began) / 1e9 * options.rate);
    /* Not too many at once, so that what has come is read in between. */
    for (int i = 0; published < wanted && i < 256; i++, published++) {
      do next = (next + 1) % client_count;
      while (clients[next].template_count == 0);
      if (clients[next].state == READY) publish(&clients[next], 1);
    }
    uint64_t storm = (uint64_t)((double)(now - began) / 1e9 * options.storm);
    while (opened < storm && storm_once()) opened++;
    double next_at = (double)began + (double)(published + 1) / options.rate * 1e9;
    double wait = next_at - (double)now_ns();
    turn(wait < 0 ? 0 : wait > 1e8 ? 100000000u : (uint64_t)wait);
  }
}

void publish_for(double seconds) {
  if (options.rate > 0) publish_at_rate(seconds);
  else publish_within_window(seconds);
}

double publish_acknowledged(struct client *client, uint64_t count) {
  uint64_t began = now_ns(), target = client->acknowledged + count, end = client->sent + count;
  while (client->acknowledged < target && client->state == READY) {
    uint64_t room = at_most((uint64_t)options.window, client->sent - client->acknowledged);
    uint64_t left = end - client->sent;
    if (room > left) room = left;
    bool is_last = room == left;
    if (room > 0 && client->unsent.length == 0 && (is_last || room >= least_credit())) {
      publish(client, room);
    }
    turn(100000000);
    if (now_ns() - began > 300000000000u) break;
  }
  return (double)(now_ns() - began) / 1e9;
}

double receive_until(uint64_t count) {
  uint64_t began = now_ns(), progress_at = began, seen = totals.received;
  while (totals.received < count) {
    turn(100000000);
    uint64_t now = now_ns();
    if (totals.received != seen) {
      seen = totals.received;
      progress_at = now;
    } else if (now - progress_at > 5000000000u) {
      break;
    }
  }
  return (double)(progress_at - began) / 1e9;
}
