/* Fault preload: faults at a given call that changes files, for the tests of what a run survives.

   SOBOGRAD_FAULT is KIND:N. The N-th call of write, fsync, rename and link to a regular file
     kill       ends the process as SIGKILL does
     terminate  sends it SIGTERM
     interrupt  sends it SIGINT twice
     full       fails, as all later writes do, because no room is left
     readonly   fails, as all later ones do, because the file system has become read-only
     count      N is a file's descriptor, to which the number of calls is written at the end
   SOBOGRAD_FAULT=clock:N makes the day's time jump back by N seconds whenever it is asked for. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static char kind[16];
static long wanted = 0;
static long calls = 0;

__attribute__((constructor)) static void begin(void) {
  const char* fault = getenv("SOBOGRAD_FAULT");
  if (fault) {
    sscanf(fault, "%15[^:]:%ld", kind, &wanted);
    unsetenv("SOBOGRAD_FAULT"); /* programs that it starts are not meant */
    unsetenv("LD_PRELOAD");
  }
}

__attribute__((destructor)) static void end(void) {
  if (strcmp(kind, "count") == 0) {
    dprintf((int)wanted, "%ld\n", calls);
  }
}

/* 0, or the error with which the call has to fail. */
static int before_call(int is_write) {
  ++calls;
  if (calls == wanted && strcmp(kind, "kill") == 0) {
    kill(getpid(), SIGKILL);
  }
  if (calls == wanted && strcmp(kind, "terminate") == 0) {
    raise(SIGTERM);
  }
  if (calls == wanted && strcmp(kind, "interrupt") == 0) {
    raise(SIGINT);
    raise(SIGINT);
  }
  if (calls >= wanted && strcmp(kind, "full") == 0 && is_write) {
    return ENOSPC;
  }
  if (calls >= wanted && strcmp(kind, "readonly") == 0) {
    return EROFS;
  }
  return 0;
}

static int is_regular(int descriptor) {
  struct stat status;
  return descriptor > 2 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int descriptor, const void* data, size_t count) {
  NEXT(write);
  if (is_regular(descriptor) && strcmp(kind, "count") != 0) {
    const int error = before_call(1);
    if (error) {
      errno = error;
      return -1;
    }
  } else if (is_regular(descriptor)) {
    ++calls;
  }
  return next(descriptor, data, count);
}

int fsync(int descriptor) {
  NEXT(fsync);
  const int error = before_call(0);
  if (error) {
    errno = error;
    return -1;
  }
  return next(descriptor);
}

int rename(const char* from, const char* to) {
  NEXT(rename);
  const int error = before_call(0);
  if (error) {
    errno = error;
    return -1;
  }
  return next(from, to);
}

int link(const char* from, const char* to) {
  NEXT(link);
  const int error = before_call(0);
  if (error) {
    errno = error;
    return -1;
  }
  return next(from, to);
}

/* How many seconds the day's time is behind; the time since the start of the machine is not touched. */
static long behind(void) {
  if (strcmp(kind, "clock") != 0) {
    return 0;
  }
  static long asked = 0;
  return wanted * __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  NEXT(clock_gettime);
  const int result = next(clock, now);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
    now->tv_sec -= behind();
  }
  return result;
}

time_t time(time_t* copy) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (copy) {
    *copy = now.tv_sec;
  }
  return now.tv_sec;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  NEXT(gettimeofday);
  const int result = next(now, zone);
  now->tv_sec -= behind();
  return result;
}
