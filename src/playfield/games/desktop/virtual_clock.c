/* A clock of our own for a game that is not ours: preloaded into it, in place of the system's.
 *
 * The game's time is a number in a page of memory that it shares with the agent. It may rise to a horizon which only the
 * agent moves. Whoever sleeps lets time jump, so a game runs faster than real time; at the horizon it rests until the
 * agent has moved it. The wall clock begins at an epoch of the agent's choice: games that seed themselves with the time
 * of day start alike for equal epochs. So do those that ask the system for random bytes, which are drawn from the epoch,
 * and those whose order of things is that of their addresses, which are the same in every process.
 *
 * The thread that runs main() moves time; the others follow it. What a game never asks of libc (static binaries, raw
 * system calls, Go) stays outside.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define MILLI 1000000LL
#define MICRO 1000LL
/* What the monotonic clock shows at the beginning: some games take 0 for "never". */
#define UPTIME (1000 * SECOND)
/* What a clock read costs once so many without a sleep were free as the page says. A loop that waits by reading the clock
 * would never end otherwise, and a charge for every read would make a timer of the game beat against the agent's steps. */
#define CHARGE (5 * MICRO)
/* Real time after which a thread that waits for time moves it itself: main() waits for that thread. A short wait would
 * let a loaded machine decide who moves time, and no two runs would be alike. */
#define PATIENCE SECOND
/* Real time of one look at whether another thread has done what is waited for. */
#define LOOK MILLI
/* Looks at a display that sleeps, the system does not tell in what, one after the other before it is taken to be done. */
#define UNTOLD_TIMES 50
/* Looks at a display that is at work, or of which it is not told, before the looks are spaced out: most of what it is asked
 * takes less than a sleep. */
#define QUICK_LOOKS 60
#define QUICK_UNTOLD 5
/* Real time after which a thread that follows looks whether time still moves. */
#define FOLLOW (50 * MILLI)
#define MOST_TIMERS 64
#define MOST_DISPLAYS 8
#define MOST_SOCKETS 64
#define MOST_FOLLOWERS 32
/* Files of ours in the game's process get numbers from here on, so that its own are as they would be without us. */
#define OUR_FILES 512

struct page {
    _Atomic int64_t now;     /* ns since the beginning */
    _Atomic int64_t horizon; /* ns; now never exceeds it */
    _Atomic int64_t rested;  /* the horizon at which the game rests, once it does */
    int64_t epoch;           /* wall clock at the beginning, ns since 1970 */
    _Atomic int64_t free_reads; /* many while a game begins: a Python reads the clock whenever it imports */
    _Atomic int32_t moved;   /* counts horizons; the game waits on it */
    _Atomic int32_t resting; /* counts rests; the agent waits on it */
    _Atomic int32_t owner;   /* process whose time this is */
    _Atomic int32_t rescued; /* times that another thread than main()'s had to move time */
};

static struct page *page;
static _Thread_local int64_t reads_at = -1, reads;
static _Thread_local int32_t thread; /* its number, asked for once: a game's loop comes here ten times a frame */
static int32_t process;

/* The system's own, below what is replaced here. */

static int64_t real_now(void) {
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

static void real_sleep(int64_t ns) {
    struct timespec t = {ns / SECOND, ns % SECOND};
    syscall(SYS_nanosleep, &t, NULL);
}

static int real_poll(struct pollfd *fds, nfds_t count, int ms) { return (int)syscall(SYS_poll, fds, count, ms); }

static void wait_while(_Atomic int32_t *word, int32_t value, int64_t ns) {
    struct timespec t = {ns / SECOND, ns % SECOND};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0);
}

static void wake(_Atomic int32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0); }

static struct page *map(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return NULL;
    void *found = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return found == MAP_FAILED ? NULL : found;
}

static void leave_it(void) { page = NULL; }

/* Begin the program once more, at addresses that are not by chance: a Python set has the order of its things' addresses.
 * Where that is forbidden, as in some containers, it goes on as it is. */
static void settle_addresses(char **arguments) {
    int found = personality(0xffffffff);
    if (found == -1 || found & ADDR_NO_RANDOMIZE || getenv("PLAYFIELD_AGAIN") != NULL) return;
    if (personality((unsigned long)found | ADDR_NO_RANDOMIZE) == -1) return;
    setenv("PLAYFIELD_AGAIN", "1", 1);
    execv("/proc/self/exe", arguments);
    personality((unsigned long)found);
}

__attribute__((constructor)) static void begin(int count, char **arguments) {
    (void)count;
    const char *path = getenv("PLAYFIELD_CLOCK");
    struct page *found = path == NULL ? NULL : map(path);
    if (found == NULL) return;
    int32_t owner = atomic_load(&found->owner), self = (int32_t)getpid();
    /* The first process that runs has the clock; one it starts goes by real time, unless the first is gone. */
    if (owner != 0 && owner != self && kill(owner, 0) == 0) return;
    atomic_store(&found->owner, self);
    settle_addresses(arguments);
    process = self;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing is left running where the agent dies */
    prctl(PR_SET_TIMERSLACK, MICRO);  /* our short sleeps would be three times as long otherwise */
    pthread_atfork(NULL, NULL, leave_it);
    page = found;
}

static int is_main(void) {
    if (thread == 0) thread = (int32_t)syscall(SYS_gettid);
    return thread == process;
}

static int64_t now(void) { return atomic_load(&page->now); }

/* A thread that waits for time to rise: until when, and a count of the times it was woken. Each has its own, since one that
 * sleeps for a millisecond would wake all others a thousand times a second; if there are too many, some share one. */
static struct follower {
    _Atomic int64_t until;
    _Atomic int32_t woken;
} followers[MOST_FOLLOWERS] = {[0 ... MOST_FOLLOWERS - 1] = {INT64_MAX, 0}};
static _Atomic uint32_t follower_count;

static void rise_to(int64_t time) {
    int64_t before = now();
    while (before < time && !atomic_compare_exchange_weak(&page->now, &before, time)) {
    }
    uint32_t count = atomic_load(&follower_count);
    for (uint32_t i = 0; i < count && i < MOST_FOLLOWERS; i++) {
        if (now() < atomic_load(&followers[i].until)) continue;
        atomic_store(&followers[i].until, INT64_MAX);
        atomic_fetch_add(&followers[i].woken, 1);
        wake(&followers[i].woken);
    }
}

/* Sleep until time has risen so far, or for a while where it does not rise. */
static void follow(int64_t target) {
    static _Thread_local struct follower *own;
    if (own == NULL) own = &followers[atomic_fetch_add(&follower_count, 1) % MOST_FOLLOWERS];
    int32_t count = atomic_load(&own->woken);
    int64_t earliest = atomic_load(&own->until);
    while (target < earliest && !atomic_compare_exchange_weak(&own->until, &earliest, target)) {
    }
    /* After it is told: a rise before that would wake nobody. */
    if (now() < target) wait_while(&own->woken, count, FOLLOW);
}

/* The display */

/* The game has written to somebody or read from somebody, perhaps the display, since we last waited for that. Reading
 * matters too: it makes room for the rest of a long answer. Asking in vain whether there is something to read does not. */
static atomic_int asked_display;

static int is_x_socket(int fd) {
    struct sockaddr_un a;
    socklen_t length = sizeof a;
    memset(&a, 0, sizeof a);
    if (getpeername(fd, (struct sockaddr *)&a, &length) != 0 || a.sun_family != AF_UNIX) return 0;
    return strstr(a.sun_path, ".X11-unix") != NULL || strstr(a.sun_path + 1, ".X11-unix") != NULL;
}

static int open_of_process(pid_t pid, const char *name) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int low = open(path, O_RDONLY | O_CLOEXEC), high = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, OUR_FILES);
    if (high < 0) return low;
    syscall(SYS_close, low);
    return high;
}

static ssize_t read_again(int file, char *into, size_t size) {
    ssize_t count = file < 0 ? 0 : syscall(SYS_pread64, file, into, size - 1, 0);
    into[count > 0 ? count : 0] = 0;
    return count;
}

/* The displays that the game is connected to and the processes that serve them, as long as no socket was opened or closed.
 * Their files are kept open: opening one costs more than reading it. */
static struct {
    int sockets[MOST_DISPLAYS], socket_count;
    pid_t pid;
    int sleeps_in, state;
} servers[MOST_DISPLAYS];
static int server_count;
static atomic_int sockets_changed = 1;
static pthread_mutex_t servers_lock = PTHREAD_MUTEX_INITIALIZER;

static void forget_servers(void) {
    for (int i = 0; i < server_count; i++) {
        if (servers[i].sleeps_in >= 0) syscall(SYS_close, servers[i].sleeps_in);
        if (servers[i].state >= 0) syscall(SYS_close, servers[i].state);
    }
    server_count = 0;
}

static void find_servers(void) {
    forget_servers();
    for (int fd = 3; fd < MOST_SOCKETS; fd++) {
        struct ucred peer;
        socklen_t length = sizeof peer;
        int i = 0;
        if (!is_x_socket(fd) || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) continue;
        while (i < server_count && servers[i].pid != peer.pid) i++;
        if (i == MOST_DISPLAYS || (i < server_count && servers[i].socket_count == MOST_DISPLAYS)) continue;
        if (i == server_count) {
            servers[server_count].socket_count = 0;
            servers[server_count].pid = peer.pid;
            servers[server_count].sleeps_in = open_of_process(peer.pid, "wchan");
            servers[server_count++].state = open_of_process(peer.pid, "stat");
        }
        servers[i].sockets[servers[i].socket_count++] = fd;
    }
}

/* A file that the game closes may be a socket of a display, or, as it closes all, one of ours. */
static void close_of_server(int fd) {
    for (int i = 0; i < server_count; i++) {
        if (servers[i].sleeps_in == fd) servers[i].sleeps_in = -1;
        if (servers[i].state == fd) servers[i].state = -1;
        if (servers[i].sleeps_in < 0 || servers[i].state < 0) atomic_store(&sockets_changed, 1);
        for (int j = 0; j < servers[i].socket_count; j++)
            if (servers[i].sockets[j] == fd) atomic_store(&sockets_changed, 1);
    }
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    atomic_store(&sockets_changed, 1);
    return (int)syscall(SYS_connect, fd, address, length);
}

enum idleness { BUSY, IDLE, UNTOLD };

/* Whether a server has read all that was written to it and waits for somebody to write. Who is written to is awake before
 * the write returns.
 *
 * A display also sleeps while it waits for a compiler of keymaps or for threads that draw: only a wait for whichever of
 * its clients speaks first counts. Who is awake sleeps in 0. So does who sleeps where the system does not tell in what, and
 * for a while who has just gone to sleep, as long as a busy scheduler keeps it in its queue: on a loaded machine it would
 * cost up to a second to wait for the end of that.
 */
static enum idleness idleness_of(int server) {
    char place[64], text[512];
    int left = 0;
    for (int i = 0; i < servers[server].socket_count; i++)
        if (ioctl(servers[server].sockets[i], SIOCOUTQ, &left) == 0 && left > 0) return BUSY;
    if (read_again(servers[server].sleeps_in, place, sizeof place) > 0 && place[0] != '0')
        return strstr(place, "poll") != NULL || strstr(place, "select") != NULL ? IDLE : BUSY;
    read_again(servers[server].state, text, sizeof text);
    const char *name_end = strrchr(text, ')');
    return name_end != NULL && name_end[2] != 'S' ? BUSY : UNTOLD;
}

/* Wait until the display has read all that the game has written, has done it, and has written its answers: it sleeps. */
static void wait_for_display(void) {
    if (!atomic_exchange(&asked_display, 0)) return;
    pthread_mutex_lock(&servers_lock);
    if (atomic_exchange(&sockets_changed, 0)) find_servers();
    for (int i = 0; i < server_count; i++)
        for (int looks = 0, untold = 0; untold < UNTOLD_TIMES; looks++) {
            enum idleness found = idleness_of(i);
            if (found == IDLE) break;
            untold = found == UNTOLD ? untold + 1 : 0;
            if (found == BUSY ? looks < QUICK_LOOKS : untold < QUICK_UNTOLD)
                sched_yield();
            else
                real_sleep(20 * MICRO);
        }
    pthread_mutex_unlock(&servers_lock);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    atomic_store(&asked_display, 1);
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    atomic_store(&asked_display, 1);
    return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    ssize_t count = syscall(SYS_recvmsg, fd, message, flags);
    if (count > 0) atomic_store(&asked_display, 1);
    return count;
}

ssize_t recv(int fd, void *into, size_t size, int flags) {
    ssize_t count = syscall(SYS_recvfrom, fd, into, size, flags, NULL, NULL);
    if (count > 0) atomic_store(&asked_display, 1);
    return count;
}

/* Resting */

/* Tell the agent that the game has come to the horizon, and wait until it is another. */
static void rest(int64_t horizon, int32_t moved) {
    if (atomic_load(&page->rested) != horizon) {
        wait_for_display();
        atomic_store(&page->rested, horizon);
        atomic_fetch_add(&page->resting, 1);
        wake(&page->resting);
    }
    wait_while(&page->moved, moved, SECOND);
}

/* Timers that can be polled: the system's are never set, but told to go off when our time has come. */

struct timer {
    int fd;           /* -1: none */
    int64_t at;       /* INT64_MAX: not set */
    int64_t interval; /* 0: once */
};
static struct timer timers[MOST_TIMERS];
static int timers_begun;
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;

static struct timer *timer_of(int fd) {
    if (!timers_begun) {
        for (int i = 0; i < MOST_TIMERS; i++) timers[i].fd = -1;
        timers_begun = 1;
    }
    for (int i = 0; i < MOST_TIMERS; i++)
        if (timers[i].fd == fd) return &timers[i];
    return NULL;
}

static int64_t next_timer(void) {
    int64_t next = INT64_MAX;
    pthread_mutex_lock(&timers_lock);
    for (int i = 0; timers_begun && i < MOST_TIMERS; i++)
        if (timers[i].fd >= 0 && timers[i].at < next) next = timers[i].at;
    pthread_mutex_unlock(&timers_lock);
    return next;
}

static void set_off_timers(void) {
    struct itimerspec at_once = {{0, 0}, {0, 1}};
    pthread_mutex_lock(&timers_lock);
    for (int i = 0; timers_begun && i < MOST_TIMERS; i++) {
        struct timer *t = &timers[i];
        if (t->fd < 0 || t->at > now()) continue;
        syscall(SYS_timerfd_settime, t->fd, 0, &at_once, NULL);
        t->at = t->interval > 0 ? t->at + t->interval : INT64_MAX;
    }
    pthread_mutex_unlock(&timers_lock);
}

/* Sleeping: time jumps to the end of it, or to the horizon, where the game rests. */

static int64_t end_of(int64_t duration) {
    int64_t t = now();
    return duration > INT64_MAX - t ? INT64_MAX : t + duration;
}

static void sleep_until(int64_t target) {
    reads = 0;
    if (is_main()) {
        wait_for_display();
        for (;;) {
            int32_t moved = atomic_load(&page->moved); /* before the horizon, so that no move in between is missed */
            int64_t horizon = atomic_load(&page->horizon);
            rise_to(target < horizon ? target : horizon);
            set_off_timers();
            if (target <= horizon) return;
            rest(horizon, moved);
        }
    }
    int64_t seen = now(), since = real_now();
    while (now() < target) {
        follow(target);
        if (now() != seen) {
            seen = now();
            since = real_now();
        } else if (real_now() - since > PATIENCE) {
            int32_t moved = atomic_load(&page->moved);
            int64_t horizon = atomic_load(&page->horizon);
            rise_to(target < horizon ? target : horizon);
            atomic_fetch_add(&page->rescued, 1);
            if (target > horizon) rest(horizon, moved);
        }
    }
}

/* Ask again and again for what may come from outside, as polling does, until it is there or our time is over. */
static int ask_until(int64_t target, int (*ask)(void *, int), void *what) {
    reads = 0;
    for (;;) {
        int32_t moved = atomic_load(&page->moved);
        /* Before asking: input that was sent before the horizon moved is always seen first. */
        int64_t horizon = atomic_load(&page->horizon);
        int64_t timer = next_timer(), end = target < timer ? target : timer;
        wait_for_display();
        int found = ask(what, 0);
        if (found != 0) return found;
        rise_to(end < horizon ? end : horizon);
        set_off_timers();
        if (target <= horizon && target <= now()) return ask(what, 0);
        if (end > horizon) rest(horizon, moved);
    }
}

struct polled {
    struct pollfd *fds;
    nfds_t count;
};

static int ask_poll(void *what, int ms) {
    struct polled *p = what;
    return real_poll(p->fds, p->count, ms);
}

struct selected {
    int count;
    fd_set *in[3], asked[3];
};

static int ask_select(void *what, int ms) {
    struct selected *s = what;
    struct timeval t = {0, ms * 1000};
    for (int i = 0; i < 3; i++)
        if (s->in[i]) *s->in[i] = s->asked[i];
    return (int)syscall(SYS_select, s->count, s->in[0], s->in[1], s->in[2], &t);
}

struct epolled {
    int fd, most;
    struct epoll_event *events;
};

static int ask_epoll(void *what, int ms) {
    struct epolled *e = what;
    return (int)syscall(SYS_epoll_wait, e->fd, e->events, e->most, ms);
}

/* What the game calls */

static int is_ours(clockid_t id) {
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW ||
           id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME;
}

static int is_wall(clockid_t id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE; }

static int64_t base_of(clockid_t id) { return is_wall(id) ? page->epoch : UPTIME; }

static int64_t ns_of(const struct timespec *t) { return t->tv_sec * SECOND + t->tv_nsec; }

static int64_t read_clock(void) {
    if (!is_main()) return now();
    if (reads_at != now()) {
        reads_at = now();
        reads = 0;
    }
    int64_t allowed = atomic_load(&page->free_reads);
    if (++reads > allowed) {
        sleep_until(end_of(CHARGE));
        reads = allowed; /* the loop goes on: every further read is charged too */
        reads_at = now();
    }
    return now();
}

int clock_gettime(clockid_t id, struct timespec *t) {
    if (!page || !is_ours(id)) return syscall(SYS_clock_gettime, id, t) < 0 ? -1 : 0;
    int64_t time = read_clock() + base_of(id);
    t->tv_sec = time / SECOND;
    t->tv_nsec = time % SECOND;
    return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone) {
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    tv->tv_sec = t.tv_sec;
    tv->tv_usec = t.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out) *out = t.tv_sec;
    return t.tv_sec;
}

clock_t clock(void) {
    struct timespec t;
    if (page) return (clock_t)(read_clock() / 1000);
    syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * CLOCKS_PER_SEC + t.tv_nsec / 1000;
}

int nanosleep(const struct timespec *asked, struct timespec *left) {
    if (!page) return (int)syscall(SYS_nanosleep, asked, left);
    sleep_until(end_of(ns_of(asked)));
    if (left) left->tv_sec = left->tv_nsec = 0;
    return 0;
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *asked, struct timespec *left) {
    if (!page || !is_ours(id)) return syscall(SYS_clock_nanosleep, id, flags, asked, left) < 0 ? errno : 0;
    sleep_until(flags & TIMER_ABSTIME ? ns_of(asked) - base_of(id) : end_of(ns_of(asked)));
    return 0;
}

int usleep(useconds_t us) {
    struct timespec t = {us / 1000000, us % 1000000 * 1000L};
    return nanosleep(&t, NULL);
}

unsigned sleep(unsigned seconds) {
    struct timespec t = {seconds, 0};
    nanosleep(&t, NULL);
    return 0;
}

int poll(struct pollfd *fds, nfds_t count, int ms) {
    if (!page || ms == 0 || !is_main()) return real_poll(fds, count, ms);
    struct polled p = {fds, count};
    return ask_until(ms < 0 ? INT64_MAX : end_of(ms * MILLI), ask_poll, &p);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *t, const sigset_t *mask) {
    if (!page || !is_main()) return (int)syscall(SYS_ppoll, fds, count, t, mask, _NSIG / 8);
    struct polled p = {fds, count};
    if (t && ns_of(t) == 0) return real_poll(fds, count, 0);
    return ask_until(t ? end_of(ns_of(t)) : INT64_MAX, ask_poll, &p);
}

static int select_ns(int count, fd_set *in, fd_set *out, fd_set *odd, int64_t ns) {
    struct selected s = {count, {in, out, odd}, {{{0}}, {{0}}, {{0}}}};
    for (int i = 0; i < 3; i++)
        if (s.in[i]) s.asked[i] = *s.in[i];
    if (ns == 0) return ask_select(&s, 0);
    return ask_until(ns < 0 ? INT64_MAX : end_of(ns), ask_select, &s);
}

int select(int count, fd_set *in, fd_set *out, fd_set *odd, struct timeval *t) {
    if (!page || !is_main()) return (int)syscall(SYS_select, count, in, out, odd, t);
    return select_ns(count, in, out, odd, t ? t->tv_sec * SECOND + t->tv_usec * MICRO : -1);
}

int pselect(int count, fd_set *in, fd_set *out, fd_set *odd, const struct timespec *t, const sigset_t *mask) {
    struct {
        const sigset_t *mask;
        size_t size;
    } masked = {mask, _NSIG / 8};
    if (!page || !is_main()) return (int)syscall(SYS_pselect6, count, in, out, odd, t, &masked);
    return select_ns(count, in, out, odd, t ? ns_of(t) : -1);
}

int epoll_wait(int fd, struct epoll_event *events, int most, int ms) {
    struct epolled e = {fd, most, events};
    if (!page || ms == 0 || !is_main()) return ask_epoll(&e, ms);
    return ask_until(ms < 0 ? INT64_MAX : end_of(ms * MILLI), ask_epoll, &e);
}

int epoll_pwait(int fd, struct epoll_event *events, int most, int ms, const sigset_t *mask) {
    if (!page || !is_main()) return (int)syscall(SYS_epoll_pwait, fd, events, most, ms, mask, _NSIG / 8);
    return epoll_wait(fd, events, most, ms);
}

int timerfd_create(int id, int flags) {
    int fd = (int)syscall(SYS_timerfd_create, page && is_ours(id) ? CLOCK_MONOTONIC : id, flags);
    if (fd < 0 || !page || !is_ours(id)) return fd;
    pthread_mutex_lock(&timers_lock);
    struct timer *t = timer_of(fd);
    if (t == NULL) t = timer_of(-1);
    if (t) *t = (struct timer){fd, INT64_MAX, 0};
    pthread_mutex_unlock(&timers_lock);
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *asked, struct itimerspec *before) {
    pthread_mutex_lock(&timers_lock);
    struct timer *t = page ? timer_of(fd) : NULL;
    if (t == NULL) {
        pthread_mutex_unlock(&timers_lock);
        return (int)syscall(SYS_timerfd_settime, fd, flags, asked, before);
    }
    struct itimerspec never = {{0, 0}, {0, 0}};
    syscall(SYS_timerfd_settime, fd, 0, &never, NULL); /* whatever went off and was not read is forgotten */
    if (before) {
        int64_t left = t->at == INT64_MAX ? 0 : t->at - now(), interval = t->interval;
        *before = (struct itimerspec){{interval / SECOND, interval % SECOND}, {left / SECOND, left % SECOND}};
    }
    int64_t value = ns_of(&asked->it_value);
    /* Of an absolute time its size tells the clock: the wall clock is decades ahead of the other. */
    int64_t base = value > page->epoch / 2 ? page->epoch : UPTIME;
    t->at = value == 0 ? INT64_MAX : flags & TFD_TIMER_ABSTIME ? value - base : end_of(value);
    t->interval = ns_of(&asked->it_interval);
    pthread_mutex_unlock(&timers_lock);
    return 0;
}

int timerfd_gettime(int fd, struct itimerspec *out) {
    pthread_mutex_lock(&timers_lock);
    struct timer *t = page ? timer_of(fd) : NULL;
    if (t) {
        int64_t left = t->at == INT64_MAX ? 0 : t->at - now(), interval = t->interval;
        *out = (struct itimerspec){{interval / SECOND, interval % SECOND}, {left / SECOND, left % SECOND}};
    }
    pthread_mutex_unlock(&timers_lock);
    return t ? 0 : (int)syscall(SYS_timerfd_gettime, fd, out);
}

int close(int fd) {
    if (page && fd >= 0) {
        pthread_mutex_lock(&timers_lock);
        struct timer *t = timers_begun ? timer_of(fd) : NULL;
        if (t) t->fd = -1;
        pthread_mutex_unlock(&timers_lock);
        close_of_server(fd);
    }
    return (int)syscall(SYS_close, fd);
}

/* Chance. Python, for one, seeds itself with the system's random bytes and not with the time of day. */

static void draw(void *into, size_t size) {
    static _Atomic uint64_t drawn;
    for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
        /* SplitMix64, whose n-th number needs none before it: threads need no lock. */
        uint64_t z = (uint64_t)page->epoch + (atomic_fetch_add(&drawn, 1) + 1) * 0x9E3779B97F4A7C15ULL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        z ^= z >> 31;
        memcpy((char *)into + done, &z, size - done < sizeof z ? size - done : sizeof z);
    }
}

ssize_t getrandom(void *into, size_t size, unsigned flags) {
    if (!page) return syscall(SYS_getrandom, into, size, flags);
    draw(into, size);
    return (ssize_t)size;
}

int getentropy(void *into, size_t size) {
    if (size <= 256) return getrandom(into, size, 0) == (ssize_t)size ? 0 : -1;
    errno = EIO;
    return -1;
}

void arc4random_buf(void *into, size_t size) { getrandom(into, size, 0); }

uint32_t arc4random(void) {
    uint32_t value;
    arc4random_buf(&value, sizeof value);
    return value;
}

uint32_t arc4random_uniform(uint32_t below) { return (uint32_t)(((uint64_t)arc4random() * below) >> 32); }

/* Waiting for another thread until a time: asked again in short real waits, while our time goes on. */

static int64_t end_of_wait(const struct timespec *until) {
    int64_t time = ns_of(until);
    return time - (time > page->epoch / 2 ? page->epoch : UPTIME);
}

static struct timespec soon(clockid_t id) {
    struct timespec t;
    syscall(SYS_clock_gettime, id, &t);
    int64_t ns = ns_of(&t) + LOOK;
    return (struct timespec){ns / SECOND, ns % SECOND};
}

/* After a short wait that was in vain: whether the time is over, having moved it or waited for it. */
static int is_over(int64_t target) {
    if (!is_main()) return now() >= target;
    int32_t moved = atomic_load(&page->moved);
    int64_t horizon = atomic_load(&page->horizon);
    rise_to(target < horizon ? target : horizon);
    set_off_timers();
    if (target <= horizon) return 1;
    rest(horizon, moved);
    return 0;
}

typedef int (*cond_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
typedef int (*cond_clock_wait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
typedef int (*timed_lock)(pthread_mutex_t *, const struct timespec *);
typedef int (*timed_sem)(sem_t *, const struct timespec *);
typedef int (*clocked_sem)(sem_t *, clockid_t, const struct timespec *);

/* The first version of this function that the C library ever had is of another kind. */
static void *next_of(const char *name, const char *version) {
    void *found = version ? dlvsym(RTLD_NEXT, name, version) : NULL;
    return found ? found : dlsym(RTLD_NEXT, name);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t id, const struct timespec *until) {
    static cond_clock_wait real;
    if (!real) real = (cond_clock_wait)next_of("pthread_cond_clockwait", NULL);
    if (!page || !is_ours(id)) return real(cond, mutex, id, until);
    int64_t target = ns_of(until) - base_of(id);
    for (;;) {
        struct timespec t = soon(CLOCK_MONOTONIC);
        int said = real(cond, mutex, CLOCK_MONOTONIC, &t);
        if (said != ETIMEDOUT || is_over(target)) return said;
    }
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
    static cond_wait real;
    if (!real) real = (cond_wait)next_of("pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!page) return real(cond, mutex, until);
    return pthread_cond_clockwait(cond, mutex, ns_of(until) > page->epoch / 2 ? CLOCK_REALTIME : CLOCK_MONOTONIC, until);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until) {
    static timed_lock real;
    if (!real) real = (timed_lock)next_of("pthread_mutex_timedlock", NULL);
    if (!page) return real(mutex, until);
    int64_t target = end_of_wait(until);
    for (;;) {
        struct timespec t = soon(CLOCK_REALTIME);
        int said = real(mutex, &t);
        if (said != ETIMEDOUT || is_over(target)) return said;
    }
}

int sem_clockwait(sem_t *sem, clockid_t id, const struct timespec *until) {
    static clocked_sem real;
    if (!real) real = (clocked_sem)next_of("sem_clockwait", NULL);
    if (!page || !is_ours(id)) return real(sem, id, until);
    int64_t target = ns_of(until) - base_of(id);
    for (;;) {
        struct timespec t = soon(CLOCK_MONOTONIC);
        if (real(sem, CLOCK_MONOTONIC, &t) == 0) return 0;
        if (errno != ETIMEDOUT || is_over(target)) return -1;
    }
}

int sem_timedwait(sem_t *sem, const struct timespec *until) {
    static timed_sem real;
    if (!real) real = (timed_sem)next_of("sem_timedwait", NULL);
    return page ? sem_clockwait(sem, CLOCK_REALTIME, until) : real(sem, until);
}

/* The agent's side, which loads this file as a library. */

/* Move the horizon; the game goes on. */
void playfield_move(struct page *p, int64_t horizon) {
    atomic_store(&p->horizon, horizon);
    atomic_fetch_add(&p->moved, 1);
    wake(&p->moved);
}

/* Wait up to `ns` of real time until the game rests at its horizon; 1 where it does. */
int playfield_wait(struct page *p, int64_t ns) {
    int64_t end = real_now() + ns;
    for (;;) {
        int32_t resting = atomic_load(&p->resting);
        if (atomic_load(&p->rested) == atomic_load(&p->horizon)) return 1;
        int64_t left = end - real_now();
        if (left <= 0) return 0;
        wait_while(&p->resting, resting, left < 50 * MILLI ? left : 50 * MILLI);
    }
}
