/* A load generator for MQTT brokers: one thread, epoll, no library but libc. Options: main.c. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
  const char *scenario;
  int port, version, qos, size, window, publishers, subscribers, topics, filters, messages;
  /* Subscribers with a Session that outlives their connection. */
  int lasting;
  /* Idle connections that are there before those that count. */
  int before;
  /* Beside the neighbours: subscribers of everything that do not read. */
  int deaf;
  /* Beside the neighbours: connections a second that are opened, greeted and left. */
  double storm;
  /* Exact subscriptions and retained messages that nobody ever touches again. */
  int standing_filters, standing_retained;
  /* Of topics that are stored: those of an earlier run on the same broker are others. */
  int round;
  /* Messages a second of all publishers together; 0 is as fast as the window allows. */
  double rate;
  double seconds, warmup;
};

extern struct options options;

enum state { CLOSED, OPENING, GREETING, SUBSCRIBING, READY };

/* One message, ready to be copied; what differs from message to message is filled in. */
struct template {
  uint8_t *bytes;
  uint32_t length, identifier_at, payload_at;
};

struct bytes {
  uint8_t *data;
  size_t length, capacity;
};

struct client {
  int fd;
  /* Goes with each message, so that a delivery finds its publisher. */
  uint32_t number;
  enum state state;
  bool is_lasting, is_due, wants_write, is_deaf;
  char identifier[32];
  struct bytes unread, unsent;
  size_t unsent_from;
  /* What it subscribes to once it is connected: from next_filter up to last_filter. */
  uint32_t next_filter, last_filter;
  /* It publishes when it has templates. */
  struct template *templates;
  int template_count, next_template;
  uint16_t packet_identifier;
  uint64_t sent, acknowledged, delivered, progress_at;
};

extern struct client *clients;
extern int client_count;

/* What all clients have done together. */
struct totals {
  uint64_t sent, received, acknowledged, duplicates, ready, greeted, filters, given_up, faults;
};

extern struct totals totals;

/* clients.c: sockets and the event loop */
void create_clients(int count);
void open_client(struct client *client);
/* Connects and subscribes clients from `first` up to `end`; returns seconds. */
double open_clients(int first, int end);
void close_client(struct client *client, bool is_fault);
void leave(struct client *client);
/* Leaves what comes from now on with the system. */
void stop_reading(struct client *client);
void send_bytes(struct client *client, const uint8_t *bytes, size_t length);
/* Waits at most so long for events, and handles what came. */
void turn(uint64_t nanoseconds);
void idle_for(double seconds);

/* packets.c: MQTT */
void send_connect(struct client *client);
void send_subscribe(struct client *client);
void add_template(struct client *client, const char *topic, bool retain);
/* Handles the whole packets among `bytes`; returns how many bytes they have. */
size_t receive_packets(struct client *client, uint8_t *bytes, size_t length, uint64_t now);
/* Writes filter `index` of a client; set by the scenario. */
extern void (*write_filter)(const struct client *client, uint32_t index, char *filter);
extern int subscription_qos;

/* publishing.c: windows and rates */
/* How many deliveries one message leads to. */
extern int deliveries_per_message;
/* Its credit may have grown. */
void mark_due(struct client *client);
void publish(struct client *client, uint64_t count);
void publish_for(double seconds);
/* The clients that connect and leave all the time: from this one up to the last. */
extern int first_of_storm;
/* One client publishes `count` messages of QoS 1 within its window; returns seconds. */
double publish_acknowledged(struct client *client, uint64_t count);
/* Waits until so many messages have come, or none for five seconds; returns seconds. */
double receive_until(uint64_t count);

/* measuring.c: clocks, /proc and the report */
uint64_t now_ns(void);
void add_broker(int pid);
/* CPU seconds of all threads of the broker, and of this process. */
double broker_cpu(void);
/* The same of the thread that each of its processes began with. */
double first_thread_cpu(void);
double own_cpu(void);
/* CPU seconds of everything on this machine, what its host took away included. */
double machine_cpu(void);
/* Bytes of resident memory. */
double broker_memory(void);
/* Only messages sent after this are counted in latencies; 0 while nothing is measured. */
extern uint64_t measured_since;
void add_latency(uint64_t nanoseconds);
void reset_latencies(void);
/* Microseconds below which this part of the latencies lies. */
double latency_below(double part);
void report(const char *name, double value);
void report_end(void);

/* topics.c: who publishes what, and who subscribes to it */
/* The clients before it publish. */
extern int first_subscriber;
void add_topics(struct client *client);
void filter_of_pair(const struct client *client, uint32_t index, char *filter);
void filter_of_neighbour(const struct client *client, uint32_t index, char *filter);
void filter_of_all(const struct client *client, uint32_t index, char *filter);
void filter_of_one(const struct client *client, uint32_t index, char *filter);
void filter_of_many(const struct client *client, uint32_t index, char *filter);
void filter_of_retained(const struct client *client, uint32_t index, char *filter);
void filter_of_queue(const struct client *client, uint32_t index, char *filter);
void filter_of_standing(const struct client *client, uint32_t index, char *filter);

/* scenarios.c */
bool run_scenario(const char *name);

void fail(const char *what);

#endif
