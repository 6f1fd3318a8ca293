// Put between a program and its disk (LD_PRELOAD): makes one of its calls fail, or kills it there, and remembers what a
// disk would have that drops what it could not sync. Which call is in a file that both sides have in memory.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, SYNC, RENAME, LINK, TRUNCATE, UNLINK };

// Written by disk.ts.
struct order {
  int op;         // 0: nothing is to fail
  int skip;       // so many such calls pass first
  int times;      // so many fail then
  int error;      // errno; 0: killed before the call, -1: killed after it
  int hits;       // counted here
  char path[256]; // what the path contains, or, with a $ behind it, ends in
};

static volatile struct order *order;
static const char *shadow;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("MINTMARK_DISK");
  shadow = getenv("MINTMARK_DISK_SHADOW");
  if (path == NULL) return;
  int file = REAL(open)(path, O_RDWR);
  if (file < 0) abort();
  order = mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
}

static const char *path_of(int file, char *out) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, out, 511);
  out[length < 0 ? 0 : length] = 0;
  return out;
}

// What of each file was written and not synced.
static struct { char path[512]; off_t from, to; } dirty[8192];
static int dirt;

static int is_watched(const char *path) {
  size_t length = strlen(path);
  return shadow != NULL && ((length > 3 && strcmp(path + length - 3, ".db") == 0) ||
                            (length > 7 && strcmp(path + length - 7, ".db-wal") == 0));
}

static void shadow_of(const char *path, char *out) {
  const char *name = strrchr(path, '/');
  snprintf(out, 1024, "%s%s", shadow, name);
}

static void written(int file, off_t from, ssize_t length) {
  char path[512];
  if (shadow == NULL || length <= 0 || !is_watched(path_of(file, path))) return;
  pthread_mutex_lock(&lock);
  if (dirt < 8192) {
    strcpy(dirty[dirt].path, path);
    dirty[dirt].from = from;
    dirty[dirt++].to = from + length;
  } else abort();
  pthread_mutex_unlock(&lock);
}

// A sync that failed leaves nothing to be written by the next one.
static void synced(int file, int kept) {
  char path[512], copy[1024], bytes[65536];
  if (shadow == NULL || !is_watched(path_of(file, path))) return;
  shadow_of(path, copy);
  pthread_mutex_lock(&lock);
  int to = kept ? REAL(open)(copy, O_RDWR | O_CREAT, 0600) : -1, left = 0;
  for (int i = 0; i < dirt; i++) {
    if (strcmp(dirty[i].path, path) != 0) {
      dirty[left++] = dirty[i];
      continue;
    }
    for (off_t at = dirty[i].from; kept && at < dirty[i].to;) {
      size_t want = (size_t)(dirty[i].to - at) < sizeof bytes ? (size_t)(dirty[i].to - at) : sizeof bytes;
      ssize_t length = pread(file, bytes, want, at);
      if (length <= 0) break;
      if (REAL(pwrite)(to, bytes, length, at) != length) abort();
      at += length;
    }
  }
  dirt = left;
  struct stat of_file, of_copy;
  if (kept && fstat(file, &of_file) == 0 && fstat(to, &of_copy) == 0 && of_file.st_size < of_copy.st_size) {
    if (REAL(ftruncate)(to, of_file.st_size) != 0) abort();
  }
  if (to >= 0) close(to);
  pthread_mutex_unlock(&lock);
}

static int is_meant(const char *path) {
  const char *wanted = (const char *)order->path;
  size_t length = strlen(wanted), whole = strlen(path);
  if (length == 0 || wanted[length - 1] != '$') return strstr(path, wanted) != NULL;
  return whole >= length - 1 && strncmp(path + whole - (length - 1), wanted, length - 1) == 0;
}

// Whether this call is the one. Kills here, where it is to be killed before it.
static int fails(int op, const char *path, int *after) {
  *after = 0;
  if (order == NULL || order->op != op || !is_meant(path)) return 0;
  pthread_mutex_lock(&lock);
  int now = order->skip <= 0 && order->times > 0;
  if (order->skip > 0) order->skip--;
  else if (order->times > 0) {
    order->times--;
    order->hits++;
  }
  pthread_mutex_unlock(&lock);
  if (!now) return 0;
  if (order->error == 0) kill(getpid(), SIGKILL);
  if (order->error == -1) {
    *after = 1;
    return 0;
  }
  errno = order->error;
  return 1;
}

static int fails_file(int op, int file, int *after) {
  char path[512];
  *after = 0;
  if (order == NULL || order->op != op) return 0;
  return fails(op, path_of(file, path), after);
}

#define DONE(type, call)                     \
  type result = call;                        \
  if (after) kill(getpid(), SIGKILL);        \
  return result

#define OPENS(name)                                                       \
  int name(const char *path, int flags, ...) {                            \
    int after, mode = 0;                                                  \
    if (flags & (O_CREAT | O_TMPFILE)) {                                  \
      va_list rest;                                                       \
      va_start(rest, flags);                                              \
      mode = va_arg(rest, int);                                           \
      va_end(rest);                                                       \
    }                                                                     \
    if ((flags & O_ACCMODE) != O_RDONLY && fails(OPEN, path, &after)) return -1; \
    if ((flags & O_ACCMODE) == O_RDONLY) after = 0;                       \
    DONE(int, REAL(name)(path, flags, mode));                             \
  }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                    \
  int name(int at, const char *path, int flags, ...) {                    \
    int after = 0, mode = 0;                                              \
    if (flags & (O_CREAT | O_TMPFILE)) {                                  \
      va_list rest;                                                       \
      va_start(rest, flags);                                              \
      mode = va_arg(rest, int);                                           \
      va_end(rest);                                                       \
    }                                                                     \
    if ((flags & O_ACCMODE) != O_RDONLY && fails(OPEN, path, &after)) return -1; \
    DONE(int, REAL(name)(at, path, flags, mode));                         \
  }
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t write(int file, const void *bytes, size_t length) {
  int after;
  if (fails_file(WRITE, file, &after)) return -1;
  off_t from = shadow == NULL ? 0 : lseek(file, 0, SEEK_CUR);
  ssize_t done = REAL(write)(file, bytes, length);
  written(file, from, done);
  if (after) kill(getpid(), SIGKILL);
  return done;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  int after;
  if (fails_file(WRITE, file, &after)) return -1;
  DONE(ssize_t, REAL(writev)(file, parts, count));
}

#define WRITES_AT(name)                                                   \
  ssize_t name(int file, const void *bytes, size_t length, off_t at) {    \
    int after;                                                            \
    if (fails_file(WRITE, file, &after)) return -1;                       \
    ssize_t done = REAL(name)(file, bytes, length, at);                   \
    written(file, at, done);                                              \
    if (after) kill(getpid(), SIGKILL);                                   \
    return done;                                                          \
  }
WRITES_AT(pwrite)
WRITES_AT(pwrite64)

#define SYNCS(name)                          \
  int name(int file) {                       \
    int after;                               \
    if (fails_file(SYNC, file, &after)) {    \
      synced(file, 0);                       \
      return -1;                             \
    }                                        \
    int result = REAL(name)(file);           \
    if (result == 0) synced(file, 1);        \
    if (after) kill(getpid(), SIGKILL);      \
    return result;                           \
  }
SYNCS(fsync)
SYNCS(fdatasync)

int rename(const char *from, const char *to) {
  int after;
  if (fails(RENAME, to, &after)) return -1;
  DONE(int, REAL(rename)(from, to));
}

int link(const char *from, const char *to) {
  int after;
  if (fails(LINK, to, &after)) return -1;
  DONE(int, REAL(link)(from, to));
}

#define TRUNCATES(name)                                     \
  int name(int file, off_t length) {                        \
    int after;                                              \
    if (fails_file(TRUNCATE, file, &after)) return -1;      \
    DONE(int, REAL(name)(file, length));                    \
  }
TRUNCATES(ftruncate)
TRUNCATES(ftruncate64)

int unlink(const char *path) {
  int after;
  char copy[1024];
  if (fails(UNLINK, path, &after)) return -1;
  if (is_watched(path)) {
    shadow_of(path, copy);
    REAL(unlink)(copy);
  }
  DONE(int, REAL(unlink)(path));
}
