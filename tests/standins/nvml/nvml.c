/* A stand-in for libnvidia-ml.so.1: what it tells stands in the file named by NVML_STANDIN, read at each
 * call, one fact a line:
 *
 *   total BYTES | free BYTES | util PER_CENT | temp DEGREES | name WORDS
 *   process PID BYTES NAME      (BYTES -1: not told, as on Windows)
 *   error FUNCTION CODE         (that function fails with NVML's code)
 *   total2 BYTES | free2 BYTES  (of the second card)
 *   reserved BYTES              (by the driver: neither free nor a program's)
 *
 * Each set-up and each shutdown is a line in the file of that name with ".calls" behind it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int gpu, memory; } Utilization;
typedef struct { unsigned int pid; unsigned long long used; unsigned int instance, compute; } Process;

enum { OK = 0, NOT_SET_UP = 1, NOT_FOUND = 6, TOO_SMALL = 7 };
static int set_up; /* how often, as NVML counts it */
static const unsigned long long NOT_TOLD = 0xFFFFFFFFFFFFFFFFull;

static FILE *facts(void) {
  const char *path = getenv("NVML_STANDIN");
  return path ? fopen(path, "r") : NULL;
}

static int error_of(const char *function) {
  char line[512], name[128];
  int code, found = OK;
  FILE *file = facts();
  if (!file) return 9; /* the driver is not loaded */
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "error %127s %d", name, &code) == 2 && !strcmp(name, function)) found = code;
  fclose(file);
  return found;
}

static unsigned long long number(const char *wanted) {
  char line[512], name[64];
  unsigned long long value, found = 0;
  FILE *file = facts();
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "%63s %llu", name, &value) == 2 && !strcmp(name, wanted)) found = value;
  fclose(file);
  return found;
}

static unsigned int processes(Process *into, unsigned int room) {
  char line[512];
  unsigned int pid, count = 0;
  long long used;
  FILE *file = facts();
  if (!file) return 0;
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "process %u %lld", &pid, &used) == 2) {
      if (into && count < room) {
        memset(&into[count], 0, sizeof *into);
        into[count].pid = pid;
        into[count].used = used < 0 ? NOT_TOLD : (unsigned long long)used;
      }
      count++;
    }
  fclose(file);
  return count;
}

static void note(const char *call) {
  char path[1024];
  FILE *file;
  snprintf(path, sizeof path, "%s.calls", getenv("NVML_STANDIN"));
  file = fopen(path, "a");
  if (!file) return;
  fprintf(file, "%s\n", call);
  fclose(file);
}

#define FAILS(function) do { int code = error_of(function); if (code) return code; } while (0)
#define ANSWERS(function) do { if (!set_up) return NOT_SET_UP; FAILS(function); } while (0)

int nvmlInitWithFlags(unsigned int flags) {
  (void)flags;
  FAILS("init");
  set_up++;
  note("init");
  return OK;
}

int nvmlShutdown(void) {
  if (!set_up) return NOT_SET_UP;
  set_up--;
  note("shutdown");
  FAILS("shutdown");
  return OK;
}

const char *nvmlErrorString(int code) { (void)code; return "told by the stand-in"; }

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
  ANSWERS("handle");
  *device = (void *)(size_t)(index + 1);
  return OK;
}

int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
  int first = device == (void *)1;
  ANSWERS("memory");
  memory->total = number(first ? "total" : "total2");
  memory->free = number(first ? "free" : "free2");
  memory->used = memory->total - memory->free - number("reserved");
  return OK;
}

int nvmlDeviceGetName(void *device, char *name, unsigned int length) {
  char line[512];
  FILE *file;
  (void)device;
  ANSWERS("name");
  snprintf(name, length, "Stand-in card");
  file = facts();
  while (fgets(line, sizeof line, file))
    if (!strncmp(line, "name ", 5)) {
      line[strcspn(line, "\n")] = 0;
      snprintf(name, length, "%s", line + 5);
    }
  fclose(file);
  return OK;
}

int nvmlDeviceGetUtilizationRates(void *device, Utilization *rates) {
  (void)device;
  ANSWERS("util");
  rates->gpu = (unsigned int)number("util");
  rates->memory = 0;
  return OK;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *degrees) {
  (void)device; (void)sensor;
  ANSWERS("temp");
  *degrees = (unsigned int)number("temp");
  return OK;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, Process *into) {
  unsigned int room = *count, all;
  (void)device;
  ANSWERS("processes");
  all = processes(into, room);
  *count = all;
  return all > room ? TOO_SMALL : OK;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned int *count, Process *into) {
  return nvmlDeviceGetComputeRunningProcesses_v3(device, count, into);
}

int nvmlSystemGetProcessName(unsigned int wanted, char *name, unsigned int length) {
  char line[512], told[256];
  unsigned int pid;
  long long used;
  int found = NOT_FOUND;
  FILE *file;
  ANSWERS("process_name");
  file = facts();
  while (fgets(line, sizeof line, file))
    if (sscanf(line, "process %u %lld %255[^\n]", &pid, &used, told) == 3 && pid == wanted) {
      snprintf(name, length, "%s", told);
      found = OK;
    }
  fclose(file);
  return found;
}
