"""Transport of costs of every kind: tensors, blocks, files, several processes."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from skdeepcluster.assignment import TransportResult, transport_assign
from skdeepcluster.assignment.transport import _costs as costs_module
from skdeepcluster.assignment.transport._device_costs import DeviceCosts
from tests.assignment.transport._problems import KINDS, MEMBERS, Blocks


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors(dtype):
    cost = torch.rand(40, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = transport_assign(cost.double().numpy(), reg=0.1)
    found = transport_assign(cost.requires_grad_(), reg=0.1)
    assert found.plan.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not found.plan.requires_grad and found.labels.dtype == torch.int64
    np.testing.assert_allclose(found.plan.numpy(), expected.plan, atol=1e-7)
    np.testing.assert_array_equal(found.labels.numpy(), expected.labels)
    provided = transport_assign(Blocks(cost), reg=0.1, block_size=7)
    np.testing.assert_allclose(provided.plan.numpy(), expected.plan, atol=1e-7)


@pytest.mark.parametrize("row", KINDS)
@pytest.mark.parametrize("col", KINDS)
def test_passes_on_a_device(row, col, monkeypatch):
    """The operations that serve devices, here on the host."""
    random = np.random.RandomState(0)
    cost = random.uniform(0, 1, (30, 4))
    cost[:, 1] += 100.0  # beyond what exp(-cost / reg) can hold
    params = {"row": row, "col": col, "reg": 0.05, "col_mass": [0.3, 0.2, 0.3, 0.2]}
    if {row, col} == {"ub", "eq"}:
        params["row_mass" if row == "ub" else "col_mass"] = 1.0
    expected = transport_assign(cost, **params)

    def on_device(costs, block_size=None, name="cost"):
        blocks = Blocks(torch.as_tensor(costs))
        return DeviceCosts(blocks.block, blocks.shape, blocks.block(0, 1), block_size, name)

    monkeypatch.setattr("skdeepcluster.assignment.transport._assign.costs_of", on_device)
    for block_size in (None, 7):
        found = transport_assign(torch.as_tensor(cost), block_size=block_size, **params)
        assert isinstance(found.plan, torch.Tensor)
        np.testing.assert_allclose(found.plan.numpy(), expected.plan, atol=1e-9)
        np.testing.assert_array_equal(found.labels.numpy(), expected.labels)
        np.testing.assert_allclose(found.row_weight.numpy(), expected.row_weight, atol=1e-9)
        assert found.dual == pytest.approx(expected.dual, abs=1e-9)
    if (row, col) == ("eq", "kl"):
        partial = {"reg": 0.05, "col": "kl", "virtual_mass": 0.4}
        found = transport_assign(torch.as_tensor(cost), **partial)
        monkeypatch.undo()
        expected = transport_assign(cost, **partial)
        np.testing.assert_allclose(found.plan.numpy(), expected.plan, atol=1e-7)


def test_other_memory_layouts_and_types():
    cost = np.random.RandomState(0).randint(0, 9, (50, 6))
    expected = transport_assign(cost.astype(float), reg=0.5).plan
    strided = np.repeat(cost.astype(float), 2, axis=1)[:, ::2]
    for other in (cost, cost.tolist(), np.asfortranarray(cost, dtype=float), strided,
                  cost.astype(np.float16), cost.astype(">f8"), Blocks(cost)):  # fmt: skip
        np.testing.assert_allclose(transport_assign(other, reg=0.5).plan, expected, atol=1e-6)


def test_blocks_bound_the_memory():
    blocks = Blocks(np.random.RandomState(0).uniform(size=(100, 3)))
    transport_assign(blocks, reg=0.5, output="potentials", block_size=16)
    assert max(blocks.asked) == 16


MEMORY = """
import resource, sys
import numpy as np
from skdeepcluster.assignment import transport_assign

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024

cost = np.load(sys.argv[1], mmap_mode="r")
before = resident()
result = transport_assign(cost, reg=0.2, output="labels", block_size=5000)
assert result.converged
print(resident() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's /proc")
def test_memory_mapped_costs_are_not_loaded(tmp_path):
    n, k = 50_000, 400
    cost = np.lib.format.open_memmap(tmp_path / "cost.npy", "w+", np.float32, (n, k))
    random = np.random.default_rng(0)
    for begin in range(0, n, 5000):
        cost[begin : begin + 5000] = random.random((5000, k), dtype=np.float32)
    cost.flush()
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "cost.npy")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 30  # MiB; the file has 76


def test_changes_of_a_private_mapping_survive(tmp_path):
    np.save(tmp_path / "cost.npy", np.random.RandomState(0).uniform(size=(2000, 4)))
    cost = np.load(tmp_path / "cost.npy", mmap_mode="c")
    cost[:, 0] += 1.0
    expected = np.array(cost)
    transport_assign(cost, block_size=100)
    np.testing.assert_array_equal(cost, expected)


def test_threads_do_not_change_a_bit(monkeypatch):
    cost = np.random.RandomState(0).uniform(size=(5000, 60))
    plans = []
    for n_threads in (1, 3):
        monkeypatch.setattr(costs_module, "effective_n_threads", lambda n=n_threads: n)
        plans.append(transport_assign(cost).plan)
    np.testing.assert_array_equal(*plans)


def test_importing_the_solver_does_not_import_torch():
    code = (
        "import sys, numpy as np\n"
        "from skdeepcluster.assignment import transport_assign\n"
        "transport_assign(np.eye(3))\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_stored_results_of_earlier_versions_are_found():
    with pytest.warns(FutureWarning, match="is skdeepcluster.assignment.transport now"):
        found = pickle.loads(b"cskdeepcluster.assignment._transport\nTransportResult\n.")
    assert found is TransportResult


# Several processes.

PROCESSES = """
import sys
import numpy as np
import torch.distributed as dist
from skdeepcluster.assignment import transport_assign

dist.init_process_group("gloo")
rank = dist.get_rank()
cost = np.load(sys.argv[1] + "/cost.npy")
mine = cost[:37] if rank == 0 else cost[37:]
reduced = []
all_reduce = dist.all_reduce
def counted(tensor, *args, **kwargs):
    reduced.append(tensor.numel())
    return all_reduce(tensor, *args, **kwargs)
dist.all_reduce = counted
results = {}
for name, params in eval(sys.argv[2]).items():
    found = transport_assign(mine, reg=0.1, process_group=dist.group.WORLD, tol=1e-10, **params)
    for key in ("plan", "labels", "col_potential", "col_mass", "n_iter", "primal", "dual"):
        results[name + "/" + key] = getattr(found, key)
results["largest"] = max(reduced)
np.savez(sys.argv[1] + f"/{rank}.npz", **results)
dist.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_two_processes_share_the_rows(tmp_path):
    cost = np.random.RandomState(0).uniform(0, 2, (100, 5))
    cost[:, 3] += 200.0
    np.save(tmp_path / "cost.npy", cost)
    (tmp_path / "script.py").write_text(PROCESSES)
    params = {name: {k: v for k, v in MEMBERS[name].items() if k != "col_mass"} for name in MEMBERS}
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2",
            str(tmp_path / "script.py"), str(tmp_path), repr(params),
        ],
        capture_output=True, text=True, check=False, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (dict(np.load(tmp_path / f"{rank}.npz")) for rank in range(2))
    assert first["largest"] <= 5 + 1 + 1  # columns, the virtual one, the dual's value
    for name in MEMBERS:
        alone = transport_assign(cost, reg=0.1, tol=1e-10, **params[name])
        for key in ("col_potential", "col_mass", "n_iter", "primal", "dual"):
            np.testing.assert_array_equal(first[f"{name}/{key}"], second[f"{name}/{key}"])
        plan = np.r_[first[f"{name}/plan"], second[f"{name}/plan"]]
        np.testing.assert_allclose(plan, alone.plan, atol=1e-7)
        labels = np.r_[first[f"{name}/labels"], second[f"{name}/labels"]]
        np.testing.assert_array_equal(labels, alone.labels)
        assert first[f"{name}/dual"] == pytest.approx(alone.dual, abs=1e-8)
