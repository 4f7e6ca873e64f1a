"""denoiser.safetensors: 20 Adam steps of the digits' denoiser from formula-made weights, on the first 256 embedded digits."""

import gzip
import math
import os

import numpy
import torch
import torch.nn.functional as F

import formula
import networks

DIGITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "data", "embedded", "mnist10k",
                      "train-images-idx3-ubyte.gz")

# Of several, those from which a run depends least on the rounding of its start.
SALTS = {"l2": "q/", "hs1": "f/"}


def digits(count):
    """[count, 1, 28, 28] in f64, the pixels divided by 255."""
    with gzip.open(DIGITS) as file:
        data = file.read(16 + 784 * count)
    pixels = numpy.frombuffer(data, dtype=numpy.uint8, offset=16).astype(numpy.float64) / 255
    return torch.from_numpy(pixels).view(count, 1, 28, 28)


def sine_noise(amplitude=0.3, waves=1):
    """[28, 28] in f64: amplitude * sin(2 pi waves (x + y))"""
    grid = torch.linspace(0, 1, 28, dtype=torch.float64)
    return amplitude * torch.sin(2 * math.pi * waves * (grid[None, :] + grid[:, None]))


def train(salt, s, steps=20):
    """The loss of each step, in f64."""
    network = formula.fill(networks.DenoisingAutoencoder(), salt).double()
    clean = digits(256)
    noisy = clean + sine_noise()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    losses = []
    for step in range(steps):
        batch = slice(128 * (step % 2), 128 * (step % 2) + 128)
        output = network(noisy[batch])
        loss = F.mse_loss(output, clean[batch]) if s is None else networks.spectral_image_loss(output - clean[batch], s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def make():
    tensors = {}
    for loss, s in (("l2", None), ("hs1", 1)):
        tensors[f"losses.{loss}"] = train(SALTS[loss], s)
    return tensors, {"steps": 20, "lr": 0.005, "batch": 128, "digits": 256, "noise": "0.3 sin(2 pi (x + y))",
                     "salts": SALTS}
