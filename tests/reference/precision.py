#!/usr/bin/env python3
"""How far 20 steps in f32 stray from the same steps in f64: ours (bench_precision) and PyTorch's, from the same starts.

    tests/reference/precision.py [--starts N | --convolutions] [--binary build/tests/bench/bench_precision]

A row a network and a loss: the largest relative distance of a step's loss from f64's, over the first 4 and over all 20
steps, as the median of the starts with the quartiles, and in how many of the starts ours is the smaller one. Rounding is
amplified by training, and a unit near its kink goes either way, so that one start, or five, say little.
With --convolutions a row a shape instead: the rms error of its results and of both gradients, by f64's rms.
"""

import argparse
import collections
import os
import statistics
import subprocess
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import formula  # noqa: E402
import networks  # noqa: E402

STEPS, BATCH = 20, 8


def batch_of(tensor, step):
    return tensor[BATCH * (step % 2):BATCH * (step % 2) + BATCH]


def picture_loss(loss, residual):
    return residual.square().mean() if loss == "l2" else networks.spectral_image_loss(residual, 1)


def train(network, start, dtype, loss, **options):
    network = formula.fill(network, f"start {start}/").to(dtype)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, **options)
    losses = []
    for step in range(STEPS):
        value = loss(network, step)
        for parameter, gradient in zip(network.parameters(), torch.autograd.grad(value, list(network.parameters()))):
            parameter.grad = gradient
        optimizer.step()
        losses.append(value.item())
    return losses


def pytorch(start, dtype):
    """{network.loss: losses of the steps}"""
    runs = {}
    x = torch.linspace(-1, 1, 1000)[:, None].to(dtype)
    for order in (0, 1, 2):
        targets = networks.chirp(x)[:order + 1]
        runs[f"mlp.{('l2', 'h1', 'h2')[order]}"] = train(
            networks.Mlp([1, 64, 64, 64, 1]), start, dtype,
            lambda network, step: networks.derivative_loss(network, x, targets))
    digits, pictures = formula.pictures(2 * BATCH, 1, 28).to(dtype), formula.pictures(2 * BATCH, 3, 64).to(dtype)
    noise = formula.unit_noise("noise", tuple(digits.shape)).to(dtype)
    times = torch.arange(2 * BATCH).to(dtype) * 60
    for loss in ("l2", "hs1"):
        def denoise(network, step):
            clean = batch_of(digits, step)
            return picture_loss(loss, network(clean + batch_of(noise * 0.3, step)) - clean)

        def encode(network, step):
            clean = batch_of(pictures, step)
            return picture_loss(loss, network(clean) - clean)

        def diffuse(network, step):
            clean = batch_of(digits, step) * 2 - 1
            return picture_loss(loss, network(clean + batch_of(noise, step), batch_of(times, step)) - clean)

        runs["denoiser." + loss] = train(networks.DenoisingAutoencoder(), start, dtype, denoise)
        for light in (True, False):
            name = "resnet18-light." if light else "resnet18."
            runs[name + loss] = train(networks.ResnetAutoencoder(light), start, dtype, encode, weight_decay=1e-5)
        runs["unet16." + loss] = train(networks.Unet(16, channels=1), start, dtype, diffuse)
    return runs


def convolution(name, shape, dtype):
    """The values, and the gradients by input and weight; input as a relu leaves it."""
    batch, channels, out, side, kernel, stride, padding = shape
    x = formula.unit_noise(name + ".x", (batch, channels, side, side)).to(dtype).relu().requires_grad_()
    weight = formula.unit_noise(name + ".weight", (out, channels, kernel, kernel)).to(dtype).requires_grad_()
    y = F.conv2d(x, weight, stride=stride, padding=padding)
    cotangent = formula.unit_noise(name + ".cotangent", tuple(y.shape)).to(dtype)
    return y.detach(), *torch.autograd.grad((y * cotangent).sum(), [x, weight])


def compare_convolutions(binary):
    shapes = [(8, 3, 64, 64, 7, 2, 3), (8, 16, 16, 64, 3, 1, 1), (8, 16, 32, 64, 3, 2, 1), (8, 32, 32, 32, 3, 1, 1),
              (8, 64, 64, 16, 3, 1, 1), (8, 64, 128, 16, 3, 2, 1), (8, 128, 128, 8, 3, 1, 1), (8, 128, 256, 8, 3, 2, 1),
              (8, 256, 256, 4, 3, 1, 1), (16, 256, 512, 4, 3, 2, 1), (16, 512, 512, 2, 3, 1, 1)]
    lines = subprocess.run([binary, "convolutions"], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    ours = {line.split()[0]: [float(value) for value in line.split()[1:]] for line in lines}
    print("| convolution | forward | by the input | by the weight |\n|---|---|---|---|")
    for shape in shapes:
        _, channels, out, side, kernel, stride, _ = shape
        name = f"{channels}-{out}.{side}.{kernel}.{stride}"
        both = zip(convolution(name, shape, torch.float32), convolution(name, shape, torch.float64))
        theirs = [((single.double() - exact).square().mean() / exact.square().mean()).sqrt().item() for single, exact in both]
        cells = " | ".join(f"{a * 1e7:.2f}, {b * 1e7:.2f}" for a, b in zip(ours[name], theirs))
        print(f"| {channels} to {out}, {kernel} x {kernel}, side {side}, stride {stride} | {cells} |")


def distances(in_f32, in_f64):
    apart = [abs(a - b) / abs(b) for a, b in zip(in_f32, in_f64)]
    return max(apart[:4]), max(apart)


def show(values):
    if len(values) < 2:
        return f"{values[0]:.1e}"
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return f"{median:.1e} ({lower:.1e}, {upper:.1e})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--binary", default="build/tests/bench/bench_precision")
    parser.add_argument("--convolutions", action="store_true")
    arguments = parser.parse_args()
    if arguments.convolutions:
        return compare_convolutions(arguments.binary)
    ours = collections.defaultdict(dict)
    for line in subprocess.run([arguments.binary, str(arguments.starts)], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.splitlines():
        name, start, dtype, *losses = line.split()
        ours[name, int(start)][dtype] = [float(value) for value in losses]
    rows, between = collections.defaultdict(list), collections.defaultdict(list)
    for start in range(arguments.starts):
        theirs = {dtype: pytorch(start, getattr(torch, dtype)) for dtype in ("float64", "float32")}
        for name in theirs["float64"]:
            mine = ours[name, start]
            rows[name].append((*distances(mine["f32"], mine["f64"]),
                               *distances(theirs["float32"][name], theirs["float64"][name])))
            between[name].append(distances(mine["f64"], theirs["float64"][name])[0])
    print("| network and loss | ours, 4 steps | PyTorch, 4 steps | ours nearer in | ours, 20 steps | PyTorch, 20 steps |"
          " ours nearer in | both in f64, 4 steps |")
    print("|---|---|---|---|---|---|---|---|")
    for name, values in rows.items():
        ours4, ours20, theirs4, theirs20 = (show(column) for column in zip(*values))
        nearer4, nearer20 = (sum(value[ours] < value[ours + 2] for value in values) for ours in (0, 1))
        print(f"| {name} | {ours4} | {theirs4} | {nearer4} | {ours20} | {theirs20} | {nearer20} | {max(between[name]):.0e} |")


if __name__ == "__main__":
    main()
