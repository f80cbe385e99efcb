/* Loaded with LD_PRELOAD: counts the operations that change files below FAULT_DIRECTORY, and at number FAULT_AT ends
   the process (FAULT_KIND=kill; FAULT_KIND=tear: after half of it, if it is a write), or lets that one operation fail
   (FAULT_KIND=eio). With FAULT_COUNT=path the number of operations so far is kept in that file: eight bytes, the
   machine's byte order. With FAULT_WITHIN=text only files with this text in their paths count.

   Covers what goes through libc: chDB and ClickHouse's own files do (no io_uring, no mmap for writing). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *directory, *within;
static size_t directory_length;
static long fail_at;
static int kills, tears;
static atomic_long *count;
static atomic_long own_count;

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND"), *file = getenv("FAULT_COUNT");
    directory = getenv("FAULT_DIRECTORY");
    within = getenv("FAULT_WITHIN");
    directory_length = directory ? strlen(directory) : 0;
    fail_at = at ? atol(at) : 0;
    kills = kind && !strcmp(kind, "kill");
    tears = kind && !strcmp(kind, "tear");
    count = &own_count;
    int handle = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (handle >= 0 && !ftruncate(handle, sizeof(long))) {
        void *shared = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
        if (shared != MAP_FAILED) count = shared;
    }
}

static void die(void) { kill(getpid(), SIGKILL); }

/* Whether this operation has to fail: 0 no, 1 yes, 2 by half. Relative paths are taken to be below the directory. */
static int fails_path(const char *path) {
    if (!directory || (path[0] == '/' && strncmp(path, directory, directory_length))) return 0;
    if (within && !strstr(path, within)) return 0;
    if (atomic_fetch_add(count, 1) + 1 != fail_at) return 0;
    if (kills) die();
    if (tears) return 2;
    errno = EIO;
    return 1;
}

static int fails(int file) {
    char link[64], path[PATH_MAX];
    int before = errno;
    if (!directory || file <= 2) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0 || path[0] != '/') return 0;
    path[length] = 0;
    return fails_path(path);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define UNLESS(fault, call) int found = fault; if (found == 2) die(); return found ? -1 : call
#define ON_FILE(type, name, parameters, arguments) \
    type name parameters { REAL(name); UNLESS(fails(file), real arguments); }
#define ON_PATH(name, parameters, arguments) \
    int name parameters { REAL(name); UNLESS(fails_path(path), real arguments); }
#define ON_WRITE(name, parameters, arguments, half) \
    ssize_t name parameters { \
        REAL(name); int found = fails(file); \
        if (found == 2) { if (real half < 0) abort(); die(); } \
        return found ? -1 : real arguments; }

ON_WRITE(write, (int file, const void *data, size_t size), (file, data, size), (file, data, size / 2))
ON_FILE(ssize_t, writev, (int file, const struct iovec *parts, int parts_count), (file, parts, parts_count))
ON_WRITE(pwrite, (int file, const void *data, size_t size, off_t at), (file, data, size, at), (file, data, size / 2, at))
ON_WRITE(pwrite64, (int file, const void *data, size_t size, off64_t at), (file, data, size, at),
         (file, data, size / 2, at))
ON_FILE(int, fsync, (int file), (file))
ON_FILE(int, fdatasync, (int file), (file))
ON_FILE(int, syncfs, (int file), (file))
ON_FILE(int, ftruncate, (int file, off_t size), (file, size))
ON_FILE(int, ftruncate64, (int file, off64_t size), (file, size))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(rmdir, (const char *path), (path))
ON_PATH(unlink, (const char *path), (path))
ON_PATH(remove, (const char *path), (path))
ON_PATH(rename, (const char *from, const char *path), (from, path))
ON_PATH(link, (const char *from, const char *path), (from, path))

/* They return the error. */
#define ALLOCATED(name, offset) \
    int name(int file, offset at, offset size) { \
        REAL(name); int found = fails(file); if (found == 2) die(); return found ? EIO : real(file, at, size); }
ALLOCATED(posix_fallocate, off_t)
ALLOCATED(posix_fallocate64, off64_t)

static int creates(int flags) { return flags & (O_CREAT | O_TRUNC); }
#define OPENED(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        UNLESS(creates(flags) ? fails_path(path) : 0, real(path, flags, mode)); }
OPENED(open)
OPENED(open64)

/* chDB is opened with RTLD_DEEPBIND, with which it would not see the functions above. */
void *dlopen(const char *path, int flags) { REAL(dlopen); return real(path, flags & ~RTLD_DEEPBIND); }
