"""TGC: what came before an event, its objective, and what it finds."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import TGC
from skdeepcluster.graph._event_losses import Vectors, event_losses, intensities
from skdeepcluster.graph._events import check_events, collapsed, histories, no_past
from tests.graph._samples import quiet

BRIEF = {"n_components": 8, "batch_size": 128, "random_state": 0}


def planted(n_groups=2, size=20, n_events=1000, inside=0.95, seed=0):
    """Events at random times, most of them within groups."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(n_groups), size)
    source = rng.integers(len(y), size=n_events)
    away = (y[source] + rng.integers(1, n_groups, size=n_events)) % n_groups
    group = np.where(rng.random(n_events) < inside, y[source], away)
    target = group * size + rng.integers(size, size=n_events)
    return np.column_stack([source, target, np.sort(rng.random(n_events))]), y


def nodes(y):
    return np.zeros((len(y), 1))


def made(n, m, length, seed, distinct=False):
    rng = np.random.default_rng(seed)
    source = rng.integers(n, size=m)
    target = (source + rng.integers(1, n, size=m)) % n
    time = rng.permutation(m) if distinct else rng.integers(max(1, m // 2), size=m)
    return source, target, time.astype(float), no_past(n, length, time.astype(float))


# -- events --------------------------------------------------------------------------------------


@given(st.integers(2, 6), st.integers(1, 30), st.integers(0, 3), st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_histories_are_those_of_a_list(n, m, length, seed):
    source, target, time, past = made(n, m, length, seed)
    found, later = histories(source, target, time, past)
    seen = [[] for _ in range(n)]
    expected = {}
    scaled = (time - time.min()) / (np.ptp(time) or 1)
    for i in np.argsort(time, kind="stable"):
        for node, other in ((source[i], target[i]), (target[i], source[i])):
            last = seen[node][-length:] if length else []
            expected.setdefault((node, other), []).append(
                [(partner, scaled[i] - when) for partner, when in last]
            )
        seen[source[i]].append((target[i], scaled[i]))
        seen[target[i]].append((source[i], scaled[i]))
    assert len(found.pairs) == 2 * m
    for pair, partners, gaps, filled in zip(*found, strict=True):
        last = expected[tuple(pair)].pop(0)
        assert filled.tolist() == [True] * len(last) + [False] * (length - len(last))
        assert partners[filled].tolist() == [partner for partner, _ in last]
        np.testing.assert_allclose(gaps[filled], [gap for _, gap in last], atol=1e-6)
    for node in range(n):
        last = seen[node][-length:] if length else []
        assert later.partners[node][later.partners[node] >= 0].tolist() == [p for p, _ in last]
        assert later.counts[node] == len(seen[node])


def test_the_third_event_of_a_node_has_two_before():
    source, target, time = np.array([0, 0, 0]), np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0])
    found, _ = histories(source, target, time, no_past(4, 2, time))
    of_node = found.pairs[:, 0] == 0
    np.testing.assert_array_equal(found.filled[of_node], [[0, 0], [1, 0], [1, 1]])
    np.testing.assert_array_equal(found.partners[of_node], [[0, 0], [1, 0], [1, 2]])
    np.testing.assert_allclose(found.gaps[of_node], [[0, 0], [0.5, 0], [1, 0.5]])


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_and_parts_of_a_stream_do_not_matter(seed):
    source, target, time, past = made(5, 20, 2, seed, distinct=True)
    whole, later = histories(source, target, time, past)
    order = np.random.default_rng(seed).permutation(20)
    shuffled, _ = histories(source[order], target[order], time[order], past)
    pairs, again = (np.sort(x.pairs, axis=1)[::2] for x in (whole, shuffled))
    np.testing.assert_array_equal(pairs, again)
    by_time = np.argsort(time)
    parts = []
    for part in (by_time[:7], by_time[7:]):
        found, past = histories(source[part], target[part], time[part], past)
        parts.append(found)
    sides = np.lexsort(whole.pairs.T)
    joined = np.concatenate([part.pairs for part in parts])
    np.testing.assert_array_equal(joined[np.lexsort(joined.T)], whole.pairs[sides])
    for name in ("partners", "filled"):
        both = np.concatenate([getattr(part, name) for part in parts])
        rows = np.column_stack([joined, both])
        others = np.column_stack([whole.pairs, getattr(whole, name)])
        np.testing.assert_array_equal(rows[np.lexsort(rows.T)], others[np.lexsort(others.T)])
    np.testing.assert_array_equal(past.partners, later.partners)
    np.testing.assert_array_equal(past.counts, later.counts)
    np.testing.assert_allclose(past.times, later.times)


def test_the_graph_of_all_events_counts_them():
    found, _ = histories(*made(4, 30, 1, 0))
    graph = collapsed(found.pairs, 4).toarray()
    np.testing.assert_array_equal(graph, graph.T)
    assert graph.sum() == 60
    assert np.diag(graph).sum() == 0


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([[0, 1], [2, 9]], "column target of events has nodes from 1 to 9"),
        ([[-1, 1, 0]], "column source of events has nodes from -1 to -1"),
        ([[0.5, 1, 0]], "column source of events has numbers that are not integers"),
        ([[0, 1, np.nan]], "column time of events has NaN"),
        ([[0, 1, np.inf]], "column time of events has NaN or infinity"),
        ([[0], [1]], r"events has shape \(2, 1\)"),
        ([0, 1], r"events has shape \(2,\)"),
        ([["a", "b", "c"]], "numbers are required"),
    ],
)
def test_events_that_are_none(events, what):
    with pytest.raises(ValueError, match=what):
        TGC(2, **BRIEF).fit(np.zeros((4, 1)), events=events)


def test_without_times_the_order_of_events_is_that_of_time():
    source, target, time = check_events([[0, 1], [2, 2], [1, 2]], 3)
    assert source.tolist() == [0, 1]
    assert target.tolist() == [1, 2]
    assert time.tolist() == [0, 2]


# -- the objective -------------------------------------------------------------------------------


def example(seed=0, n=6, n_events=5, length=2, n_negatives=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    module = Vectors(n, 4, 3).to(dtype)
    with torch.no_grad():
        for tensor in (module.z, module.start, module.centers, module.forgetting):
            tensor.copy_(torch.randn(tensor.shape, generator=generator))

    def drawn(*shape):
        return torch.randint(n, shape, generator=generator)

    known = SimpleNamespace(
        partners=drawn(n_events, length),
        gaps=torch.rand(n_events, length, generator=generator, dtype=dtype),
        filled=torch.rand(n_events, length, generator=generator) < 0.6,
    )
    return module, drawn(n_events, 2), drawn(n_events, n_negatives), known


def slowly(module, pairs, negatives, known):
    """The terms by loops over events."""
    z, decay = module.z.detach().numpy(), F.softplus(module.forgetting).detach().numpy()
    centers, start = module.centers.detach().numpy(), module.start.numpy()

    def square(i, j):
        return np.square(z[i] - z[j]).sum()

    def cosine(i, j):
        return z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j])

    def student(row):
        q = 1 / (1 + np.square(row - centers).sum(axis=1))
        return q / q.sum()

    temporal, off = [], []
    for e, (s, x) in enumerate(pairs.tolist()):
        slots = [i for i in range(known.filled.shape[1]) if known.filled[e, i]]
        before = [int(known.partners[e, i]) for i in slots]
        shares = np.exp([-square(s, h) for h in before])
        shares = shares / shares.sum()
        kept = [np.exp(-decay[s] * float(known.gaps[e, i])) for i in slots]

        def intensity(v, s=s, before=before, shares=shares, kept=kept):
            past = [a * k * square(h, v) for a, k, h in zip(shares, kept, before, strict=True)]
            return -square(s, v) - sum(past)

        loss = np.log1p(np.exp(-intensity(x)))
        loss += sum(np.log1p(np.exp(intensity(v))) for v in negatives[e].tolist())
        temporal.append(loss)
        row = [1 - cosine(s, x), *(cosine(s, v) for v in negatives[e].tolist())]
        padded = [0.0] * known.filled.shape[1]
        for i, h in zip(slots, before, strict=True):
            padded[i] = 1 - cosine(s, h)
        off.append(row + padded)
    sources = pairs[:, 0].tolist()
    q, q0 = (np.array([student(rows[s]) for s in sources]) for rows in (z, start))
    p = q0**2 / q0.sum(axis=0)
    p /= p.sum(axis=1, keepdims=True)
    return {
        "temporal": np.mean(temporal),
        "node": (p * np.log(p / q)).sum(axis=1).mean(),
        "batch": np.sqrt(np.square(off).mean(axis=0)).sum(),
    }


@given(st.integers(0, 10**6), st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_the_terms_are_those_of_their_equations(seed, length):
    given_events = example(seed, length=length)
    expected = slowly(*given_events)
    found = event_losses(*given_events)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.item() == pytest.approx(expected[name], rel=1e-6, abs=1e-5), name


def test_gradients_are_those_of_the_terms():
    module, pairs, negatives, known = example(n=4, n_events=3)
    target = event_losses(module, pairs, negatives, known)["node"].detach()
    assert target > 0

    def total(z, forgetting):
        moved = SimpleNamespace(
            z=z, forgetting=forgetting, centers=module.centers.detach(), start=module.start
        )
        return sum(event_losses(moved, pairs, negatives, known).values())

    inputs = [p.detach().clone().requires_grad_() for p in (module.z, module.forgetting)]
    assert torch.autograd.gradcheck(total, inputs)


def test_without_a_past_only_distances_count():
    squares = torch.rand(4, 6, 6)
    known = SimpleNamespace(gaps=torch.rand(4, 2), filled=torch.zeros(4, 2, dtype=bool))
    found = intensities(squares, known, torch.ones(4))
    torch.testing.assert_close(found, -squares[:, 0, 1:4])


def test_what_was_long_ago_counts_less():
    squares = torch.rand(1, 3, 3) + 0.1
    known = [
        SimpleNamespace(gaps=torch.tensor([[gap]]), filled=torch.ones(1, 1, dtype=bool))
        for gap in (0.0, 0.5, 50.0)
    ]
    now, later, last = (intensities(squares, k, torch.ones(1)).item() for k in known)
    assert now < later < last
    assert last == pytest.approx(-squares[0, 0, 1].item())


# -- what it finds -------------------------------------------------------------------------------


def test_groups_are_found_from_a_random_start():
    events, y = planted(n_events=600)
    X = nodes(y)
    model = TGC(2, init="random", max_epochs=15, learning_rate=0.02, tol=0, **BRIEF).fit(
        X, events=events
    )
    assert adjusted_rand_score(y, model.initial_labels_) < 0.3
    assert adjusted_rand_score(y, model.labels_) == 1
    mixed = events.copy()
    mixed[:, 1] = np.random.default_rng(1).permutation(mixed[:, 1])
    model.fit(X, events=mixed)
    assert adjusted_rand_score(y, model.labels_) < 0.5


@pytest.mark.parametrize("init", ["walks", "netmf"])
def test_training_keeps_a_good_start(init):
    events, y = planted(3, 15, 900, 0.8)
    model = TGC(3, init=init, max_epochs=5, **BRIEF).fit(nodes(y), events=events)
    assert adjusted_rand_score(y, model.labels_) == 1
    assert model.embedding_.shape == (45, 8)
    assert (model.decay_ > 0).all()


@quiet
def test_the_order_of_time_is_what_cannot_be_seen():
    # The same pairs meet in both halves, each group in one of them: only time tells them apart.
    rng = np.random.default_rng(0)
    source, target = rng.integers(40, size=(2, 1500))
    y = rng.integers(2, size=40)
    events = np.column_stack([source, target, rng.random(1500) + y[source]])
    model = TGC(2, max_epochs=5, **BRIEF).fit(nodes(y), events=events)
    assert adjusted_rand_score(y, model.labels_) < 0.3


def test_the_start_may_be_given():
    events, y = planted()
    start = np.random.default_rng(0).normal(size=(40, 5))
    known = start / np.linalg.norm(start, axis=1, keepdims=True)
    params = {"max_epochs": 0, "random_state": 0}
    given_start = TGC(2, init=start, **params).fit(nodes(y), events=events)
    np.testing.assert_allclose(given_start.embedding_, known, atol=1e-6)
    features = TGC(2, init="features", **params).fit(start, events=events)
    centered = start - start.mean(axis=0)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    np.testing.assert_allclose(features.embedding_, centered, atol=1e-5)
    with pytest.raises(ValueError, match="a row for each of the 40 nodes"):
        TGC(2, init=start[1:]).fit(nodes(y), events=events)


def test_nodes_without_events_stay_where_they_are():
    events, y = planted(n_events=300)
    start = np.random.default_rng(0).normal(size=(44, 5))
    model = TGC(2, init=start, max_epochs=3, batch_size=128, random_state=0)
    Z = model.fit(np.zeros((44, 1)), events=events).embedding_
    known = start / np.linalg.norm(start, axis=1, keepdims=True)
    np.testing.assert_allclose(Z[40:], known[40:], atol=1e-6)
    assert (np.abs(Z[:40] - known[:40]).max(axis=1) > 1e-3).all()


def test_units_of_time_do_not_matter():
    events, y = planted(n_events=300)
    models = [
        TGC(2, max_epochs=2, **BRIEF).fit(nodes(y), events=events * [1, 1, unit] + [0, 0, first])
        for unit, first in ((1, 0), (2.0**20, 2.0**30))
    ]
    np.testing.assert_allclose(models[0].embedding_, models[1].embedding_, atol=1e-4)


@quiet
def test_new_events_move_the_vectors():
    events, y = planted(n_events=1200)
    # Later a node of the first group meets the second one alone.
    late = events[800:].copy()
    late[:200, 0], late[:200, 1] = 0, 20 + np.arange(200) % 20
    model = TGC(2, max_epochs=5, **BRIEF).fit(nodes(y), events=events[:800])
    assert model.labels_[0] == model.labels_[1] != model.labels_[30]
    for _ in range(5):
        model.partial_fit(nodes(y), events=late)
    assert model.labels_[0] == model.labels_[30] != model.labels_[1]
    assert len(model.history_["train"]["temporal"]) == 1
    assert model._past.counts.sum() == sum(
        2 * (part[:, 0] != part[:, 1]).sum() for part in (events[:800], *[late] * 5)
    )
    with pytest.raises(ValueError, match="X has 41 rows, but TGC was fitted to 40 nodes"):
        model.partial_fit(np.zeros((41, 1)), events=late)


def test_the_first_call_of_partial_fit_is_fit():
    events, y = planted(n_events=200)
    model = TGC(2, max_epochs=1, **BRIEF)
    first = model.partial_fit(nodes(y), events=events).embedding_
    np.testing.assert_array_equal(first, model.fit(nodes(y), events=events).embedding_)


def test_training_ends_when_the_objective_rests():
    events, y = planted(n_events=300)
    model = TGC(2, max_epochs=30, tol=0.5, **BRIEF).fit(nodes(y), events=events)
    assert model.n_epochs_ == 2
    assert np.isfinite(model.loss_)


@quiet
def test_no_events():
    model = TGC(2, max_epochs=2, **BRIEF).fit(np.zeros((5, 1)), events=np.empty((0, 3)))
    assert (model.embedding_ == 0).all()
    assert model.loss_ == 0


def test_there_is_nothing_for_new_rows():
    assert not any(hasattr(TGC(), name) for name in ("predict", "transform", "score"))
    with pytest.raises(ValueError, match="n_clusters=9"):
        TGC(9, **BRIEF).fit(np.zeros((5, 1)), events=[[0, 1, 0.0]])
    with pytest.raises(ValueError, match="n_samples=1"):
        TGC(1, **BRIEF).fit(np.zeros((1, 1)))
