"""Swap search for k medoids, on rows of distances or on bounds of them.

A solution is a list of medoids, one for each *slot*. For every object the `depth` nearest slots are
kept in order, with their distances: two for the total deviation, three for the medoid silhouette,
one while medoids are still being added. From these the change of the loss under every swap that
brings in one candidate follows in a single pass over the candidate's distances, and only objects
nearer to the candidate than their last kept medoid take part.

All sums are float64, whatever the type of the distances, and run in one order, so the number of
threads does not change a bit of the outcome.

A row is of distances, or, with `features`, of negated inner products of coordinates whose distances
are lower bounds of those of the features. By the coordinates' squared `norms`, the distance of an
object and a candidate can be below a reach only if their product is below the sum of `reach_bound`
of the object and `shift` of the candidate; `slack` allows for rounding. Only then it is computed
from the features, squared or not.
"""

import numpy as np

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport INFINITY, NAN, sqrt
from libc.string cimport memcpy

from skdeepcluster._kernels._bounded cimport below, squares
from skdeepcluster._kernels._checks cimport (
    check_at_least,
    check_range,
    check_shape,
    check_size,
    check_threads,
)


cdef extern from "_medoids.h" nogil:
    const Py_ssize_t BLOCK
    void inspect_block_float(const float *D, Py_ssize_t n, Py_ssize_t row, Py_ssize_t column,
                             float *largest, float *asymmetry)
    void inspect_block_double(const double *D, Py_ssize_t n, Py_ssize_t row, Py_ssize_t column,
                              double *largest, double *asymmetry)


cdef enum:
    TILE = 512      # objects that stay in the cache while several candidates meet them
    ROW_GROUP = 8   # the same where distances are rows of a matrix
    GROUP = 256     # candidates that meet a tile
    MAX_DEPTH = 3
    MIN_PARALLEL = 1 << 17  # numbers that are worth waking other threads
    WINDOW = 1 << 23        # given distances that are looked at together at most
    NO_SLOT = -1


cdef inline Py_ssize_t n_tiles(Py_ssize_t n) noexcept nogil:
    return (n + TILE - 1) // TILE


cdef inline void distances_to(const floating *x, const floating *X, Py_ssize_t n_features,
                              const int *rows, Py_ssize_t n, bint squared,
                              floating *distances) noexcept nogil:
    cdef Py_ssize_t i
    squares(x, X, n_features, rows, n, distances)
    if not squared:
        for i in range(n):
            distances[i] = sqrt(distances[i])


# ---------------------------------------------------------------------------------------------
# The loss: what one object adds to it, and to its changes


cdef inline double ratio(double a, double b) noexcept nogil:
    return a / b if b > 0 else 0.


cdef inline double ratio_with(double a, double b, double d) noexcept nogil:
    """The smallest over the second smallest of a <= b and d."""
    if d < a:
        return ratio(d, a)
    return ratio(a, d if d < b else b)


cdef inline void add_removal(const floating *near, const int *slots, Py_ssize_t n, int depth,
                             double cap, double weight, double *removal) noexcept nogil:
    """What an object adds to the change of the loss when one of its nearest medoids goes."""
    cdef double d1 = near[0], d2, d3
    if depth == 2:
        removal[slots[0]] += weight * (near[n] - d1)
    elif depth == 3:
        d1, d2, d3 = min(d1, cap), min(<double>near[n], cap), min(<double>near[2 * n], cap)
        removal[slots[0]] += weight * (ratio(d2, d3) - ratio(d1, d2))
        removal[slots[n]] += weight * (ratio(d1, d3) - ratio(d1, d2))


cdef inline double add_changes(const int *hits, const floating *distances, Py_ssize_t n_hits,
                               const floating *near, const int *slots, Py_ssize_t n, int depth,
                               double cap, const double *weights, double *changes) noexcept nogil:
    """What objects at these distances from a candidate add to the change of the loss.

    Returned is the change when the candidate joins the medoids; what comes on top of it and of the
    loss of the removal when a slot's medoid goes is added to `changes`.
    """
    cdef Py_ssize_t h, o
    cdef double d, d1, d2, d3, weight, joined, total = 0.
    if depth == 1:
        for h in range(n_hits):
            o = hits[h]
            total += weights[o] * (<double>distances[h] - <double>near[o])
    elif depth == 2:
        for h in range(n_hits):
            o = hits[h]
            d, d1, d2, weight = distances[h], near[o], near[n + o], weights[o]
            total += weight * (min(d, d1) - d1)
            changes[slots[o]] += weight * (max(d, d1) - d2)
    else:
        for h in range(n_hits):
            o = hits[h]
            d, weight = min(<double>distances[h], cap), weights[o]
            d1, d2 = min(<double>near[o], cap), min(<double>near[n + o], cap)
            d3 = min(<double>near[2 * n + o], cap)
            joined = ratio_with(d1, d2, d) - ratio(d1, d2)
            total += weight * joined
            changes[slots[o]] += weight * (ratio_with(d2, d3, d) - ratio(d2, d3) - joined)
            changes[slots[n + o]] += weight * (ratio_with(d1, d3, d) - ratio(d1, d3) - joined)
    return total


# ---------------------------------------------------------------------------------------------
# The nearest medoids of every object


cdef inline void insert(floating *near, int *slots, Py_ssize_t n, int place, floating distance,
                        int slot) noexcept nogil:
    """Put a medoid at its place among the nearest, whose last entry is free.

    It goes behind equally near ones and before places that are free, or to the front, where
    `distance` is negative, as 0.
    """
    while place > 0 and (distance < near[(place - 1) * n] or slots[(place - 1) * n] == NO_SLOT):
        near[place * n] = near[(place - 1) * n]
        slots[place * n] = slots[(place - 1) * n]
        place -= 1
    near[place * n] = max(distance, 0)
    slots[place * n] = slot


cdef inline floating reach_bound(floating reach, floating norm, double slack,
                                 bint squared) noexcept nogil:
    """The part of a bound for distances below reach that depends on the object."""
    cdef double square = reach if squared else <double>reach * reach
    return 0.5 * ((1 + slack) * square - (1 - slack) * norm)


cdef inline floating shift(floating norm, double slack) noexcept nogil:
    """The part that depends on the candidate."""
    return -0.5 * (1 - slack) * norm


cdef inline floating distance_below(floating reach, floating value, Py_ssize_t o,
                                    Py_ssize_t medoid, const floating[:, ::1] features,
                                    const floating[::1] norms, double slack,
                                    bint squared) noexcept nogil:
    """The distance of an object to a medoid if it may be below reach, or else infinity.

    What is no number is infinitely far.
    """
    cdef int row = <int>o
    cdef floating distance
    if not features.shape[0]:
        return value if value < INFINITY else INFINITY
    if value >= reach_bound(reach, norms[o], slack, squared) + shift(norms[medoid], slack):
        return INFINITY
    distances_to(&features[medoid, 0], &features[0, 0], features.shape[1], &row, 1, squared,
                 &distance)
    return distance if distance < INFINITY else INFINITY


cdef int check_near(const Py_ssize_t[::1] medoids, const floating[:, ::1] features,
                    const floating[::1] norms, const floating[:, ::1] near,
                    const int[:, ::1] slots) except -1:
    """Whether arrays fit each other; what `slots` holds is for `check_slots`."""
    cdef Py_ssize_t n = near.shape[1]
    if not 1 <= near.shape[0] <= MAX_DEPTH:
        raise ValueError(f"from 1 to {MAX_DEPTH} nearest medoids are kept, not {near.shape[0]}")
    check_shape("slots", slots.shape[0], slots.shape[1], near.shape[0], n)
    check_range("medoids", medoids, 0, n)
    # An object's own row is read at its k nearest medoids but one.
    check_at_least("the number of medoids", medoids.shape[0], max(1, near.shape[0] - 1))
    if features.shape[0]:
        check_at_least("the number of features", features.shape[1], 1)
        check_size("features", features.shape[0], n)
        check_size("norms", norms.shape[0], n)
    return 0


cdef int check_rows(const floating[:, ::1] rows, const Py_ssize_t[::1] at, Py_ssize_t n_rows,
                    Py_ssize_t n) except -1:
    """Whether there is a row of distances to n objects for each of some objects."""
    check_shape("rows", rows.shape[0], rows.shape[1], rows.shape[0], n)
    check_size("at", at.shape[0], n_rows)
    check_range("at", at, 0, rows.shape[0])
    return 0


cdef int check_slots(const int[:, ::1] slots, Py_ssize_t n_medoids) except -1:
    """Whether each object has its nearest medoids, all that it can have."""
    cdef Py_ssize_t i
    for i in range(slots.shape[0]):
        check_range("slots", slots[i], 0 if i < n_medoids else NO_SLOT, n_medoids)
    return 0


def nearest_medoids(const floating[:, ::1] medoid_rows, const Py_ssize_t[::1] medoid_at,
                    const Py_ssize_t[::1] medoids, const floating[:, ::1] features,
                    const floating[::1] norms, double slack, bint squared,
                    floating[:, ::1] near, int[:, ::1] slots, int n_threads):
    """The nearest slots of every object and their distances.

    Of equally near slots the lower comes first, but a medoid always belongs to its own slot.

    Parameters
    ----------
    medoid_rows : (m, n) array of float32 or float64
        Row ``medoid_at[i]`` belongs to the medoid of slot i.
    medoid_at : (k,) array of intp
    medoids : (k,) array of intp
    features, norms, slack, squared :
        What the rows hold.
    near : (depth, n) array of the type of the distances
        Output: distances in ascending order, infinite where there are fewer medoids.
    slots : (depth, n) array of int32
        Output: the slots, -1 where there are fewer medoids.
    n_threads : int
    """
    cdef Py_ssize_t n = near.shape[1], tile
    n_threads = check_threads(n_threads)
    check_near(medoids, features, norms, near, slots)
    check_rows(medoid_rows, medoid_at, medoids.shape[0], n)
    for tile in prange(n_tiles(n), nogil=True, num_threads=n_threads, schedule="static",
                       use_threads_if=n * medoids.shape[0] >= MIN_PARALLEL):
        nearest_in_tile(medoid_rows, medoid_at, medoids, features, norms, slack, squared, near,
                        slots, tile * TILE, min(tile * TILE + TILE, n))


cdef void nearest_in_tile(const floating[:, ::1] medoid_rows, const Py_ssize_t[::1] medoid_at,
                          const Py_ssize_t[::1] medoids, const floating[:, ::1] features,
                          const floating[::1] norms, double slack, bint squared,
                          floating[:, ::1] near, int[:, ::1] slots, Py_ssize_t begin,
                          Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t n = near.shape[1], o
    cdef int depth = <int>near.shape[0], i, slot
    cdef floating distance
    for i in range(depth):
        for o in range(begin, end):
            near[i, o] = INFINITY
            slots[i, o] = NO_SLOT
    for slot in range(<int>medoids.shape[0]):
        for o in range(begin, end):
            if medoids[slot] == o:
                distance = -1
            else:
                distance = distance_below(near[depth - 1, o], medoid_rows[medoid_at[slot], o], o,
                                          medoids[slot], features, norms, slack, squared)
            # However far it is, a slot is named where one is free: losses are summed by slots.
            if distance < near[depth - 1, o] or slots[depth - 1, o] == NO_SLOT:
                insert(&near[0, o], &slots[0, o], n, depth - 1, distance, slot)


cdef void search_last_in_rows(const floating[:, ::1] medoid_rows,
                              const Py_ssize_t[::1] medoid_at, const int *objects,
                              Py_ssize_t n_objects, floating[:, ::1] near,
                              int[:, ::1] slots) noexcept nogil:
    """Find the last of some objects' nearest medoids anew, along the medoids' rows of distances."""
    cdef Py_ssize_t h, o
    cdef int slot, i, depth = <int>near.shape[0]
    cdef bint listed
    cdef const floating *row
    for h in range(n_objects):
        near[depth - 1, objects[h]] = INFINITY
        slots[depth - 1, objects[h]] = NO_SLOT
    for slot in range(<int>medoid_at.shape[0]):
        row = &medoid_rows[medoid_at[slot], 0]
        for h in range(n_objects):
            o = objects[h]
            if row[o] < near[depth - 1, o] or slots[depth - 1, o] == NO_SLOT:
                listed = False
                for i in range(depth - 1):
                    listed |= slots[i, o] == slot
                if not listed:
                    near[depth - 1, o] = row[o] if row[o] < INFINITY else INFINITY
                    slots[depth - 1, o] = slot


cdef void search_last_by_bounds(const floating[:, ::1] medoid_rows,
                                const Py_ssize_t[::1] medoid_at, const Py_ssize_t[::1] medoids,
                                const floating[:, ::1] features, const floating[::1] norms,
                                double slack, bint squared, Py_ssize_t o, floating *near,
                                int *slots, Py_ssize_t n, int depth) noexcept nogil:
    """The same for one object, where rows hold products; the one with the lowest bound first."""
    cdef floating best = INFINITY, lowest = INFINITY, value, distance
    cdef int guess = NO_SLOT, best_slot = NO_SLOT, slot, i
    cdef bint listed
    for slot in range(<int>medoids.shape[0]):
        value = medoid_rows[medoid_at[slot], o] - shift(norms[medoids[slot]], slack)
        if value < lowest or guess == NO_SLOT:
            listed = False
            for i in range(depth - 1):
                listed |= slots[i * n] == slot
            if not listed:
                lowest, guess = value, slot
    if guess == NO_SLOT:  # all are listed
        near[(depth - 1) * n] = INFINITY
        slots[(depth - 1) * n] = NO_SLOT
        return
    best = distance_below(best, lowest, o, medoids[guess], features, norms, slack, squared)
    best_slot = guess
    for slot in range(<int>medoids.shape[0]):
        if slot == guess:
            continue
        distance = distance_below(best, medoid_rows[medoid_at[slot], o], o, medoids[slot],
                                  features, norms, slack, squared)
        if distance < best:
            listed = False
            for i in range(depth - 1):
                listed |= slots[i * n] == slot
            if not listed:
                best, best_slot = distance, slot
    near[(depth - 1) * n] = best
    slots[(depth - 1) * n] = best_slot


cdef void replace(Py_ssize_t candidate, int slot, const floating[:, ::1] medoid_rows,
                  const Py_ssize_t[::1] medoid_at, Py_ssize_t[::1] medoids,
                  const floating[:, ::1] features, const floating[::1] norms, double slack,
                  bint squared, floating[:, ::1] near, int[:, ::1] slots,
                  const double[::1] weights, double cap, double[::1] removal,
                  floating[::1] bounds) noexcept nogil:
    """Make the candidate the medoid of a slot, whose row it already has, and mend what depends."""
    cdef Py_ssize_t n = near.shape[1], tile, o, h, n_lost
    cdef int depth = <int>near.shape[0], i, place
    cdef floating last, distance
    cdef floating *near_o
    cdef int *slots_o
    cdef int lost[TILE]
    cdef const floating *row = &medoid_rows[medoid_at[slot], 0]
    medoids[slot] = candidate
    for tile in range(n_tiles(n)):
        n_lost = 0
        for o in range(tile * TILE, min(tile * TILE + TILE, n)):
            near_o, slots_o = &near[0, o], &slots[0, o]
            last = near_o[(depth - 1) * n]
            place = depth
            for i in range(depth):
                if slots_o[i * n] == slot:
                    place = i
            if o == candidate:
                distance = -1
            else:
                distance = distance_below(last, row[o], o, candidate, features, norms, slack,
                                          squared)
                if place == depth and distance >= last:
                    continue

            add_removal(near_o, slots_o, n, depth, cap, -weights[o], &removal[0])
            for i in range(place, depth - 1):
                near_o[i * n] = near_o[(i + 1) * n]
                slots_o[i * n] = slots_o[(i + 1) * n]
            if distance < last or slots_o[(depth - 1) * n] == NO_SLOT:
                insert(near_o, slots_o, n, depth - 1, distance, slot)
                add_removal(near_o, slots_o, n, depth, cap, weights[o], &removal[0])
                if features.shape[0]:
                    bounds[o] = reach_bound(near_o[(depth - 1) * n], norms[o], slack, squared)
            else:
                lost[n_lost] = <int>o
                n_lost += 1
        if not features.shape[0]:
            search_last_in_rows(medoid_rows, medoid_at, lost, n_lost, near, slots)
        for h in range(n_lost):
            o = lost[h]
            near_o, slots_o = &near[0, o], &slots[0, o]
            if features.shape[0]:
                search_last_by_bounds(medoid_rows, medoid_at, medoids, features, norms, slack,
                                      squared, o, near_o, slots_o, n, depth)
                bounds[o] = reach_bound(near_o[(depth - 1) * n], norms[o], slack, squared)
            add_removal(near_o, slots_o, n, depth, cap, weights[o], &removal[0])


# ---------------------------------------------------------------------------------------------
# Candidates


cdef inline int first_smallest(const double *values, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef int best = 0
    for i in range(1, n):
        if values[i] < values[best]:
            best = <int>i
    return best


cdef void evaluate_group(const floating[:, ::1] rows, const Py_ssize_t[::1] at,
                         const Py_ssize_t[::1] candidates, Py_ssize_t begin, Py_ssize_t end,
                         const floating[:, ::1] features, const floating[::1] norms, double slack,
                         bint squared, const floating[::1] bounds,
                         const Py_ssize_t[::1] medoids, const floating[:, ::1] near,
                         const int[:, ::1] slots, const double[::1] weights, double cap,
                         const double[::1] removal, double[:, ::1] scratch, double[::1] change,
                         int[::1] slot) noexcept nogil:
    """Change of the loss by the best swap of each candidate; objects in tiles that stay cached."""
    cdef Py_ssize_t n = near.shape[1], k = removal.shape[0]
    cdef Py_ssize_t tile, first, n_tile, n_hits, h, c, kept
    cdef int depth = <int>near.shape[0]
    cdef int hits[TILE + 16]
    cdef floating distances[TILE]
    cdef const floating *last
    for c in range(begin, end):
        change[c] = 0
        slot[c] = NO_SLOT
        memcpy(&scratch[c, 0], &removal[0], k * sizeof(double))
    for tile in range(n_tiles(n)):
        first = tile * TILE
        n_tile = min(TILE, n - first)
        last = &near[depth - 1, first]
        for c in range(begin, end):
            if medoids[slots[0, candidates[c]]] == candidates[c]:
                continue
            n_hits = below(&rows[at[c], first], &bounds[first],
                           shift(norms[candidates[c]], slack) if features.shape[0] else 0, n_tile,
                           hits)
            if features.shape[0]:
                distances_to(&features[candidates[c], 0], &features[first, 0], features.shape[1],
                             hits, n_hits, squared, distances)
                kept = 0
                for h in range(n_hits):
                    hits[kept] = hits[h]
                    distances[kept] = distances[h]
                    kept += distances[h] < last[hits[h]]
                n_hits = kept
            else:
                for h in range(n_hits):
                    distances[h] = rows[at[c], first + hits[h]]
            change[c] += add_changes(hits, distances, n_hits, &near[0, first], &slots[0, first],
                                     n, depth, cap, &weights[first], &scratch[c, 0])
    for c in range(begin, end):
        if medoids[slots[0, candidates[c]]] == candidates[c]:
            change[c] = INFINITY
            continue
        slot[c] = first_smallest(&scratch[c, 0], k)
        change[c] += scratch[c, slot[c]]


cdef void evaluate_range(const floating[:, ::1] rows, const Py_ssize_t[::1] at,
                         const Py_ssize_t[::1] candidates, Py_ssize_t begin, Py_ssize_t end,
                         const floating[:, ::1] features, const floating[::1] norms, double slack,
                         bint squared, const floating[::1] bounds,
                         const Py_ssize_t[::1] medoids, const floating[:, ::1] near,
                         const int[:, ::1] slots, const double[::1] weights, double cap,
                         const double[::1] removal, double[:, ::1] scratch, double[::1] change,
                         int[::1] slot, int n_threads) noexcept nogil:
    cdef Py_ssize_t size = GROUP if features.shape[0] else ROW_GROUP, group
    # A number of a row that is given costs much less than one that has to be computed.
    cdef Py_ssize_t work = (end - begin) * near.shape[1] * (8 if features.shape[0] else 1)
    size = max(1, min(size, (end - begin + n_threads - 1) // n_threads))
    # A few candidates are done before other threads have woken up.
    for group in prange((end - begin + size - 1) // size, num_threads=n_threads,
                        schedule="dynamic", use_threads_if=work >= MIN_PARALLEL):
        evaluate_group(rows, at, candidates, begin + group * size,
                       min(begin + group * size + size, end), features, norms, slack,
                       squared, bounds, medoids, near, slots, weights, cap, removal, scratch, change,
                       slot)


cdef int check_candidates(const floating[:, ::1] rows, const Py_ssize_t[::1] at,
                          const Py_ssize_t[::1] candidates, const floating[:, ::1] near,
                          const double[::1] weights, const double[::1] change,
                          const int[::1] slot) except -1:
    cdef Py_ssize_t n_candidates = candidates.shape[0], n = near.shape[1]
    check_rows(rows, at, n_candidates, n)
    check_range("candidates", candidates, 0, n)
    check_size("weights", weights.shape[0], n)
    check_at_least("room for change", change.shape[0], n_candidates)
    check_at_least("room for slot", slot.shape[0], n_candidates)
    return 0


cdef int check_sums(const floating[:, ::1] near, Py_ssize_t n_medoids,
                    const floating[::1] bounds, const double[::1] weights,
                    const double[::1] removal) except -1:
    check_size("bounds", bounds.shape[0], near.shape[1])
    check_size("weights", weights.shape[0], near.shape[1])
    # While medoids are added none is removed, and a single number is kept.
    check_size("removal", removal.shape[0], n_medoids if near.shape[0] > 1 else 1)
    return 0


cdef int check_scratch(const double[:, ::1] scratch, Py_ssize_t n_candidates,
                       Py_ssize_t n_slots) except -1:
    check_at_least("room for candidates", scratch.shape[0], n_candidates)
    check_size("a row of scratch", scratch.shape[1], n_slots)
    return 0


def evaluate(const floating[:, ::1] rows, const Py_ssize_t[::1] at,
             const Py_ssize_t[::1] candidates, const floating[:, ::1] features,
             const floating[::1] norms, double slack, bint squared, const floating[::1] bounds,
             const Py_ssize_t[::1] medoids, const floating[:, ::1] near, const int[:, ::1] slots,
             const double[::1] weights, double cap, const double[::1] removal,
             double[:, ::1] scratch, double[::1] change, int[::1] slot, int n_threads):
    """The change of the loss by the best swap that brings in each candidate, and its slot.

    Row ``at[c]`` of `rows` belongs to candidate c; `bounds` is the last row of `near` if rows hold
    distances and comes from `reach_bounds` if not. The silhouette takes distances above `cap` for
    `cap`; it must be positive, and may be infinite.

    Of equally good slots the first is taken. A medoid as candidate gets an infinite change.
    """
    n_threads = check_threads(n_threads)
    check_near(medoids, features, norms, near, slots)
    check_slots(slots, medoids.shape[0])
    check_candidates(rows, at, candidates, near, weights, change, slot)
    check_sums(near, medoids.shape[0], bounds, weights, removal)
    check_scratch(scratch, candidates.shape[0], removal.shape[0])
    with nogil:
        evaluate_range(rows, at, candidates, 0, candidates.shape[0], features, norms, slack,
                       squared, bounds, medoids, near, slots, weights, cap, removal, scratch,
                       change, slot, n_threads)


def evaluate_slot_by_slot(const floating[:, ::1] rows, const Py_ssize_t[::1] at,
                          const Py_ssize_t[::1] candidates, const Py_ssize_t[::1] medoids,
                          const floating[:, ::1] near, const int[:, ::1] slots,
                          const double[::1] weights, double[::1] change, int[::1] slot,
                          int n_threads):
    """What `evaluate` finds for the total deviation, by a pass over the objects for each slot."""
    cdef Py_ssize_t c
    n_threads = check_threads(n_threads)
    check_at_least("the number of nearest medoids", near.shape[0], 2)
    check_near(medoids, near[:0], near[0][:0], near, slots)
    check_slots(slots, medoids.shape[0])
    check_candidates(rows, at, candidates, near, weights, change, slot)
    for c in prange(candidates.shape[0], nogil=True, num_threads=n_threads, schedule="dynamic",
                    use_threads_if=candidates.shape[0] * near.shape[1] >= MIN_PARALLEL):
        evaluate_candidate_slot_by_slot(&rows[at[c], 0], candidates[c], medoids, near, slots,
                                        weights, &change[c], &slot[c])


cdef void evaluate_candidate_slot_by_slot(const floating *row, Py_ssize_t candidate,
                                          const Py_ssize_t[::1] medoids,
                                          const floating[:, ::1] near, const int[:, ::1] slots,
                                          const double[::1] weights, double *change,
                                          int *slot) noexcept nogil:
    cdef Py_ssize_t o
    cdef int i
    cdef double total
    change[0] = INFINITY
    slot[0] = NO_SLOT
    if medoids[slots[0, candidate]] == candidate:
        return
    for i in range(<int>medoids.shape[0]):
        total = 0
        for o in range(near.shape[1]):
            if slots[0, o] == i:
                total += weights[o] * (<double>min(row[o], near[1, o]) - <double>near[0, o])
            elif row[o] < near[0, o]:
                total += weights[o] * (<double>row[o] - <double>near[0, o])
        if total < change[0]:
            change[0] = total
            slot[0] = i


def removal_losses(const floating[:, ::1] near, const int[:, ::1] slots,
                   const double[::1] weights, double cap, double[::1] removal):
    """The change of the loss when the medoid of each slot goes."""
    cdef Py_ssize_t n = near.shape[1], o
    check_shape("slots", slots.shape[0], slots.shape[1], near.shape[0], n)
    check_size("weights", weights.shape[0], n)
    if near.shape[0] > 1:
        check_slots(slots, removal.shape[0])
    removal[:] = 0
    with nogil:
        for o in range(n):
            add_removal(&near[0, o], &slots[0, o], n, <int>near.shape[0], cap, weights[o],
                        &removal[0])


def swap(Py_ssize_t candidate, int slot, const floating[:, ::1] medoid_rows,
         const Py_ssize_t[::1] medoid_at, Py_ssize_t[::1] medoids,
         const floating[:, ::1] features, const floating[::1] norms, double slack, bint squared,
         floating[:, ::1] near, int[:, ::1] slots, const double[::1] weights, double cap,
         double[::1] removal, floating[::1] bounds):
    """Make a candidate the medoid of a slot; `near`, `slots`, `removal`, `bounds` are mended.

    The candidate's row has to be in ``medoid_rows[medoid_at[slot]]`` already.
    """
    check_near(medoids, features, norms, near, slots)
    check_slots(slots, medoids.shape[0])
    check_rows(medoid_rows, medoid_at, medoids.shape[0], near.shape[1])
    check_sums(near, medoids.shape[0], bounds, weights, removal)
    if not (0 <= candidate < near.shape[1] and 0 <= slot < medoids.shape[0]):
        raise ValueError(f"there is no candidate {candidate} or no slot {slot}")
    with nogil:
        replace(candidate, slot, medoid_rows, medoid_at, medoids, features, norms, slack, squared,
                near, slots, weights, cap, removal, bounds)


cdef void sizes_after(const floating *row, Py_ssize_t candidate, int slot,
                      const floating[:, ::1] features, const floating[::1] norms, double slack,
                      bint squared, const floating[:, ::1] near, const int[:, ::1] slots,
                      const double[::1] weights, double[::1] sizes) noexcept nogil:
    """The weight of each cluster once the candidate is the medoid of a slot."""
    cdef Py_ssize_t o
    cdef int place
    sizes[:] = 0
    for o in range(near.shape[1]):
        # Its cluster, if not the candidate's: the next one where its medoid goes.
        place = slots[0, o] == slot
        if o == candidate or distance_below(near[place, o], row[o], o, candidate, features, norms,
                                            slack, squared) < near[place, o]:
            sizes[slot] += weights[o]
        else:
            sizes[slots[place, o]] += weights[o]


cdef Py_ssize_t n_below(const double[::1] sizes, double smallest) noexcept nogil:
    cdef Py_ssize_t i, n = 0
    for i in range(sizes.shape[0]):
        n += sizes[i] < smallest
    return n


def cluster_sizes(const int[:, ::1] slots, const double[::1] weights, double[::1] sizes):
    """The weight of each cluster."""
    cdef Py_ssize_t o
    check_at_least("the number of nearest medoids", slots.shape[0], 1)
    check_slots(slots, sizes.shape[0])
    check_size("weights", weights.shape[0], slots.shape[1])
    sizes[:] = 0
    for o in range(slots.shape[1]):
        sizes[slots[0, o]] += weights[o]


def sweep(const floating[:, ::1] rows, const Py_ssize_t[::1] at,
          const Py_ssize_t[::1] candidates, floating[:, ::1] kept_rows,
          Py_ssize_t[::1] medoid_at, Py_ssize_t[::1] medoids,
          const floating[:, ::1] features, const floating[::1] norms, double slack, bint squared,
          floating[::1] bounds, floating[:, ::1] near, int[:, ::1] slots,
          const double[::1] weights, double cap, double[::1] removal, double[:, ::1] scratch,
          double[::1] change, int[::1] slot, double[::1] sizes, double smallest, double tol,
          Py_ssize_t quiet, Py_ssize_t patience, Py_ssize_t max_swaps, Py_ssize_t window,
          int n_threads):
    """Go through the candidates in order and make every swap that lowers the loss at once.

    The candidates are evaluated by windows, in parallel, and what follows a swap is evaluated
    again, so the swaps are those of one candidate after the other. Windows double until there is
    a swap.

    Parameters
    ----------
    rows, at, candidates, features, norms, slack, squared, bounds, near, slots, weights, cap,
    removal :
        As for `evaluate`.
    kept_rows : (k, n) array or empty
        Where the rows of the medoids are kept; if empty they stay in `rows`, at `medoid_at`.
    sizes : (k,) array or empty
        Room, if `smallest` is positive.
    smallest : float
        A swap must not increase the number of clusters of less weight.
    tol : float
        How far the loss has to fall.
    quiet : int
        The number of candidates that failed since the last swap.
    patience : int
        How many have to fail in a row to stop.
    max_swaps : int
    window : int
        The number of candidates to evaluate together at first.

    Returns
    -------
    n_swaps, quiet, window : int
    """
    cdef Py_ssize_t n = near.shape[1], n_candidates = candidates.shape[0]
    cdef Py_ssize_t begin = 0, end, found, n_swaps = 0, n_small = 0
    cdef Py_ssize_t max_window = n_threads * GROUP
    cdef const floating[:, ::1] medoid_rows = rows
    cdef double joined
    cdef int s
    n_threads = check_threads(n_threads)
    if not features.shape[0]:
        max_window = max(n_threads, WINDOW // max(n, 1))
    if kept_rows.shape[0]:
        medoid_rows = kept_rows
        check_at_least("kept rows", kept_rows.shape[0], medoids.shape[0])
    check_near(medoids, features, norms, near, slots)
    check_slots(slots, medoids.shape[0])
    check_rows(medoid_rows, medoid_at, medoids.shape[0], n)
    check_candidates(rows, at, candidates, near, weights, change, slot)
    check_sums(near, medoids.shape[0], bounds, weights, removal)
    check_scratch(scratch, n_candidates, removal.shape[0])
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    if smallest > 0:
        check_at_least("the number of nearest medoids", near.shape[0], 2)
        check_size("sizes", sizes.shape[0], medoids.shape[0])
        cluster_sizes(slots, weights, sizes)
        n_small = n_below(sizes, smallest)

    with nogil:
        while begin < n_candidates and quiet < patience and n_swaps < max_swaps:
            end = min(begin + window, n_candidates)
            evaluate_range(rows, at, candidates, begin, end, features, norms, slack, squared,
                           bounds, medoids, near, slots, weights, cap, removal, scratch, change,
                           slot, n_threads)
            while begin < end and quiet < patience:
                if change[begin] < -tol:
                    if smallest <= 0:
                        break
                    # The best slot whose clusters are not too small after the swap.
                    joined = change[begin] - scratch[begin, slot[begin]]
                    while change[begin] < -tol:
                        sizes_after(&rows[at[begin], 0], candidates[begin], slot[begin], features,
                                    norms, slack, squared, near, slots, weights, sizes)
                        if n_below(sizes, smallest) <= n_small:
                            break
                        scratch[begin, slot[begin]] = INFINITY
                        slot[begin] = first_smallest(&scratch[begin, 0], removal.shape[0])
                        change[begin] = joined + scratch[begin, slot[begin]]
                    if change[begin] < -tol:
                        n_small = n_below(sizes, smallest)
                        break
                quiet += slot[begin] != NO_SLOT
                begin += 1
            if begin == end or quiet == patience:
                window = min(2 * window, max_window)
                continue
            found = begin
            s = slot[found]
            if kept_rows.shape[0]:
                memcpy(&kept_rows[s, 0], &rows[at[found], 0], n * sizeof(floating))
            else:
                medoid_at[s] = at[found]
            replace(candidates[found], s, medoid_rows, medoid_at, medoids, features, norms, slack,
                    squared, near, slots, weights, cap, removal, bounds)
            begin += 1
            n_swaps += 1
            quiet = 0
            window = 1
    return n_swaps, quiet, window


# ---------------------------------------------------------------------------------------------
# Rows of Euclidean distances


def reach_bounds(const floating[::1] reach, const floating[::1] norms, double slack,
                 bint squared, floating[::1] bounds):
    """Bounds for `evaluate`, from the distances to stay below and the squared norms."""
    cdef Py_ssize_t o
    check_size("norms", norms.shape[0], reach.shape[0])
    check_size("bounds", bounds.shape[0], reach.shape[0])
    for o in range(reach.shape[0]):
        bounds[o] = reach_bound(reach[o], norms[o], slack, squared)


def euclidean(const floating[:, ::1] X, const floating[:, ::1] Y, bint squared,
              floating[:, ::1] out, int n_threads):
    """Euclidean distances of the rows of X to those of Y, from differences of the features."""
    cdef Py_ssize_t n = Y.shape[0], tile, i
    n_threads = check_threads(n_threads)
    check_shape("out", out.shape[0], out.shape[1], X.shape[0], n)
    check_size("a row of Y", Y.shape[1], X.shape[1])
    if not (X.shape[0] and n and X.shape[1]):
        out[:, :] = 0
        return
    for tile in prange(n_tiles(n), nogil=True, num_threads=n_threads, schedule="static",
                       use_threads_if=X.shape[0] * n * X.shape[1] >= MIN_PARALLEL):
        for i in range(X.shape[0]):
            distances_to(&X[i, 0], &Y[tile * TILE, 0], X.shape[1], NULL,
                         min(TILE, n - tile * TILE), squared, &out[i, tile * TILE])


def euclidean_from_products(const floating[:, ::1] X, Py_ssize_t first, floating[:, ::1] products,
                            const floating[::1] norms, bint squared, double cancellation,
                            int n_threads):
    """Euclidean distances of rows of X from first on, in place of negated inner products.

    ``products[i, j]`` is for rows ``first + i`` and ``first + j``. Distances whose square is less
    than `cancellation` times the sum of the squared norms are computed from differences.
    """
    cdef Py_ssize_t i
    n_threads = check_threads(n_threads)
    check_at_least("first", first, 0)
    check_at_least("the number of features", X.shape[1], 1)
    check_at_least("the number of rows", X.shape[0] - first, max(products.shape[0], products.shape[1]))
    check_size("norms", norms.shape[0], X.shape[0])
    for i in prange(products.shape[0], nogil=True, num_threads=n_threads, schedule="dynamic",
                    use_threads_if=products.shape[0] * products.shape[1] >= MIN_PARALLEL):
        euclidean_from_row(X, first, i, &products[i, 0], products.shape[1], norms, squared,
                           cancellation)


cdef void euclidean_from_row(const floating[:, ::1] X, Py_ssize_t first, Py_ssize_t i,
                             floating *row, Py_ssize_t n, const floating[::1] norms,
                             bint squared, double cancellation) noexcept nogil:
    cdef int hits[TILE + 16]
    cdef floating bounds[TILE]
    cdef floating exact[TILE]
    cdef floating norm = norms[first + i], factor = -0.5 * (1 - cancellation), square
    cdef Py_ssize_t tile, begin, n_tile, n_hits, j
    for tile in range(n_tiles(n)):
        begin = tile * TILE
        n_tile = min(TILE, n - begin)
        for j in range(n_tile):
            bounds[j] = factor * norms[first + begin + j]
        n_hits = below(row + begin, bounds, factor * norm, n_tile, hits)
        distances_to(&X[first + i, 0], &X[first + begin, 0], X.shape[1], hits, n_hits, squared,
                     exact)
        for j in range(n_tile):
            square = norm + norms[first + begin + j] + 2 * row[begin + j]
            square = max(square, 0)
            row[begin + j] = square if squared else sqrt(square)
        for j in range(n_hits):
            row[begin + hits[j]] = exact[j]


# ---------------------------------------------------------------------------------------------
# Matrices that come from elsewhere


def condensed_rows(const floating[::1] condensed, const Py_ssize_t[::1] chosen,
                   floating[:, ::1] out, int n_threads):
    """Rows of the full matrix whose upper triangle is stored row by row."""
    cdef Py_ssize_t n = out.shape[1], c
    n_threads = check_threads(n_threads)
    check_size("condensed", condensed.shape[0], n * (n - 1) // 2)
    check_size("out", out.shape[0], chosen.shape[0])
    check_range("chosen", chosen, 0, n)
    for c in prange(chosen.shape[0], nogil=True, num_threads=n_threads, schedule="dynamic",
                    use_threads_if=chosen.shape[0] * n >= MIN_PARALLEL):
        condensed_row(condensed, chosen[c], &out[c, 0], n)


cdef void condensed_row(const floating[::1] condensed, Py_ssize_t i, floating *row,
                        Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j, start = i * n - i * (i + 1) // 2 - i - 1
    for j in range(i):
        row[j] = condensed[j * n - j * (j + 1) // 2 - j - 1 + i]
    row[i] = 0
    for j in range(i + 1, n):
        row[j] = condensed[start + j]


def inspect(const floating[:, ::1] D, int n_threads):
    """What tells whether a square matrix can be one of distances, in one pass.

    Returns
    -------
    largest : float
        The largest entry; nan if one is negative or not finite.
    asymmetry : float
        The largest difference between entries (i, j) and (j, i).
    diagonal : float
        The largest entry on the diagonal.
    """
    cdef Py_ssize_t n = D.shape[0], n_strips = (n + BLOCK - 1) // BLOCK, strip, i
    cdef double[:, ::1] found = np.zeros((n_strips, 2))
    cdef double diagonal = 0
    n_threads = check_threads(n_threads)
    check_shape("the matrix", n, D.shape[1], n, n)
    check_at_least("the number of rows", n, 1)
    for strip in prange(n_strips, nogil=True, num_threads=n_threads, schedule="dynamic",
                        use_threads_if=n * n >= MIN_PARALLEL):
        inspect_strip(D, strip * BLOCK, &found[strip, 0])
    for i in range(n):
        diagonal = max(diagonal, D[i, i])
    return np.max(found[:, 0]), np.max(found[:, 1]), diagonal


cdef void inspect_strip(const floating[:, ::1] D, Py_ssize_t row, double *found) noexcept nogil:
    cdef Py_ssize_t strip, column
    cdef floating largest, asymmetry
    for strip in range(row // BLOCK, (D.shape[0] + BLOCK - 1) // BLOCK):
        column = strip * BLOCK
        if floating is float:
            inspect_block_float(&D[0, 0], D.shape[0], row, column, &largest, &asymmetry)
        else:
            inspect_block_double(&D[0, 0], D.shape[0], row, column, &largest, &asymmetry)
        if not 0 <= largest < INFINITY:
            found[0] = NAN
            return
        found[0] = max(found[0], largest)
        found[1] = max(found[1], asymmetry)
