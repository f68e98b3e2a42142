"""Graph degree linkage: merges of clusters of a sparse directed graph.

For a sample m and a cluster c it is not in, ``out`` and ``in`` are the sums of the weights from m
to c and from c to m. They are kept as entries in a list of c, only where there is an edge. For
clusters a and b, ``D[a, b]`` is the sum of out * in over the members of a with regard to b. It is
kept for each pair with an edge between, as two halves, each in the list of the cluster that it
belongs to.

When b joins a, ``D[a, x] + D[b, x]`` is the new one; ``D[x, a] + D[x, b]`` lacks the products of the
two clusters' sums at samples of x with edges to both, which are found as the lists of entries are
united. Sums are so exact, and memory is linear in the number of edges.
"""

import numpy as np

from libc.stdint cimport int32_t, uint8_t

from skdeepcluster._kernels._checks cimport check_at_least, check_range


cdef struct Entry:
    double out_
    double in_
    Py_ssize_t next
    int32_t sample


cdef struct Half:
    double D
    Py_ssize_t next  # in the list of its owner
    int32_t owner  # -1: the pair is no more


cdef inline int32_t _find(int32_t *parent, int32_t i) noexcept nogil:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


cdef class _Linkage:
    """The clusters, each in the place of the first of its initial ones."""

    cdef Py_ssize_t n_nearest, n_leaves
    cdef double contrast
    # By sample: its initial cluster; its entry while two lists are united.
    cdef const int32_t[::1] label
    cdef Py_ssize_t[::1] entry_of
    # By place: a place above; the number of the cluster in the tree; first entry; first half; half
    # of the pair with the cluster at hand; what it would merge with, how early, and the least
    # affinity that matters for that; whether it has to look again.
    cdef int32_t[::1] parent, partner
    cdef Py_ssize_t[::1] name, entries, halves, half_of
    cdef double[::1] size, score, least, largest
    cdef uint8_t[::1] stale
    # Of a binary tree over the places, from 1 for the root: the best of the places below.
    cdef int32_t[::1] winner
    cdef object memory
    cdef Entry *entry
    cdef Half *half

    def __init__(self, n_samples, labels, n_clusters, n_edges, n_nearest, contrast):
        cdef Py_ssize_t place
        self.n_nearest = n_nearest
        self.contrast = contrast
        self.label = labels
        self.entry_of = np.full(n_samples, -1, np.intp)
        self.parent = np.arange(n_clusters, dtype=np.int32)
        self.name = np.arange(n_clusters, dtype=np.intp)
        self.entries = np.full(n_clusters, -1, np.intp)
        self.halves = np.full(n_clusters, -1, np.intp)
        self.half_of = np.full(n_clusters, -1, np.intp)
        self.size = np.bincount(labels, minlength=n_clusters).astype(np.float64)
        self.score = np.zeros(n_clusters)
        self.least = np.zeros(n_clusters)
        self.stale = np.zeros(n_clusters, np.uint8)
        self.partner = np.full(n_clusters, -1, np.int32)
        self.largest = np.empty(n_nearest)
        self.n_leaves = 1
        while self.n_leaves < n_clusters:
            self.n_leaves *= 2
        self.winner = np.full(2 * self.n_leaves, -1, np.int32)
        for place in range(n_clusters):
            self.winner[self.n_leaves + place] = place
        # An edge makes at most two entries, one at either end, and half a pair for each.
        entry = np.empty(max(2 * n_edges, 1) * sizeof(Entry), np.uint8)
        half = np.empty(max(2 * n_edges, 1) * sizeof(Half), np.uint8)
        self.memory = entry, half
        self.entry = <Entry *> <size_t> entry.ctypes.data
        self.half = <Half *> <size_t> half.ctypes.data

    cdef int32_t place(self, int32_t sample) noexcept nogil:
        return _find(&self.parent[0], self.label[sample])

    cdef void fill(
        self,
        const int32_t[::1] members,
        const int32_t[::1] row_starts,
        const int32_t[::1] columns,
        const double[::1] row_weights,
        const int32_t[::1] column_starts,
        const int32_t[::1] rows,
        const double[::1] column_weights,
    ) noexcept nogil:
        """Entries and pairs of the initial clusters, whose members come one after the other."""
        cdef Py_ssize_t n_entries = 0, n_halves = 0, i, k, e, h, first = 0, last
        cdef int32_t c, x, m
        for c in range(self.parent.shape[0]):
            last = first + <Py_ssize_t> self.size[c]
            for i in range(first, last):
                for k in range(column_starts[members[i]], column_starts[members[i] + 1]):
                    e = self.entry_for(rows[k], c, &n_entries)
                    if e >= 0:
                        self.entry[e].out_ += column_weights[k]
                for k in range(row_starts[members[i]], row_starts[members[i] + 1]):
                    e = self.entry_for(columns[k], c, &n_entries)
                    if e >= 0:
                        self.entry[e].in_ += row_weights[k]
            first = last
            h = self.halves[c]
            while h >= 0:
                self.half_of[self.half[h ^ 1].owner] = h
                h = self.half[h].next
            e = self.entries[c]
            while e >= 0:
                m = self.entry[e].sample
                self.entry_of[m] = -1
                x = self.label[m]
                h = self.half_of[x]
                if h < 0:
                    h = n_halves
                    n_halves += 2
                    self.half_of[x] = h
                    self.half[h] = Half(0, self.halves[c], c)
                    self.half[h + 1] = Half(0, self.halves[x], x)
                    self.halves[c] = h
                    self.halves[x] = h + 1
                self.half[h ^ 1].D += self.entry[e].out_ * self.entry[e].in_
                e = self.entry[e].next
            self.forget_halves(c)

    cdef Py_ssize_t entry_for(self, int32_t sample, int32_t c, Py_ssize_t *n) noexcept nogil:
        """The entry of a sample in the list of a cluster; -1 for its own cluster."""
        cdef Py_ssize_t e = self.entry_of[sample]
        if self.label[sample] == c:
            return -1
        if e < 0:
            e = n[0]
            n[0] += 1
            self.entry[e] = Entry(0, 0, self.entries[c], sample)
            self.entries[c] = e
            self.entry_of[sample] = e
        return e

    cdef void forget_halves(self, int32_t c) noexcept nogil:
        cdef Py_ssize_t h = self.halves[c]
        while h >= 0:
            self.half_of[self.half[h ^ 1].owner] = -1
            h = self.half[h].next

    cdef double affinity(self, Py_ssize_t h) noexcept nogil:
        cdef double a = self.size[self.half[h].owner], b = self.size[self.half[h ^ 1].owner]
        return self.half[h].D / (b * b) + self.half[h ^ 1].D / (a * a)

    cdef void mark(self, Py_ssize_t h) noexcept nogil:
        """Let the other one of a pair look again if their affinity matters to it."""
        cdef int32_t x = self.half[h ^ 1].owner
        cdef double affinity = self.affinity(h)
        if affinity > 0 and affinity >= self.least[x]:
            self.stale[x] = True

    cdef void look_around(self, int32_t c) noexcept nogil:
        """Find the cluster nearest to c, and how much it stands out."""
        cdef Py_ssize_t h, k
        cdef Py_ssize_t *link = &self.halves[c]
        cdef double affinity, score
        cdef double *largest = &self.largest[0]
        cdef int32_t x, partner = -1
        for k in range(self.n_nearest):
            largest[k] = 0
        while link[0] >= 0:
            h = link[0]
            if self.half[h].owner < 0:
                link[0] = self.half[h].next
                continue
            link = &self.half[h].next
            x = self.half[h ^ 1].owner
            affinity = self.affinity(h)
            if affinity > largest[0] or (
                affinity == largest[0] and affinity > 0 and self.name[x] < self.name[partner]
            ):
                partner = x
            if affinity <= largest[self.n_nearest - 1]:
                continue
            k = self.n_nearest - 1
            while k > 0 and largest[k - 1] < affinity:
                largest[k] = largest[k - 1]
                k -= 1
            largest[k] = affinity
        score = largest[0]
        for k in range(1, self.n_nearest):
            score += self.contrast * (largest[0] - largest[k])
        self.score[c] = score
        self.partner[c] = partner
        self.least[c] = largest[self.n_nearest - 1]
        self.stale[c] = False

    cdef bint better(self, int32_t a, int32_t b) noexcept nogil:
        """Whether a merge of the cluster at a place comes before one of that at another."""
        if a < 0 or b < 0:
            return b < 0
        if self.score[a] != self.score[b]:
            return self.score[a] > self.score[b]
        return self.name[a] < self.name[b]

    cdef void play(self, Py_ssize_t node) noexcept nogil:
        cdef int32_t left = self.winner[2 * node], right = self.winner[2 * node + 1]
        self.winner[node] = left if self.better(left, right) else right

    cdef void update(self, int32_t place) noexcept nogil:
        cdef Py_ssize_t node = (self.n_leaves + place) // 2
        while node > 0:
            self.play(node)
            node //= 2

    cdef void unite_pairs(self, int32_t a, int32_t b) noexcept nogil:
        """Let a have the pairs of b, and leave in `half_of` where they are."""
        cdef Py_ssize_t h, g
        cdef Py_ssize_t *link = &self.halves[a]
        cdef int32_t x
        while link[0] >= 0:
            h = link[0]
            x = self.half[h ^ 1].owner
            if self.half[h].owner < 0 or x == b:
                self.half[h].owner = self.half[h ^ 1].owner = -1
                link[0] = self.half[h].next
                continue
            self.half_of[x] = h
            self.mark(h)
            link = &self.half[h].next
        h = self.halves[b]
        while h >= 0:
            g = self.half[h].next
            if self.half[h].owner >= 0:
                x = self.half[h ^ 1].owner
                self.mark(h)
                if self.half_of[x] >= 0:
                    self.half[self.half_of[x]].D += self.half[h].D
                    self.half[self.half_of[x] ^ 1].D += self.half[h ^ 1].D
                    self.half[h].owner = self.half[h ^ 1].owner = -1
                else:
                    self.half_of[x] = h
                    self.half[h].owner = a
                    self.half[h].next = self.halves[a]
                    self.halves[a] = h
            h = g

    cdef void unite_entries(self, int32_t a, int32_t b) noexcept nogil:
        """Let a have the entries of b, and add what samples with edges to both bring."""
        cdef Py_ssize_t e, f
        cdef Py_ssize_t *link = &self.entries[a]
        cdef Entry *mine
        cdef Entry *other
        while link[0] >= 0:
            e = link[0]
            if self.place(self.entry[e].sample) == a:
                link[0] = self.entry[e].next
                continue
            self.entry_of[self.entry[e].sample] = e
            link = &self.entry[e].next
        e = self.entries[b]
        while e >= 0:
            other = &self.entry[e]
            f = other.next
            if self.entry_of[other.sample] >= 0:
                mine = &self.entry[self.entry_of[other.sample]]
                self.half[self.half_of[self.place(other.sample)] ^ 1].D += (
                    mine.out_ * other.in_ + other.out_ * mine.in_
                )
                mine.out_ += other.out_
                mine.in_ += other.in_
            elif self.place(other.sample) != a:
                other.next = self.entries[a]
                self.entries[a] = e
            e = f
        e = self.entries[a]
        while e >= 0:
            self.entry_of[self.entry[e].sample] = -1
            e = self.entry[e].next

    cdef void merge(self, int32_t a, int32_t b, Py_ssize_t name) noexcept nogil:
        cdef Py_ssize_t h
        cdef int32_t x
        self.parent[b] = a
        self.unite_pairs(a, b)
        self.unite_entries(a, b)
        self.forget_halves(a)
        self.size[a] += self.size[b]
        self.name[a] = name
        self.winner[self.n_leaves + b] = -1
        self.update(b)
        self.look_around(a)
        self.update(a)
        h = self.halves[a]
        while h >= 0:
            x = self.half[h ^ 1].owner
            self.mark(h)
            if self.stale[x]:
                self.look_around(x)
                self.update(x)
            h = self.half[h].next

    cdef Py_ssize_t run(
        self, Py_ssize_t n_merges, int32_t[:, ::1] edges, double[::1] affinities
    ) noexcept nogil:
        cdef Py_ssize_t t, h, node
        cdef int32_t a, b, n_clusters = <int32_t> self.parent.shape[0]
        for a in range(n_clusters):
            self.look_around(a)
        for node in range(self.n_leaves - 1, 0, -1):
            self.play(node)
        for t in range(n_merges):
            a = self.winner[1]
            b = self.partner[a]
            if b < 0:
                return t
            h = self.halves[a]
            while h >= 0 and (self.half[h].owner < 0 or self.half[h ^ 1].owner != b):
                h = self.half[h].next
            if h < 0:  # only where affinities are not finite
                return t
            affinities[t] = self.affinity(h)
            edges[t, 0], edges[t, 1] = min(a, b), max(a, b)
            self.merge(edges[t, 0], edges[t, 1], n_clusters + t)
        return n_merges


cdef int check_graph(W, Py_ssize_t n) except -1:
    """Whether a sparse array is what its attributes promise, and its weights are some."""
    if W.shape != (n, n) or W.format != "csr":
        raise ValueError(f"W must be a csr_array of shape {(n, n)}, got {W!r}")
    starts, columns, weights = W.indptr, W.indices, W.data
    if len(starts) != n + 1 or starts[0] != 0 or not (np.diff(starts) >= 0).all():
        raise ValueError(f"W.indptr must rise from 0 and have {n + 1} entries")
    if not starts[n] == len(columns) == len(weights) < 2**31:
        raise ValueError(
            f"W.indptr promises {starts[n]} edges, fewer than 2**31, of {len(columns)} indices and "
            f"{len(weights)} weights"
        )
    if columns.min(initial=0) < 0 or columns.max(initial=0) >= n:
        raise ValueError(f"W.indices must be from 0 to {n - 1}")
    if weights.dtype != np.float64 or not (weights >= 0).all():
        raise ValueError("the weights of W must be float64 and not negative")
    return 0


def degree_linkage(W, labels, Py_ssize_t n_clusters, Py_ssize_t n_nearest=1, double weight=0.0):
    r"""Merge clusters of a directed graph, the pair of largest affinity first.

    With :math:`W_{ab}` the rows of cluster a and columns of cluster b of W, the affinity is

    .. math:: A(a, b) = \frac{1^T W_{ba} W_{ab} 1}{|b|^2} + \frac{1^T W_{ab} W_{ba} 1}{|a|^2},

    where the first term sums over members of a, the second over members of b. The cluster a is
    merged with its nearest one, b_1, for which

    .. math:: A(a, b_1) + \frac{w}{k - 1} \sum_{i=2}^k \bigl( A(a, b_1) - A(a, b_i) \bigr)

    is largest, b_i being its i-th nearest; clusters that are missing have affinity 0. Of equals the
    cluster that is there longer comes first, and of initial ones that of the lowest number.

    Parameters
    ----------
    W : csr_array of shape (n_samples, n_samples), float64
        Non-negative weights of the edges, from rows to columns. Edges within clusters are ignored.
    labels : (n_samples,) array of int32
        Initial clusters, each of 0, 1, ... up to the largest being there.
    n_clusters : int
        Where to stop.
    n_nearest : int
        k.
    weight : float
        w.

    Returns
    -------
    edges : (n_merges, 2) array of int32
        Of each merge an initial cluster of either side: the clusters after some merges are the
        components of so many edges. There are fewer merges than wished for when all affinities
        are 0.
    affinities : (n_merges,) array of float64
    """
    cdef const int32_t[::1] label = labels
    cdef Py_ssize_t n = label.shape[0], n_initial, n_merges
    check_at_least("the number of samples", n, 1)
    check_at_least("n_clusters", n_clusters, 1)
    check_at_least("n_nearest", n_nearest, 1)
    check_range("labels", label, 0, n)
    check_graph(W, n)
    n_initial = labels.max() + 1
    n_merges = max(n_initial - n_clusters, 0)
    C = W.tocsc()
    edges = np.empty((n_merges, 2), np.int32)
    affinities = np.empty(n_merges)
    cdef _Linkage linkage = _Linkage(
        len(labels),
        labels,
        n_initial,
        W.nnz,
        n_nearest,
        weight / (n_nearest - 1) if n_nearest > 1 else 0.0,
    )
    members = np.argsort(labels, kind="stable").astype(np.int32)
    linkage.fill(
        members,
        W.indptr.astype(np.int32, copy=False),
        W.indices.astype(np.int32, copy=False),
        W.data,
        C.indptr.astype(np.int32, copy=False),
        C.indices.astype(np.int32, copy=False),
        C.data,
    )
    cdef int32_t[:, ::1] edge = edges
    cdef double[::1] affinity = affinities
    with nogil:
        n_merges = linkage.run(n_merges, edge, affinity)
    return edges[:n_merges], affinities[:n_merges]

