/*
 * load --scenario NAME --port N --pid N,N [--OPTION VALUE …]
 *
 * Puts a load on the broker at 127.0.0.1 and prints one line of JSON: what it cost the processes
 * `pid`, and what it took. A publisher never has more than `window` messages on the way (QoS 0 until
 * they are delivered, QoS 1 and 2 until they are delivered and acknowledged), so that a broker can
 * neither win by dropping nor be killed by an endless queue. With `rate` (messages a second) messages
 * leave when they are due, and the latencies are those of a broker that is not saturated.
 *
 *   pairs       each publisher has a subscriber of its own
 *   neighbours  each client publishes, and is subscribed to what the next one publishes; with `deaf`
 *               beside them so many that subscribe to everything and do not read, with `rate` and
 *               `storm` so many connections a second that come and go
 *   fan-in      all publishers to `subscribers` wildcard subscribers
 *   fan-out     all publishers on one topic to `subscribers` subscribers
 *   filters     `subscribers` hold `filters` filters, of which each message meets three
 *   connect     CONNECT and DISCONNECT, `window` connections at a time
 *   idle        `subscribers` connections that do nothing, beside those `before`
 *   retained    stores `messages` retained messages, then one subscriber takes them all
 *   queue       `messages` of QoS 1 wait for a client, which then comes back for them
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "load.h"

enum { least_size = 16 };

struct options options = {.scenario = "pairs", .port = 1883, .version = 4, .size = least_size,
                          .window = 100, .publishers = 1, .subscribers = 1, .topics = 1,
                          .filters = 100000, .messages = 50000, .seconds = 2, .warmup = 0.6};

static const struct {
  const char *name;
  int *value;
} numbers[] = {
    {"--port", &options.port},
    {"--version", &options.version},
    {"--qos", &options.qos},
    {"--size", &options.size},
    {"--window", &options.window},
    {"--publishers", &options.publishers},
    {"--subscribers", &options.subscribers},
    {"--topics", &options.topics},
    {"--filters", &options.filters},
    {"--messages", &options.messages},
    {"--lasting", &options.lasting},
    {"--before", &options.before},
    {"--deaf", &options.deaf},
    {"--standing-filters", &options.standing_filters},
    {"--standing-retained", &options.standing_retained},
    {"--round", &options.round},
};

static bool set_number(const char *name, const char *value) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (strcmp(name, numbers[i].name) != 0) continue;
    *numbers[i].value = atoi(value);
    return true;
  }
  return false;
}

static bool set(const char *name, char *value) {
  if (strcmp(name, "--scenario") == 0) options.scenario = value;
  else if (strcmp(name, "--rate") == 0) options.rate = atof(value);
  else if (strcmp(name, "--storm") == 0) options.storm = atof(value);
  else if (strcmp(name, "--seconds") == 0) options.seconds = atof(value);
  else if (strcmp(name, "--warmup") == 0) options.warmup = atof(value);
  else if (strcmp(name, "--pid") == 0) {
    for (char *pid = strtok(value, ","); pid != NULL; pid = strtok(NULL, ",")) add_broker(atoi(pid));
  } else return set_number(name, value);
  return true;
}

int main(int count, char **arguments) {
  for (int i = 1; i < count; i += 2) {
    if (i + 1 < count && set(arguments[i], arguments[i + 1])) continue;
    fprintf(stderr, "load: %s is not an option with a value\n", arguments[i]);
    return 1;
  }
  if (options.size < least_size) options.size = least_size;
  subscription_qos = options.qos;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  double others = machine_cpu() - broker_cpu() - own_cpu();
  uint64_t began = now_ns();
  if (run_scenario(options.scenario)) {
    double seconds = (double)(now_ns() - began) / 1e9;
    others = machine_cpu() - broker_cpu() - own_cpu() - others;
    report("othersCpuPercent", others / seconds * 100);
    report_end();
    return 0;
  }
  fprintf(stderr, "load: there is no scenario %s\n", options.scenario);
  return 1;
}
