#include <stdio.h>
#include <string.h>

#include "load.h"

int first_subscriber;

static const char *last_level(void) {
  return options.topics > 1 ? "+" : "temp";
}

void filter_of_pair(const struct client *client, uint32_t index, char *filter) {
  (void)index;
  sprintf(filter, "works/a1/dev%05d/%s", (int)client->number - first_subscriber, last_level());
}

void filter_of_neighbour(const struct client *client, uint32_t index, char *filter) {
  (void)index;
  int neighbours = first_subscriber;
  if (client->is_deaf) return filter_of_all(client, index, filter);
  sprintf(filter, "works/a1/dev%05d/%s", ((int)client->number + 1) % neighbours, last_level());
}

void filter_of_all(const struct client *client, uint32_t index, char *filter) {
  (void)client, (void)index;
  sprintf(filter, "works/a1/+/%s", last_level());
}

void filter_of_one(const struct client *client, uint32_t index, char *filter) {
  (void)client, (void)index;
  strcpy(filter, "works/a1/fan/temp");
}

/* One exact filter and three with wildcards around each of many places. */
void filter_of_many(const struct client *client, uint32_t index, char *filter) {
  uint32_t n = index * (uint32_t)options.subscribers + client->number, place = n / 4;
  switch (n % 4) {
    case 0: sprintf(filter, "works/area7/line3/w%u/x/y", place); break;
    case 1: sprintf(filter, "works/area7/line3/w%u/+/y", place); break;
    case 2: sprintf(filter, "works/area7/+/z%u/x/y", place); break;
    default: sprintf(filter, "works/area7/line3/w%u/#", place); break;
  }
}

void filter_of_retained(const struct client *client, uint32_t index, char *filter) {
  (void)client, (void)index;
  sprintf(filter, "kept%d/#", options.round);
}

void filter_of_queue(const struct client *client, uint32_t index, char *filter) {
  (void)client, (void)index;
  sprintf(filter, "queue/round%d", options.round);
}

void filter_of_standing(const struct client *client, uint32_t index, char *filter) {
  (void)client;
  sprintf(filter, "standing/s%u/d%u", index / 1000, index);
}

void add_topics(struct client *client) {
  char topic[64];
  for (int i = 0; i < options.topics; i++) {
    if (options.topics > 1) sprintf(topic, "works/a1/dev%05d/s%04d", (int)client->number, i);
    else sprintf(topic, "works/a1/dev%05d/temp", (int)client->number);
    add_template(client, topic, false);
  }
}
