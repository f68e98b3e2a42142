/* Searches of the KD tree for one REAL and one metric; included by _kdtree.h for each of them. */

typedef REAL KD(reals) KD_VECTOR(32);
typedef REAL_INT KD(bools) KD_VECTOR(32); /* the result of a comparison: all bits or none */
typedef int32_t KD(ints) KD_VECTOR(4 * KD_WIDTH);
typedef KD(reals) KD(reals_at) KD_UNALIGNED;
typedef KD(ints) KD(ints_at) KD_UNALIGNED;

typedef struct {
    int32_t node;
    REAL gap;
} KD(visit);

/* Add the contribution of one feature, on vectors or numbers; a gap is a difference >= 0. */
#if KD_METRIC == KD_EUCLIDEAN
#define KD_ADD(sum, u) ((sum) + (u) * (u))
#define KD_ADD_GAP(sum, u) ((sum) + (u) * (u))
#elif KD_METRIC == KD_MANHATTAN
#define KD_ADD(sum, u) ((sum) + (KD_POSITIVE(u) + KD_POSITIVE(-(u))))
#define KD_ADD_GAP(sum, u) ((sum) + (u))
#else
#define KD_ADD(sum, u) KD(larger)(sum, KD_POSITIVE(u) + KD_POSITIVE(-(u)))
#define KD_ADD_GAP(sum, u) ((sum) > (u) ? (sum) : (u))
#endif

/* Rounding may lift a bound above the distance that it bounds; this takes more away. */
#define KD_SLACK(d) ((REAL)1 - (REAL)(d) * (sizeof(REAL) == 4 ? (REAL)2.4e-7 : (REAL)4.5e-16))

INLINED KD(reals) KD(larger)(KD(reals) a, KD(reals) b) {
    KD(bools) above = KD_BOOLS(a > b);
    return KD_SELECT(above, a, b);
}

INLINED KD(reals) KD(smaller)(KD(reals) a, KD(reals) b) {
    KD(bools) above = KD_BOOLS(a > b);
    return KD_SELECT(above, b, a);
}

INLINED REAL KD(least)(KD(reals) a) {
    REAL lanes[KD_WIDTH];
    memcpy(lanes, &a, sizeof lanes);
    for (int half = KD_WIDTH / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lanes[l] = lanes[l] < lanes[l + half] ? lanes[l] : lanes[l + half];
    return lanes[0];
}

/* Least reduced distance between two boxes. */
INLINED REAL KD(box_gap)(const REAL *a, const REAL *b, int d) {
    REAL sums[8] = {0}, sum = 0;
    int f = 0;
    for (; f + 8 <= d; f += 8)
        for (int t = 0; t < 8; t++) {
            const REAL right = a[f + t] - b[d + f + t], left = b[f + t] - a[d + f + t];
            const REAL gap = (right > 0 ? right : 0) + (left > 0 ? left : 0);
            sums[t] = KD_ADD_GAP(sums[t], gap);
        }
    for (; f < d; f++) {
        const REAL right = a[f] - b[d + f], left = b[f] - a[d + f];
        const REAL gap = (right > 0 ? right : 0) + (left > 0 ? left : 0);
        sum = KD_ADD_GAP(sum, gap);
    }
    for (int t = 0; t < 8; t++)
#if KD_METRIC == KD_CHEBYSHEV
        sum = KD_MAX(sum, sums[t]);
#else
        sum += sums[t];
#endif
    return sum * KD_SLACK(d);
}

/* Least reduced distance of each lane of a leaf to a box. */
INLINED void KD(lane_gaps)(const REAL *block, const REAL *box, int d, REAL *gaps) {
    KD(reals) sums[KD_VECTORS];
    memset(sums, 0, sizeof sums);
    for (int f = 0; f < d; f++) {
        const KD(reals_at) *x = (const KD(reals_at) *)(block + (int64_t)f * KD_LANES);
        const REAL low = box[f], high = box[d + f];
#pragma GCC unroll 8
        for (int v = 0; v < KD_VECTORS; v++) {
            KD(reals) below = low - x[v], above = x[v] - high;
            KD(reals) gap = KD_POSITIVE(below) + KD_POSITIVE(above);
            sums[v] = KD_ADD(sums[v], gap);
        }
    }
    for (int v = 0; v < KD_VECTORS; v++) sums[v] *= KD_SLACK(d);
    memcpy(gaps, sums, sizeof sums);
}

/* Reduced distances of two query points (lanes of a leaf) to all points of a leaf. */
INLINED void KD(tile)(const REAL *first, const REAL *second, const REAL *block, int d,
                      KD(reals) *out0, KD(reals) *out1) {
    KD(reals) a[KD_VECTORS], b[KD_VECTORS];
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    for (int f = 0; f < d; f++) {
        const KD(reals_at) *y = (const KD(reals_at) *)(block + (int64_t)f * KD_LANES);
        const REAL x0 = first[(int64_t)f * KD_LANES], x1 = second[(int64_t)f * KD_LANES];
#pragma GCC unroll 8
        for (int v = 0; v < KD_VECTORS; v++) {
            KD(reals) u = y[v] - x0, w = y[v] - x1;
            a[v] = KD_ADD(a[v], u);
            b[v] = KD_ADD(b[v], w);
        }
    }
    memcpy(out0, a, sizeof a);
    memcpy(out1, b, sizeof b);
}

/* Reduced distances of the first m lanes of a leaf `block` to n points in leaves `points`, one row of
 * `out` (m, n) per lane: to the last bit those that the searches of a tree compute. */
MULTIVERSIONED static void KD(distances)(const void *block_, int m, const void *points_, int64_t n,
                                         int d, void *out_) {
    const REAL *block = (const REAL *)block_, *points = (const REAL *)points_;
    REAL *out = (REAL *)out_;
    KD(reals) rows[2][KD_VECTORS];
    for (int64_t first = 0; first < n; first += KD_LANES) {
        const size_t bytes = (size_t)KD_MIN(n - first, KD_LANES) * sizeof(REAL);
        for (int l = 0; l < m; l += 2) {
            const int next = l + 1 < m ? l + 1 : l;
            KD(tile)(block + l, block + next, points + first * d, d, rows[0], rows[1]);
            memcpy(out + l * n + first, rows[0], bytes);
            memcpy(out + next * n + first, rows[1], bytes);
        }
    }
}

/* Does any of the leaf's distances reach the bound? */
INLINED int KD(within)(const KD(reals) *distances, REAL bound) {
    KD(reals) least = distances[0];
    for (int v = 1; v < KD_VECTORS; v++) least = KD(smaller)(least, distances[v]);
    return KD(least)(least) <= bound;
}

/* Weights of the edges to a leaf, but for the query's own core distance; infinite where the point
 * is of the query's component. Does any reach the bound? */
INLINED int KD(weigh)(const KD(reals) *distances, const REAL *core, const int32_t *component,
                      int32_t mine, REAL scale, REAL bound, KD(reals) *weights) {
    const KD(reals_at) *cores = (const KD(reals_at) *)core;
    const KD(ints_at) *components = (const KD(ints_at) *)component;
    KD(reals) infinite, least;
    memset(&infinite, 0, sizeof infinite);
    infinite += (REAL)INFINITY;
    least = infinite;
    for (int v = 0; v < KD_VECTORS; v++) {
        KD(bools) foreign = KD_BOOLS(KD_WIDEN(components[v]) != mine);
        KD(reals) weight = KD(larger)(distances[v] * scale, cores[v]);
        weights[v] = KD_SELECT(foreign, weight, infinite);
        least = KD(smaller)(least, weights[v]);
    }
    return KD(least)(least) <= bound;
}

#if KD_METRIC == KD_EUCLIDEAN /* once for all metrics */
/* Order the items of a node so that its left child's are the lower ones in the feature in which a
 * sample of them spreads most, and so on downwards. `first` and `last` bound a node's leaves. */
static void KD(split)(const REAL *X, const kd_tree *tree, kd_item *items, int32_t node,
                      const int32_t *first, const int32_t *last) {
    const int d = tree->d;
    while (tree->left[node] >= 0) {
        const int64_t begin = (int64_t)first[node] * KD_LANES;
        const int64_t end = KD_MIN((int64_t)last[node] * KD_LANES, tree->n), n = end - begin;
        const int64_t step = (n + KD_SAMPLE - 1) / KD_SAMPLE;
        const int32_t left = tree->left[node];
        kd_item *own = items + begin;
        int widest = 0;
        REAL width = -1;
        for (int f = 0; f < d; f++) {
            REAL low = X[own[0].row * d + f], high = low;
            for (int64_t t = step; t < n; t += step) {
                const REAL x = X[own[t].row * d + f];
                low = KD_MIN(low, x);
                high = KD_MAX(high, x);
            }
            if (high - low > width) {
                width = high - low;
                widest = f;
            }
        }
        for (int64_t t = 0; t < n; t++) own[t].key = X[own[t].row * d + widest];
        kd_select(own, n, (int64_t)last[left] * KD_LANES - begin);
#pragma omp task if (n > 4096)
        KD(split)(X, tree, items, left, first, last);
        node = tree->right[node];
    }
}
#endif

/* The walk's first entries: the root for foreign queries; for the points of the tree itself their
 * own leaf on top, then its siblings upwards, so that near points come first. */
INLINED int KD(start)(const kd_tree *tree, const REAL *box, int64_t leaf, KD(visit) *stack) {
    const REAL *boxes = (const REAL *)tree->boxes;
    int top = 0;
    if (leaf < 0) {
        stack[top].node = 0;
        stack[top++].gap = KD(box_gap)(box, boxes, tree->d);
        return top;
    }
    int32_t node = tree->leaf_node[leaf];
    int depth = 0;
    for (int32_t up = node; up > 0; up = tree->parent[up]) depth++;
    top = depth + 1;
    stack[depth].node = node;
    stack[depth].gap = 0;
    for (; depth > 0; node = tree->parent[node]) {
        int32_t parent = tree->parent[node];
        int32_t sibling =
            tree->left[parent] == node ? tree->right[parent] : tree->left[parent];
        depth--;
        stack[depth].node = sibling;
        stack[depth].gap = KD(box_gap)(box, boxes + (int64_t)sibling * 2 * tree->d, tree->d);
    }
    return top;
}

/* The k nearest points of `tree` to the first m lanes of a leaf `block` with bounding `box`.
 * `leaf` is the leaf's number when it belongs to `tree` itself, else -1. Row l of `distances` and
 * `positions` (m, k) holds them by increasing distance. `reach[l]`: every point not listed is
 * farther than this; it equals the k-th distance, or is less where a tie was left out. */
MULTIVERSIONED static void KD(knn)(const kd_tree *tree, const void *block_, const void *box_, int m,
                                   int64_t leaf, int k, void *distances_, int32_t *positions,
                                   void *reach_) {
    const REAL *block = (const REAL *)block_, *box = (const REAL *)box_;
    const REAL *points = (const REAL *)tree->points, *boxes = (const REAL *)tree->boxes;
    REAL *distances = (REAL *)distances_, *reach = (REAL *)reach_;
    const int d = tree->d;
    REAL bounds[KD_LANES], gaps[KD_LANES], lane[KD_LANES];
    KD(reals) out[2][KD_VECTORS];
    REAL worst = (REAL)INFINITY;
    int lanes[KD_LANES + 1];
    KD(visit) stack[KD_STACK];

    for (int64_t t = 0; t < (int64_t)m * k; t++) {
        distances[t] = (REAL)INFINITY;
        positions[t] = -1;
    }
    for (int l = 0; l < m; l++) {
        bounds[l] = (REAL)INFINITY;
        reach[l] = -1; /* the distance of the last tie left out */
    }
    int top = KD(start)(tree, box, leaf, stack);
    while (top > 0) {
        const int32_t node = stack[--top].node;
        const REAL gap = stack[top].gap;
        if (gap >= worst) {
            if (gap == worst)
                for (int l = 0; l < m; l++)
                    if (bounds[l] == gap) reach[l] = gap;
            continue;
        }
        if (tree->left[node] >= 0) {
            int32_t near = tree->left[node], far = tree->right[node];
            REAL near_gap = KD(box_gap)(box, boxes + (int64_t)near * 2 * d, d);
            REAL far_gap = KD(box_gap)(box, boxes + (int64_t)far * 2 * d, d);
            if (far_gap < near_gap) {
                int32_t node_swap = near;
                near = far;
                far = node_swap;
                REAL gap_swap = near_gap;
                near_gap = far_gap;
                far_gap = gap_swap;
            }
            stack[top].node = far;
            stack[top++].gap = far_gap;
            stack[top].node = near;
            stack[top++].gap = near_gap;
            continue;
        }
        const int32_t other = tree->right[node];
        const REAL *candidates = points + (int64_t)other * d * KD_LANES;
        int count = 0;
        if (other == leaf) {
            for (int l = 0; l < m; l++) lanes[count++] = l;
        } else {
            KD(lane_gaps)(block, boxes + (int64_t)node * 2 * d, d, gaps);
            for (int l = 0; l < m; l++) {
                if (gaps[l] == bounds[l]) reach[l] = gaps[l];
                lanes[count] = l;
                count += gaps[l] < bounds[l];
            }
        }
        if (count == 0) continue;
        lanes[count] = lanes[count - 1];
        for (int t = 0; t < count; t += 2) {
            KD(tile)(block + lanes[t], block + lanes[t + 1], candidates, d, out[0], out[1]);
            for (int s = 0; s < 2 && t + s < count; s++) {
                const int l = lanes[t + s];
                REAL bound = bounds[l], *row = distances + (int64_t)l * k;
                int32_t *ids = positions + (int64_t)l * k;
                if (!KD(within)(out[s], bound)) continue;
                memcpy(lane, out[s], sizeof lane);
                for (int c = 0; c < KD_LANES; c++) {
                    const REAL distance = lane[c];
                    if (distance > bound) continue;
                    if (distance == bound) {
                        reach[l] = bound;
                        continue;
                    }
                    int at = k - 1;
                    for (; at > 0 && row[at - 1] > distance; at--) {
                        row[at] = row[at - 1];
                        ids[at] = ids[at - 1];
                    }
                    row[at] = distance;
                    ids[at] = other * KD_LANES + c;
                    if (row[k - 1] == bound) reach[l] = bound;
                    bound = row[k - 1];
                }
                bounds[l] = bound;
            }
        }
        worst = 0;
        for (int l = 0; l < m; l++) worst = KD_MAX(worst, bounds[l]);
    }
    for (int l = 0; l < m; l++)
        if (reach[l] != bounds[l])
            reach[l] = bounds[l];
        else
            reach[l] = bounds[l] > 0 ? bounds[l] * KD_SLACK(1) : -1;
}

INLINED REAL KD(load)(const REAL *place) {
#if defined(__GNUC__)
    REAL value;
    __atomic_load(place, &value, __ATOMIC_RELAXED);
    return value;
#else
    return *(const volatile REAL *)place;
#endif
}

INLINED void KD(lower)(REAL *place, REAL value) {
#if defined(__GNUC__)
    REAL current;
    __atomic_load(place, &current, __ATOMIC_RELAXED);
    while (value < current && !__atomic_compare_exchange(place, &current, &value, 1,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
#else
    if (value < *place) *(volatile REAL *)place = value; /* any value that was found is a bound */
#endif
}

/* For the marked lanes of a leaf `block` (m points, positions from `base`): the nearest point of
 * `tree` in another component under the mutual reachability, if it lies within the component's
 * bound. On entry weights, distances, positions hold a candidate or (inf, inf, -1), on return the
 * best found; `lower[l]` then bounds the weight of every foreign point from below. `box` has room
 * for 2 d numbers. */
MULTIVERSIONED static void KD(foreign)(const kd_tree *tree, const void *block_, int m, int64_t leaf,
                                       int64_t base, const kd_reachability *reachability,
                                       const uint8_t *marked, const void *core_,
                                       const int32_t *component, void *weights_, void *distances_,
                                       int32_t *positions, void *lower_, void *box_) {
    const REAL *block = (const REAL *)block_, *own_core = (const REAL *)core_;
    const REAL *points = (const REAL *)tree->points, *boxes = (const REAL *)tree->boxes;
    const REAL *core = (const REAL *)reachability->core;
    const REAL *node_core = (const REAL *)reachability->node_core;
    const int32_t *components = reachability->component;
    const int32_t *node_component = reachability->node_component;
    REAL *shared = (REAL *)reachability->bound;
    REAL *weights = (REAL *)weights_, *distances = (REAL *)distances_, *lower = (REAL *)lower_;
    const REAL scale = (REAL)reachability->scale;
    REAL *box = (REAL *)box_;
    const int d = tree->d;
    REAL bounds[KD_LANES], gaps[KD_LANES], lane[KD_LANES];
    KD(reals) out[2][KD_VECTORS];
    REAL weight[KD_LANES], worst = (REAL)INFINITY;
    KD(reals) weighed[KD_VECTORS];
    int lanes[KD_LANES + 1], active[KD_LANES], n_active = 0;
    int32_t common = -2;
    KD(visit) stack[KD_STACK];

    for (int l = 0; l < m; l++)
        if (marked[l]) {
            common = n_active == 0 || common == component[l] ? component[l] : -2;
            active[n_active++] = l;
        }
    if (n_active == 0) return;
    /* The box of the marked points alone prunes more than the leaf's. */
    for (int f = 0; f < d; f++) {
        const REAL *x = block + (int64_t)f * KD_LANES;
        REAL low = x[active[0]], high = low;
        for (int t = 1; t < n_active; t++) {
            low = KD_MIN(low, x[active[t]]);
            high = KD_MAX(high, x[active[t]]);
        }
        box[f] = low;
        box[d + f] = high;
    }

    int top = KD(start)(tree, box, leaf, stack);
    for (;;) {
        worst = 0;
        for (int t = 0; t < n_active; t++) {
            const int l = active[t];
            bounds[l] = weights[l];
            if (shared != NULL) bounds[l] = KD_MIN(bounds[l], KD(load)(shared + component[l]));
            worst = KD_MAX(worst, bounds[l]);
        }
        int32_t node = -1;
        while (top > 0) {
            const KD(visit) visit = stack[--top];
            if (visit.gap * scale > worst || node_core[visit.node] > worst ||
                node_component[visit.node] == common)
                continue;
            if (tree->left[visit.node] < 0) {
                node = visit.node;
                break;
            }
            int32_t near = tree->left[visit.node], far = tree->right[visit.node];
            REAL near_gap = KD(box_gap)(box, boxes + (int64_t)near * 2 * d, d);
            REAL far_gap = KD(box_gap)(box, boxes + (int64_t)far * 2 * d, d);
            if (far_gap < near_gap) {
                int32_t node_swap = near;
                near = far;
                far = node_swap;
                REAL gap_swap = near_gap;
                near_gap = far_gap;
                far_gap = gap_swap;
            }
            stack[top].node = far;
            stack[top++].gap = far_gap;
            stack[top].node = near;
            stack[top++].gap = near_gap;
        }
        if (node < 0) break;

        const int32_t other = tree->right[node];
        const REAL *candidates = points + (int64_t)other * d * KD_LANES;
        const REAL *candidate_core = core + (int64_t)other * KD_LANES;
        const int32_t *candidate_component = components + (int64_t)other * KD_LANES;
        int count = 0;
        KD(lane_gaps)(block, boxes + (int64_t)node * 2 * d, d, gaps);
        for (int t = 0; t < n_active; t++) {
            const int l = active[t];
            lanes[count] = l;
            count += gaps[l] * scale <= bounds[l] && component[l] != node_component[node];
        }
        if (count == 0) continue;
        lanes[count] = lanes[count - 1];
        for (int t = 0; t < count; t += 2) {
            KD(tile)(block + lanes[t], block + lanes[t + 1], candidates, d, out[0], out[1]);
            for (int s = 0; s < 2 && t + s < count; s++) {
                const int l = lanes[t + s];
                const int32_t mine = component[l];
                const REAL bound = bounds[l];
                if (!KD(weigh)(out[s], candidate_core, candidate_component, mine, scale, bound,
                               weighed))
                    continue;
                memcpy(lane, out[s], sizeof lane);
                memcpy(weight, weighed, sizeof weight);
                for (int c = 0; c < KD_LANES; c++) {
                    if (!(weight[c] <= bound) || weight[c] == (REAL)INFINITY) continue;
                    const REAL w = KD_MAX(weight[c], own_core[l]), distance = lane[c];
                    const int32_t j = other * KD_LANES + c;
                    if (KD_EDGE_BEFORE(w, distance, base + l, (int64_t)j, weights[l], distances[l],
                                       base + l, (int64_t)positions[l])) {
                        weights[l] = w;
                        distances[l] = distance;
                        positions[l] = j;
                    }
                }
                if (shared != NULL && weights[l] < bound)
                    KD(lower)(shared + mine, weights[l]);
            }
        }
    }
    for (int t = 0; t < n_active; t++) {
        const int l = active[t];
        lower[l] = bounds[l];
    }
}

#undef KD_ADD
#undef KD_ADD_GAP
#undef KD_SLACK
#undef KD_METRIC
#undef KD_SUFFIX
