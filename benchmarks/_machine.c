/* A wall clock that can be moved, and a name server that can be away, for the processes that preload this. The file
   CHAOS_MACHINE holds two numbers: the seconds to add to the clock, and whether names are not to be had.
   Only CLOCK_REALTIME moves; the monotonic clock stays, as on a machine whose administrator sets the time.
   (libfaketime 0.9.10 breaks Python's time.sleep when it leaves the monotonic clock alone.)
   Names that end in ".chaos.test" are this machine. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long *moved_s;   /* the second number follows */
static const char *OURS = ".chaos.test";

__attribute__((constructor)) static void open_machine(void) {
    const char *path = getenv("CHAOS_MACHINE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *page = file < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) moved_s = page;
    if (file >= 0) close(file);
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    size_t length = node ? strlen(node) : 0, suffix = strlen(OURS);
    if (length > suffix && strcmp(node + length - suffix, OURS) == 0) {
        if (moved_s && moved_s[1]) return EAI_AGAIN;
        node = "127.0.0.1";
    }
    return real(node, service, hints, found);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, which, now);
    if (!failed && moved_s && which == CLOCK_REALTIME) now->tv_sec += *moved_s;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    int failed = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *also) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (also) *also = now.tv_sec;
    return now.tv_sec;
}
