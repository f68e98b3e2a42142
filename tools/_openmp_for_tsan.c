/* The part of GCC's OpenMP runtime that the kernels call, on plain threads.
 *
 * ThreadSanitizer knows what threads, mutexes and barriers of pthread order, but sees nothing of
 * what libgomp does by itself and would report every loop. Loaded before libgomp (see
 * sanitizers.sh), these functions take its place. Each region starts its threads anew, and nested
 * regions run on one thread.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Loops of a region that threads may be in at the same time, as some need not wait at the end. */
#define LOOPS 64

typedef struct {
    long number, next, end, step, chunk;
} loop_t;

typedef struct {
    void (*body)(void *);
    void *data;
    int size;
    pthread_mutex_t mutex;
    pthread_barrier_t barrier;
    loop_t loops[LOOPS];
} team_t;

typedef struct {
    team_t *team;
    int id;
} member_t;

static __thread team_t *team;
static __thread int id;
static __thread long n_loops;
static int max_threads;
static pthread_mutex_t critical = PTHREAD_MUTEX_INITIALIZER;

int omp_get_max_threads(void)
{
    return max_threads ? max_threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void omp_set_num_threads(int n) { max_threads = n; }
int omp_get_num_procs(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }
int omp_get_num_threads(void) { return team ? team->size : 1; }
int omp_get_thread_num(void) { return team ? id : 0; }
int omp_in_parallel(void) { return team && team->size > 1; }

static void *run(void *argument)
{
    const member_t *member = argument;
    team = member->team;
    id = member->id;
    n_loops = 0;
    team->body(team->data);
    return NULL;
}

void GOMP_parallel(void (*body)(void *), void *data, unsigned n_threads, unsigned flags)
{
    team_t *outer = team, mine;
    const int outer_id = id;
    const long outer_loops = n_loops;
    (void)flags;
    memset(&mine, 0, sizeof mine);
    mine.body = body;
    mine.data = data;
    mine.size = outer ? 1 : n_threads ? (int)n_threads : omp_get_max_threads();
    pthread_mutex_init(&mine.mutex, NULL);
    pthread_barrier_init(&mine.barrier, NULL, (unsigned)mine.size);
    pthread_t *threads = malloc((size_t)mine.size * sizeof *threads);
    member_t *members = malloc((size_t)mine.size * sizeof *members);
    for (int i = 0; i < mine.size; ++i)
        members[i] = (member_t){&mine, i};
    for (int i = 1; i < mine.size; ++i)
        if (pthread_create(&threads[i], NULL, run, &members[i]))
            abort();
    run(&members[0]);
    for (int i = 1; i < mine.size; ++i)
        pthread_join(threads[i], NULL);
    free(threads);
    free(members);
    pthread_barrier_destroy(&mine.barrier);
    pthread_mutex_destroy(&mine.mutex);
    team = outer;
    id = outer_id;
    n_loops = outer_loops;
}

void GOMP_barrier(void)
{
    if (team)
        pthread_barrier_wait(&team->barrier);
}

/* Relaxed, as a lock would order what the chunks do and so hide their races. */
static bool next_chunk(loop_t *loop, long *begin, long *end)
{
    const long step = loop->step * loop->chunk;
    *begin = __atomic_fetch_add(&loop->next, step, __ATOMIC_RELAXED);
    *end = *begin + step;
    if (loop->step > 0 ? *end > loop->end : *end < loop->end)
        *end = loop->end;
    return loop->step > 0 ? *begin < *end : *begin > *end;
}

bool GOMP_loop_nonmonotonic_dynamic_next(long *begin, long *end)
{
    return next_chunk(&team->loops[n_loops % LOOPS], begin, end);
}

bool GOMP_loop_nonmonotonic_dynamic_start(long first, long last, long step, long chunk,
                                          long *begin, long *end)
{
    if (!team)
        abort(); /* the compiler puts no loop outside of a region that the kernels have */
    loop_t *loop = &team->loops[++n_loops % LOOPS];
    pthread_mutex_lock(&team->mutex);
    if (loop->number != n_loops) /* the first thread to come */
        *loop = (loop_t){n_loops, first, last, step, chunk};
    pthread_mutex_unlock(&team->mutex);
    return next_chunk(loop, begin, end);
}

void GOMP_loop_end_nowait(void) {}
void GOMP_loop_end(void) { GOMP_barrier(); }
void GOMP_critical_start(void) { pthread_mutex_lock(&critical); }
void GOMP_critical_end(void) { pthread_mutex_unlock(&critical); }
void GOMP_atomic_start(void) { pthread_mutex_lock(&critical); }
void GOMP_atomic_end(void) { pthread_mutex_unlock(&critical); }

bool GOMP_single_start(void) { return omp_get_thread_num() == 0; }

/* A task is run where it is met, which any schedule may do. */
void GOMP_task(void (*body)(void *), void *data, void (*copy)(void *, void *), long size, long align,
               bool deferred, unsigned flags, void **depend, int priority, void *detach)
{
    (void)deferred, (void)flags, (void)depend, (void)priority, (void)detach;
    char *room = malloc((size_t)(size + align));
    char *place = room + align - 1 - ((size_t)room + (size_t)align - 1) % (size_t)align;
    if (copy)
        copy(place, data);
    else
        memcpy(place, data, (size_t)size);
    body(place);
    free(room);
}

void GOMP_taskwait(void) {}
