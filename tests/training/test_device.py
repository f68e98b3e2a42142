"""Devices and precision of a fit."""

import contextlib

import pytest
import torch
from torch import nn

from skdeepcluster.training import Fit, Precision, Stage, resolve_device
from tests.training._toy import CPU, loss, run

# -- devices -------------------------------------------------------------------------------------


def test_devices():
    assert resolve_device("cpu") == CPU == resolve_device(CPU)
    assert resolve_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", None, 3.5])
def test_device_that_is_not_there(device):
    with pytest.raises(ValueError, match="device=.*not available.*device='auto'"):
        resolve_device(device)


def test_precision():
    small, large = nn.Linear(2, 2), nn.Linear(1000, 1000)
    assert isinstance(Precision("float32", CPU, large, 256)(), contextlib.nullcontext)
    assert Precision("auto", CPU, small, 256).name == "float32"
    with Precision("bfloat16", CPU, small, 256)():
        assert small(torch.zeros(1, 2)).dtype == torch.bfloat16
    assert small(torch.zeros(1, 2)).dtype == torch.float32


@pytest.mark.parametrize(
    "has, expected",
    [
        ({}, "float32"),
        ({"_is_amx_tile_supported": False, "_is_avx512_bf16_supported": False}, "float32"),
        ({"_is_amx_tile_supported": True, "_is_avx512_bf16_supported": False}, "bfloat16"),
        ({"_is_amx_tile_supported": False, "_is_avx512_bf16_supported": True}, "bfloat16"),
        ({"_is_avx512_bf16_supported": True}, "bfloat16"),
    ],
)
def test_automatic_precision_goes_by_the_instructions_of_the_processor(has, expected, monkeypatch):
    for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, probe, raising=False)
        if probe in has:
            monkeypatch.setattr(torch.cpu, probe, lambda probe=probe: has[probe], raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    large, small = nn.Linear(1000, 1000), nn.Linear(100, 100)
    assert Precision("auto", CPU, large, 256).name == expected
    assert Precision("auto", CPU, large, 100).name == "float32"
    assert Precision("auto", CPU, small, 256).name == "float32"
    assert Precision("float32", CPU, large, 256).name == "float32"
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert Precision("auto", CPU, large, 256).name == "float32"


def test_fit_describes_itself():
    fit = run([Stage("a", loss, 1)])
    assert isinstance(fit, Fit) and fit.device == CPU
    assert fit.seed() != fit.seed()
