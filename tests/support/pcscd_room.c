// SPDX-License-Identifier: MIT
//
// tests/support/pcsc.py loads this into pcscd, so that several can run side by side.
// The folder PCSCD_FOLDER replaces /run/pcscd, and virtual readers listen on the loopback
// address only. If PCSCD_HURRIED is set, pcscd polls for cards every 10 ms instead of every
// 400 ms. Everything else is unchanged.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

static const char usual[] = "/run/pcscd";

typedef char Path[PATH_MAX];

static const char *moved(const char *path, Path place) {
  const char *folder = getenv("PCSCD_FOLDER");
  size_t length = strlen(usual);
  if (folder == NULL || strncmp(path, usual, length) != 0) return path;
  snprintf(place, sizeof(Path), "%s%s", folder, path + length);
  return place;
}

int stat64(const char *path, struct stat64 *found) {
  Path place;
  return REAL(stat64)(moved(path, place), found);
}

int mkdir(const char *path, mode_t mode) {
  Path place;
  return REAL(mkdir)(moved(path, place), mode);
}

int chmod(const char *path, mode_t mode) {
  Path place;
  return REAL(chmod)(moved(path, place), mode);
}

int remove(const char *path) {
  Path place;
  return REAL(remove)(moved(path, place));
}

int open64(const char *path, int flags, ...) {
  Path place;
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  return REAL(open64)(moved(path, place), flags, mode);
}

int bind(int socket, const struct sockaddr *asked, socklen_t size) {
  Path place;
  if (asked->sa_family == AF_UNIX) {
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    const char *path = moved(((const struct sockaddr_un *)asked)->sun_path, place);
    strncpy(own.sun_path, path, sizeof own.sun_path - 1);
    return REAL(bind)(socket, (const struct sockaddr *)&own, sizeof own);
  }
  if (asked->sa_family == AF_INET) {
    struct sockaddr_in own = *(const struct sockaddr_in *)asked;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return REAL(bind)(socket, (const struct sockaddr *)&own, sizeof own);
  }
  return REAL(bind)(socket, asked, size);
}

// PCSCLITE_STATUS_POLL_RATE, which can't be set otherwise.
static const long its_own_pace = 400L * 1000 * 1000;
static const struct timespec hurried = {0, 10L * 1000 * 1000};

int nanosleep(const struct timespec *asked, struct timespec *left) {
  if (asked->tv_sec == 0 && asked->tv_nsec == its_own_pace && getenv("PCSCD_HURRIED"))
    asked = &hurried;
  return (int)syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, asked, left);
}
