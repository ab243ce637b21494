#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { filters_at_once = 50, longest_filter = 200, most_acknowledgements = 65536 };

void (*write_filter)(const struct client *client, uint32_t index, char *filter);
int subscription_qos;

/* Acknowledgements of one read leave as one piece. */
static uint8_t acknowledgements[4 * most_acknowledgements];
static size_t acknowledgement_bytes;

static uint8_t *put_u16(uint8_t *at, uint32_t value) {
  *at++ = (uint8_t)(value >> 8);
  *at++ = (uint8_t)value;
  return at;
}

static uint8_t *put_string(uint8_t *at, const char *text) {
  size_t length = strlen(text);
  at = put_u16(at, (uint32_t)length);
  memcpy(at, text, length);
  return at + length;
}

static uint8_t *put_varint(uint8_t *at, uint32_t value) {
  for (; value >= 128; value >>= 7) *at++ = (uint8_t)(value | 128);
  *at++ = (uint8_t)value;
  return at;
}

static void send_packet(struct client *client, uint8_t first, const uint8_t *body, size_t length) {
  static uint8_t packet[65536];
  packet[0] = first;
  uint8_t *at = put_varint(packet + 1, (uint32_t)length);
  memcpy(at, body, length);
  send_bytes(client, packet, (size_t)(at - packet) + length);
}

void send_connect(struct client *client) {
  uint8_t body[128];
  uint8_t *at = put_string(body, "MQTT");
  *at++ = (uint8_t)options.version;
  *at++ = client->is_lasting ? 0 : 2;
  at = put_u16(at, 0); /* no Keep Alive */
  if (options.version == 5 && client->is_lasting) {
    static const uint8_t never_expires[] = {5, 0x11, 0xff, 0xff, 0xff, 0xff};
    memcpy(at, never_expires, sizeof never_expires);
    at += sizeof never_expires;
  } else if (options.version == 5) {
    *at++ = 0;
  }
  at = put_string(at, client->identifier);
  client->state = GREETING;
  send_packet(client, 0x10, body, (size_t)(at - body));
}

void send_subscribe(struct client *client) {
  static uint8_t body[filters_at_once * (longest_filter + 3) + 3];
  uint8_t *at = put_u16(body, 1);
  if (options.version == 5) *at++ = 0;
  for (int i = 0; i < filters_at_once && client->next_filter < client->last_filter; i++) {
    char filter[longest_filter];
    write_filter(client, client->next_filter++, filter);
    at = put_string(at, filter);
    *at++ = (uint8_t)subscription_qos;
    totals.filters++;
  }
  client->state = SUBSCRIBING;
  send_packet(client, 0x82, body, (size_t)(at - body));
}

/* The payload begins with the time (8 bytes), the publisher (4) and a sequence number (4). */
void add_template(struct client *client, const char *topic, bool retain) {
  size_t count = (size_t)client->template_count + 1;
  client->templates = realloc(client->templates, count * sizeof *client->templates);
  struct template *template = &client->templates[client->template_count++];
  size_t head = 2 + strlen(topic) + (options.qos > 0 ? 2 : 0) + (options.version == 5 ? 1 : 0);
  uint8_t *at = template->bytes = malloc(head + (size_t)options.size + 5);
  if (at == NULL) fail("malloc");
  *at++ = (uint8_t)(0x30 | options.qos << 1 | (retain ? 1 : 0));
  at = put_varint(at, (uint32_t)(head + (size_t)options.size));
  at = put_string(at, topic);
  template->identifier_at = (uint32_t)(at - template->bytes);
  if (options.qos > 0) at = put_u16(at, 0);
  if (options.version == 5) *at++ = 0;
  template->payload_at = (uint32_t)(at - template->bytes);
  for (int i = 0; i < options.size; i++) at[i] = (uint8_t)"0123456789abcdef"[i * 7 & 15];
  memcpy(at + 8, &client->number, 4);
  template->length = template->payload_at + (uint32_t)options.size;
}

static void acknowledge(struct client *client, uint8_t first, const uint8_t *identifier) {
  uint8_t *at = acknowledgements + acknowledgement_bytes;
  at[0] = first;
  at[1] = 2;
  at[2] = identifier[0];
  at[3] = identifier[1];
  acknowledgement_bytes += 4;
  if (acknowledgement_bytes < sizeof acknowledgements) return;
  send_bytes(client, acknowledgements, acknowledgement_bytes);
  acknowledgement_bytes = 0;
}

/* Skips the properties of 5.0, all of them. */
static const uint8_t *behind_properties(const uint8_t *at) {
  uint32_t length = 0;
  for (int shift = 0;; shift += 7) {
    length |= (uint32_t)(*at & 127) << shift;
    if (*at++ < 128) return at + length;
  }
}

static void receive_publish(struct client *client, uint8_t first, const uint8_t *body,
                            const uint8_t *end, uint64_t now) {
  const uint8_t *identifier = body + 2 + (body[0] << 8 | body[1]);
  int qos = first >> 1 & 3;
  const uint8_t *payload = identifier + (qos > 0 ? 2 : 0);
  if (options.version == 5) payload = behind_properties(payload);
  totals.received++;
  if (first & 8) totals.duplicates++;
  if (qos > 0) acknowledge(client, qos == 1 ? 0x40 : 0x50, identifier);
  if (end - payload < 16) return; /* not one of ours */
  uint64_t sent_at;
  uint32_t number;
  memcpy(&sent_at, payload, 8);
  memcpy(&number, payload + 8, 4);
  if (number >= (uint32_t)client_count) return;
  struct client *publisher = &clients[number];
  publisher->delivered++;
  publisher->progress_at = now;
  if (measured_since != 0 && sent_at >= measured_since && now > sent_at) add_latency(now - sent_at);
  mark_due(publisher);
}

static void next_step(struct client *client) {
  if (client->next_filter < client->last_filter) return send_subscribe(client);
  client->state = READY;
  totals.ready++;
  if (client->is_deaf) stop_reading(client);
}

static void receive_packet(struct client *client, const uint8_t *packet, const uint8_t *body,
                           const uint8_t *end, uint64_t now) {
  switch (packet[0] >> 4) {
    case 2: /* CONNACK */
      totals.greeted++;
      if (body[1] != 0) totals.faults++;
      next_step(client);
      break;
    case 3:
      receive_publish(client, packet[0], body, end, now);
      break;
    case 4: /* PUBACK */
    case 7: /* PUBCOMP */
      client->acknowledged++;
      totals.acknowledged++;
      client->progress_at = now;
      mark_due(client);
      break;
    case 5: /* PUBREC */
      acknowledge(client, 0x62, body);
      break;
    case 6: /* PUBREL */
      acknowledge(client, 0x70, body);
      break;
    case 9: /* SUBACK */
      for (const uint8_t *at = options.version == 5 ? behind_properties(body + 2) : body + 2;
           at < end; at++) {
        if (*at >= 0x80) totals.faults++;
      }
      next_step(client);
      break;
    case 14: /* DISCONNECT */
      fprintf(stderr, "the broker disconnects: %02x\n", end > body ? body[0] : 0);
      totals.faults++;
      break;
  }
}

size_t receive_packets(struct client *client, uint8_t *bytes, size_t length, uint64_t now) {
  uint8_t *at = bytes, *end = bytes + length;
  acknowledgement_bytes = 0;
  while (client->state != CLOSED) {
    uint32_t remaining = 0;
    int header = 1;
    for (;; header++) {
      if (at + header >= end) goto done;
      remaining |= (uint32_t)(at[header] & 127) << (7 * (header - 1));
      if (at[header] < 128) break;
    }
    uint8_t *body = at + header + 1;
    if ((size_t)(end - body) < remaining) break;
    receive_packet(client, at, body, body + remaining, now);
    at = body + remaining;
  }
done:
  if (acknowledgement_bytes > 0) send_bytes(client, acknowledgements, acknowledgement_bytes);
  return (size_t)(at - bytes);
}
