#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { most_brokers = 64, steps = 32, powers = 64 };

static int brokers[most_brokers];
static int broker_count;

uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

double own_cpu(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void add_broker(int pid) {
  if (broker_count < most_brokers) brokers[broker_count++] = pid;
}

/* The first number of a file of /proc, which for schedstat is the nanoseconds on a CPU. */
static double first_number(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0; /* the thread has ended */
  unsigned long long value = 0;
  if (fscanf(file, "%llu", &value) != 1) value = 0;
  fclose(file);
  return (double)value;
}

static double cpu_of(int pid) {
  char folder[64], path[400];
  snprintf(folder, sizeof folder, "/proc/%d/task", pid);
  DIR *threads = opendir(folder);
  if (threads == NULL) return 0;
  double nanoseconds = 0;
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s/schedstat", folder, entry->d_name);
    nanoseconds += first_number(path);
  }
  closedir(threads);
  return nanoseconds / 1e9;
}

double broker_cpu(void) {
  double seconds = 0;
  for (int i = 0; i < broker_count; i++) seconds += cpu_of(brokers[i]);
  return seconds;
}

double first_thread_cpu(void) {
  double nanoseconds = 0;
  for (int i = 0; i < broker_count; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/schedstat", brokers[i]);
    nanoseconds += first_number(path);
  }
  return nanoseconds / 1e9;
}

double broker_memory(void) {
  double bytes = 0;
  for (int i = 0; i < broker_count; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/statm", brokers[i]);
    FILE *file = fopen(path, "r");
    if (file == NULL) continue;
    long size, resident;
    if (fscanf(file, "%ld %ld", &size, &resident) == 2) {
      bytes += (double)resident * (double)sysconf(_SC_PAGESIZE);
    }
    fclose(file);
  }
  return bytes;
}

double machine_cpu(void) {
  FILE *file = fopen("/proc/stat", "r");
  if (file == NULL) return 0;
  /* user, nice, system, idle, iowait, irq, softirq, steal */
  double ticks[8] = {0};
  if (fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &ticks[0], &ticks[1], &ticks[2], &ticks[3],
             &ticks[4], &ticks[5], &ticks[6], &ticks[7]) != 8) ticks[0] = 0;
  fclose(file);
  double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
  return busy / (double)sysconf(_SC_CLK_TCK);
}

/* Latencies by power of two, each in 32 steps: right to 3 %. */
static uint64_t histogram[powers * steps];
static uint64_t latencies;
uint64_t measured_since;

void add_latency(uint64_t nanoseconds) {
  uint64_t value = nanoseconds < steps ? steps : nanoseconds;
  int power = 63 - __builtin_clzll(value);
  histogram[power * steps + (int)((value >> (power - 5)) & (steps - 1))]++;
  latencies++;
}

void reset_latencies(void) {
  memset(histogram, 0, sizeof histogram);
  latencies = 0;
}

double latency_below(double part) {
  uint64_t wanted = (uint64_t)ceil((double)latencies * part);
  uint64_t seen = 0;
  if (latencies == 0) return 0;
  for (int i = 0; i < powers * steps; i++) {
    seen += histogram[i];
    if (seen < wanted) continue;
    int power = i / steps;
    double step = ldexp(1, power - 5);
    return (ldexp(1, power) + (i % steps + 0.5) * step) / 1e3;
  }
  return 0;
}

static const char *separator = "{";

void report(const char *name, double value) {
  printf("%s\"%s\":%.6g", separator, name, isfinite(value) ? value : 0);
  separator = ",";
}

void report_end(void) {
  printf("}\n");
}
