#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

/* So many connections of a storm may be on their way. */
enum { storm_clients = 100 };

/* Of the subscriptions that stand around, one client has so many at most. */
enum { most_standing_filters = 10000 };

/* How many clients have what stands around: the last ones. */
static int standing_clients(void) {
  if (options.standing_filters > 0)
    return (options.standing_filters + most_standing_filters - 1) / most_standing_filters;
  return options.standing_retained > 0 ? 1 : 0;
}

/* What stands around and must not cost the others anything. */
static void add_standing(void) {
  struct client *client = &clients[client_count - 1];
  int qos = options.qos, size = options.size, window = options.window;
  if (options.standing_retained > 0) {
    options.qos = 1;
    options.size = 16;
    options.window = 100;
    open_clients(client_count - 1, client_count);
    for (int done = 0; done < options.standing_retained; done += 1000) {
      char topic[64];
      for (int i = 0; i < 1000; i++) {
        sprintf(topic, "standing/r%d/d%d", done / 1000, i);
        add_template(client, topic, true);
      }
      publish_acknowledged(client, 1000);
      for (int i = 0; i < 1000; i++) free(client->templates[i].bytes);
      client->template_count = client->next_template = 0;
    }
    leave(client);
  }
  options.qos = qos;
  options.size = size;
  options.window = window;
  if (options.standing_filters > 0) {
    void (*filter)(const struct client *, uint32_t, char *) = write_filter;
    write_filter = filter_of_standing;
    int first = client_count - standing_clients();
    for (int i = 0; i < standing_clients(); i++) {
      int last = (i + 1) * most_standing_filters;
      clients[first + i].next_filter = (uint32_t)(i * most_standing_filters);
      clients[first + i].last_filter =
          (uint32_t)(last < options.standing_filters ? last : options.standing_filters);
    }
    open_clients(first, client_count);
    write_filter = filter;
  }
  totals = (struct totals){.faults = totals.faults};
}

static void measure(void) {
  publish_for(options.warmup);
  reset_latencies();
  fputs("measuring\n", stderr);
  struct totals before = totals;
  double broker_before = broker_cpu(), own_before = own_cpu();
  double first_before = first_thread_cpu();
  uint64_t began = measured_since = now_ns();
  publish_for(options.seconds);
  double seconds = (double)(now_ns() - began) / 1e9;
  double broker = broker_cpu() - broker_before, own = own_cpu() - own_before;
  double first = first_thread_cpu() - first_before;
  double sent = (double)(totals.sent - before.sent);
  double received = (double)(totals.received - before.received);
  idle_for(0.5); /* what is still on the way */
  report("usPerMessage", broker / sent * 1e6);
  report("usPerDelivery", broker / received * 1e6);
  report("usOfFirstThreadPerMessage", first / sent * 1e6);
  report("usOfFirstThreadPerDelivery", first / received * 1e6);
  report("messagesPerSecond", sent / seconds);
  report("deliveriesPerSecond", received / seconds);
  report("p50Us", latency_below(0.5));
  report("p99Us", latency_below(0.99));
  report("p999Us", latency_below(0.999));
  report("brokerCpuPercent", broker / seconds * 100);
  report("loadCpuPercent", own / seconds * 100);
  report("rssMb", broker_memory() / 1e6);
  double expected = (double)totals.sent * deliveries_per_message;
  report("missing", expected - (double)(totals.received - totals.duplicates));
}

/* `count` clients, and those of what stands around. */
static void create(int count) {
  create_clients(count + standing_clients());
  if (standing_clients() > 0) add_standing();
}

static void open_and_measure(int count) {
  double before = broker_memory();
  open_clients(0, count);
  report("bytesPerConnection", (broker_memory() - before) / count);
  measure();
}

/* Publishers first, then their subscribers. */
static void publishers_and_subscribers(void) {
  bool is_fan_out = strcmp(options.scenario, "fan-out") == 0;
  int count = options.publishers + options.subscribers;
  first_subscriber = options.publishers;
  create(count);
  for (int i = 0; i < options.publishers; i++) {
    if (is_fan_out) add_template(&clients[i], "works/a1/fan/temp", false);
    else add_topics(&clients[i]);
  }
  for (int i = options.publishers; i < count; i++) {
    clients[i].last_filter = 1;
    clients[i].is_lasting = options.lasting;
  }
  open_and_measure(count);
}

static void pairs(void) {
  options.subscribers = options.publishers;
  write_filter = filter_of_pair;
  publishers_and_subscribers();
}

static void fan_in(void) {
  write_filter = filter_of_all;
  deliveries_per_message = options.subscribers;
  publishers_and_subscribers();
}

static void fan_out(void) {
  write_filter = filter_of_one;
  deliveries_per_message = options.subscribers;
  publishers_and_subscribers();
}

/* Everybody publishes, and is subscribed to what the next one publishes. */
static void neighbours(void) {
  int count = options.publishers + options.deaf;
  write_filter = filter_of_neighbour;
  first_subscriber = options.publishers;
  first_of_storm = count;
  create(count + (options.storm > 0 ? storm_clients : 0));
  for (int i = 0; i < options.publishers; i++) {
    add_topics(&clients[i]);
    clients[i].last_filter = 1;
  }
  for (int i = options.publishers; i < count; i++) {
    clients[i].is_deaf = true;
    clients[i].last_filter = 1;
  }
  open_and_measure(count);
}

static void filters(void) {
  int each = options.filters / options.subscribers, count = each * options.subscribers;
  write_filter = filter_of_many;
  deliveries_per_message = 3;
  create_clients(options.subscribers + options.publishers);
  for (int i = 0; i < options.subscribers; i++) clients[i].last_filter = (uint32_t)each;
  double cpu = broker_cpu(), memory = broker_memory();
  open_clients(0, options.subscribers);
  report("usPerFilter", (broker_cpu() - cpu) / count * 1e6);
  report("bytesPerFilter", (broker_memory() - memory) / count);
  uint32_t random = 12345;
  for (int i = options.subscribers; i < client_count; i++) {
    for (int k = 0; k < 2000; k++) {
      char topic[64];
      random = random * 1664525u + 1013904223u;
      sprintf(topic, "works/area7/line3/w%u/x/y", (random >> 4) % (uint32_t)(count / 4));
      add_template(&clients[i], topic, false);
    }
  }
  open_clients(options.subscribers, client_count);
  measure();
}

/* CONNECT, CONNACK, DISCONNECT, as many at a time as the window says. */
static void connect_and_leave(void) {
  create_clients(options.window);
  uint64_t began = 0, greeted = 0, end = now_ns() + (uint64_t)(options.warmup * 1e9);
  double cpu = 0, own = 0;
  for (;;) {
    for (int i = 0; i < client_count; i++) {
      if (clients[i].state == READY) leave(&clients[i]);
      if (clients[i].state == CLOSED) open_client(&clients[i]);
    }
    turn(10000000);
    if (now_ns() < end) continue;
    if (began != 0) break;
    began = now_ns();
    end = began + (uint64_t)(options.seconds * 1e9);
    greeted = totals.greeted;
    cpu = broker_cpu();
    own = own_cpu();
  }
  double seconds = (double)(now_ns() - began) / 1e9, count = (double)(totals.greeted - greeted);
  report("usPerConnection", (broker_cpu() - cpu) / count * 1e6);
  report("connectionsPerSecond", count / seconds);
  report("brokerCpuPercent", (broker_cpu() - cpu) / seconds * 100);
  report("loadCpuPercent", (own_cpu() - own) / seconds * 100);
  report("rssMb", broker_memory() / 1e6);
}

/* Connections with one subscription each that do nothing. */
static void idle(void) {
  write_filter = filter_of_pair;
  int before = options.before, count = options.subscribers;
  create_clients(before + count);
  for (int i = 0; i < client_count; i++) clients[i].last_filter = 1;
  double memory = broker_memory();
  report("emptyMb", memory / 1e6);
  if (before > 0) {
    open_clients(0, before);
    idle_for(options.warmup);
    report("bytesPerFirstConnection", (broker_memory() - memory) / before);
    memory = broker_memory();
  }
  double cpu = broker_cpu();
  open_clients(before, client_count);
  report("usPerConnection", (broker_cpu() - cpu) / count * 1e6);
  idle_for(options.warmup);
  report("bytesPerConnection", (broker_memory() - memory) / count);
  cpu = broker_cpu();
  idle_for(options.seconds);
  report("idleCpuPercent", (broker_cpu() - cpu) / options.seconds * 100);
  report("rssMb", broker_memory() / 1e6);
}

/* Loads with QoS 1, so that the end is known; then one subscriber takes them all. */
static void retained(void) {
  options.qos = 1;
  create_clients(2);
  for (int i = 0; i < options.messages; i++) {
    char topic[64];
    sprintf(topic, "kept%d/a%d/d%d/temp", options.round, i / 100, i % 100);
    add_template(&clients[0], topic, true);
  }
  open_clients(0, 1);
  double cpu = broker_cpu(), memory = broker_memory(), count = options.messages;
  publish_acknowledged(&clients[0], (uint64_t)options.messages);
  report("usPerRetained", (broker_cpu() - cpu) / count * 1e6);
  report("bytesPerRetained", (broker_memory() - memory) / count);
  write_filter = filter_of_retained;
  subscription_qos = 0;
  clients[1].last_filter = 1;
  cpu = broker_cpu();
  totals.received = 0;
  open_client(&clients[1]);
  double seconds = receive_until((uint64_t)options.messages);
  report("usPerDrained", (broker_cpu() - cpu) / count * 1e6);
  report("drainedPerSecond", (double)totals.received / seconds);
  report("rssMb", broker_memory() / 1e6);
  report("missing", count - (double)totals.received);
}

/* Messages wait for a client that is away, and then it comes back. */
static void queue(void) {
  options.qos = subscription_qos = 1;
  create_clients(2);
  struct client *publisher = &clients[0], *subscriber = &clients[1];
  char topic[64];
  filter_of_queue(subscriber, 0, topic);
  add_template(publisher, topic, false);
  write_filter = filter_of_queue;
  subscriber->is_lasting = true;
  subscriber->last_filter = 1;
  open_clients(1, 2);
  leave(subscriber);
  open_clients(0, 1);
  double cpu = broker_cpu(), memory = broker_memory(), count = options.messages;
  double queued = publish_acknowledged(publisher, (uint64_t)options.messages);
  report("usPerQueued", (broker_cpu() - cpu) / count * 1e6);
  report("queuedPerSecond", count / queued);
  report("bytesPerQueued", (broker_memory() - memory) / count);
  cpu = broker_cpu();
  totals.received = 0;
  open_client(subscriber);
  double seconds = receive_until((uint64_t)options.messages);
  report("usPerDrained", (broker_cpu() - cpu) / count * 1e6);
  report("drainedPerSecond", (double)totals.received / seconds);
  report("rssMb", broker_memory() / 1e6);
  report("missing", count - (double)totals.received);
}

static const struct {
  const char *name;
  void (*run)(void);
} scenarios[] = {
    {"pairs", pairs},      {"neighbours", neighbours}, {"fan-in", fan_in},
    {"fan-out", fan_out},  {"filters", filters},       {"connect", connect_and_leave},
    {"idle", idle},        {"retained", retained},     {"queue", queue},
};

bool run_scenario(const char *name) {
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
    if (strcmp(name, scenarios[i].name) != 0) continue;
    scenarios[i].run();
    report("faults", (double)totals.faults);
    return true;
  }
  return false;
}
