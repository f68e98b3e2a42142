"""Balanced and fair trees from binary ones, and what trees cost."""

import heapq

import numpy as np


class Builder:
    """Nodes of the dendrogram and of the trees made of it, each with two children or none."""

    def __init__(self, children, color, delta):
        n = len(color)
        self.n = n
        self.left, self.right = [-1] * n, [-1] * n
        self.size = [1] * n
        self.counts = list(np.eye(color.max() + 1, dtype=np.int64)[color])
        share = np.bincount(color) / n
        self.low, self.high = share * (1 - delta), share / (1 - delta)
        self.fair_matters = len(share) > 1
        for a, b in children.tolist():
            self.joined(a, b)
        self.root = len(self.size) - 1

    def joined(self, a, b):
        """A new node over two."""
        self.left.append(a)
        self.right.append(b)
        self.size.append(self.size[a] + self.size[b])
        self.counts.append(self.counts[a] + self.counts[b])
        return len(self.size) - 1

    def fair(self, counts):
        """Whether a cluster has each group in its share; single rows count as fair."""
        total = counts.sum()
        slack = 1e-9 * total
        within = (counts >= self.low * total - slack) & (counts <= self.high * total + slack)
        return total == 1 or not self.fair_matters or bool(within.all())

    def rotated(self, node):
        """A subtree of one to two thirds of a tree, and the tree without it."""
        n, path, v = self.size[node], [], node
        while 3 * self.size[v] > 2 * n:
            a, b = self.left[v], self.right[v]
            larger, other = (a, b) if self.size[a] >= self.size[b] else (b, a)
            path.append(other)
            v = larger
        rest = path.pop()
        for other in reversed(path):
            rest = self.joined(rest, other)
        return v, rest

    def frontier(self, node, h):
        """About h subtrees, by divisions of the largest."""
        heap, leaves = [(-self.size[node], node)], []
        while heap and len(heap) + len(leaves) < h:
            _, v = heapq.heappop(heap)
            if v < self.n:
                leaves.append(v)
                continue
            for child in (self.left[v], self.right[v]):
                heapq.heappush(heap, (-self.size[child], child))
        return leaves + [v for _, v in heap]

    def sides(self, parts):
        """Whether each part is on the second of two sides that are alike."""
        counts = np.array([self.counts[v] for v in parts])
        sizes = counts.sum(axis=1)
        shares = counts / sizes[:, np.newaxis]
        # Similar parts are neighbors in the order, and go to different sides.
        order = np.lexsort((np.array(parts), -sizes, -shares.max(axis=1), shares.argmax(axis=1)))
        difference = np.zeros(counts.shape[1])
        second = np.zeros(len(parts), bool)
        for i in range(0, len(order) - 1, 2):
            a, b = order[i], order[i + 1]
            step = counts[a] - counts[b]
            swap = np.abs(difference - step).sum() < np.abs(difference + step).sum()
            second[a if swap else b] = True
            difference += -step if swap else step
        if len(order) % 2:
            last = order[-1]
            more = np.abs(difference + counts[last]).sum()
            second[last] = np.abs(difference - counts[last]).sum() < more
        return second, counts

    def restricted(self, node, side):
        """The tree restricted to some subtrees, which `side` maps to True or False."""
        done, stack = {}, [(node, False)]
        while stack:
            v, ready = stack.pop()
            if v in side:
                done[v] = v if side[v] else None
            elif ready:
                a, b = done[self.left[v]], done[self.right[v]]
                done[v] = self.joined(a, b) if a is not None and b is not None else (
                    b if a is None else a
                )  # fmt: skip
            else:
                stack += [(v, True), (self.left[v], False), (self.right[v], False)]
        return done[node]

    def divided(self, node):
        """Two fair trees of one to two thirds of the rows, or None."""
        a, b = self.rotated(node)
        if self.fair(self.counts[a]) and self.fair(self.counts[b]):
            return a, b
        n, h = self.size[node], 4
        while self.fair_matters:
            h = min(h, n)
            parts = self.frontier(node, h)
            second, counts = self.sides(parts)
            both = counts[second].sum(axis=0), counts[~second].sum(axis=0)
            largest = max(part.sum() for part in both)
            if 3 * largest <= 2 * n and all(map(self.fair, both)):
                side = dict(zip(parts, second.tolist(), strict=True))
                other = {v: not there for v, there in side.items()}
                return self.restricted(node, side), self.restricted(node, other)
            if h == n:
                break
            h *= 2
        return None

    def leaves(self, node):
        """Rows below a node."""
        found, stack = [], [node]
        while stack:
            v = stack.pop()
            if v < self.n:
                found.append(v)
            else:
                stack += [self.right[v], self.left[v]]
        return found

    def built(self):
        """Parents, sizes and counts of the nodes of the new tree, the root last."""
        parent_of, nodes, stack = [], [], [(self.root, -1)]
        leaf_parent = np.empty(self.n, np.int64)
        while stack:
            v, above = stack.pop()
            if v < self.n:
                leaf_parent[v] = above
                continue
            number = len(nodes)
            nodes.append(v)
            parent_of.append(above)
            parts = self.divided(v)
            for part in self.leaves(v) if parts is None else parts:
                stack.append((part, number))
        # Numbered from the root so far, and from the last one from here on.
        m = len(nodes)
        number = self.n + m - 1 - np.arange(m)
        parent = np.full(self.n + m, -1)
        parent[: self.n] = number[leaf_parent]
        above = np.array(parent_of[1:], dtype=np.int64)
        parent[number[1:]] = number[above]
        sizes = np.concatenate([np.ones(self.n, np.int64), np.array(self.size)[nodes[::-1]]])
        counts = np.array(self.counts)[np.concatenate([np.arange(self.n), nodes[::-1]]).astype(int)]
        return parent, sizes, counts


def dasgupta_cost(parent, sizes, edges, weights):
    """The sum of weights times the sizes of the smallest clusters that contain both ends.

    Parameters
    ----------
    parent : array of shape (n_nodes,)
        Larger numbers than their children's; -1 for the root.
    sizes : array of shape (n_nodes,)
    edges : pair of arrays of shape (n_edges,)
    weights : array of shape (n_edges,)

    Returns
    -------
    cost : float
    """
    a, b = (np.array(side, dtype=np.int64) for side in edges)
    active = np.flatnonzero(a != b)
    while len(active):
        lower = a[active] < b[active]
        a[active] = np.where(lower, parent[a[active]], a[active])
        b[active] = np.where(lower, b[active], parent[b[active]])
        active = active[a[active] != b[active]]
    return float(weights @ sizes[a])
