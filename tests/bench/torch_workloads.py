"""The benchmark's workloads in PyTorch: `torch_workloads.py NAME --threads N --seconds S` prints `name median_ms min_ms peak_mb`.

compare.py starts one such process for each measurement. Each workload is written as somebody who knows PyTorch and
wants it fast would write it; where two idioms compete, the faster of the two on a 2-core machine stands here.
"""

import argparse
import os
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))
import networks  # noqa: E402

STEP_LIMIT_SECONDS = 20.0


def adam(network, lr=1e-3, **options):
    return torch.optim.Adam(network.parameters(), lr=lr, foreach=True, **options)


def training_step(network, optimizer, loss_function):
    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_function()
        loss.backward()
        optimizer.step()
        return loss
    return step


# ---------------------------------------------------------------- functions on points


def mlp(orders):
    network = networks.Mlp([1, 64, 64, 64, 1])
    x = torch.linspace(-1, 1, 1000)[:, None]
    targets = networks.chirp(x)[:orders + 1]
    return training_step(network, adam(network, 1e-4), lambda: networks.derivative_loss(network, x, targets))


def mlp2d_h1_10k():
    network = networks.Mlp([2, 64, 64, 64, 64, 1])
    x = torch.rand(10000, 2) * 2 - 1
    targets = networks.waves2d(x)
    return training_step(network, adam(network, 1e-4), lambda: networks.derivative_loss(network, x, targets))


def mlp_order(order):
    """All derivatives by x up to `order`, and the gradient of their sum of mean squares by the parameters."""
    network = networks.Mlp([1, 64, 64, 64, 1]).double()
    parameters = list(network.parameters())
    x = torch.linspace(-1, 1, 1000, dtype=torch.float64)[:, None].requires_grad_()
    ones = torch.ones_like(x)

    def step():
        u = network(x)
        loss = u.square().mean()
        for _ in range(order):
            (u,) = torch.autograd.grad(u, x, ones, create_graph=True)
            loss = loss + u.square().mean()
        # The last layer's bias drops out of every derivative but not out of the value, so all parameters are used.
        return torch.autograd.grad(loss, parameters)
    return step


def laplacian_10d():
    network = networks.Mlp([10, 64, 64, 64, 1])
    parameters = list(network.parameters())
    x = torch.randn(1000, 10).requires_grad_()
    ones = torch.ones(1000, 1)
    columns = [torch.eye(10)[i].expand(1000, 10) for i in range(10)]

    def step():
        (gradient,) = torch.autograd.grad(network(x), x, ones, create_graph=True)
        laplacian = 0
        for i, column in enumerate(columns):
            (row,) = torch.autograd.grad(gradient, x, column, create_graph=True)
            laplacian = laplacian + row[:, i]
        return torch.autograd.grad(laplacian.square().mean(), parameters, allow_unused=True)
    return step


def siren2d_h2(points):
    network = networks.Siren(2)
    x = (torch.rand(points, 2) * 2 - 1).requires_grad_()
    target, target_gradient, target_hessian = torch.randn(points, 1), torch.randn(points, 2), torch.randn(points, 2, 2)
    parameters = list(network.parameters())
    optimizer = adam(network, 1e-4)

    def step():
        u = network(x)
        (gradient,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        loss = F.mse_loss(u, target) + (gradient - target_gradient).square().sum(1).mean()
        for i in range(2):
            (row,) = torch.autograd.grad(gradient[:, i].sum(), x, create_graph=True)
            loss = loss + (row - target_hessian[:, i]).square().sum(1).mean()
        for parameter, value in zip(parameters, torch.autograd.grad(loss, parameters)):
            parameter.grad = value
        optimizer.step()
    return step


def pinn_burgers(points):
    network = networks.Mlp([2, 64, 64, 64, 64, 1])
    x = (torch.rand(points, 2) * 2 - 1).requires_grad_()
    parameters = list(network.parameters())
    optimizer = adam(network, 1e-4)

    def step():
        u = network(x)
        (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        u_x, u_t = first[:, :1], first[:, 1:]
        u_xx = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0][:, :1]
        residual = u_t + u * u_x - 0.01 * u_xx
        (gradient,) = torch.autograd.grad(residual.sum(), x, create_graph=True)
        loss = residual.square().mean() + gradient.square().sum(1).mean()
        # The last layer's bias is in the value that multiplies u_x, so all parameters are used.
        for parameter, value in zip(parameters, torch.autograd.grad(loss, parameters)):
            parameter.grad = value
        optimizer.step()
    return step


def mlp_jacobian():
    """One batched reverse pass with a cotangent for each output, which is what functorch's jacrev does as well."""
    network = networks.Mlp([64, 64, 64, 64, 64])
    x = torch.randn(1000, 64).requires_grad_()
    cotangents = torch.eye(64)[:, None, :].expand(64, 1000, 64).contiguous()

    def step():
        (rows,) = torch.autograd.grad(network(x), x, cotangents, is_grads_batched=True)
        return rows.transpose(0, 1)
    return step


# ---------------------------------------------------------------- pictures


def denoiser(spectral):
    network = networks.DenoisingAutoencoder()
    clean = torch.rand(128, 1, 28, 28)
    noisy = clean + 0.3 * torch.randn_like(clean)
    matrices = [networks.spectral_matrix(28, 1, dtype=torch.float32)] * 2

    def loss():
        if spectral:
            return networks.spectral_image_loss(network(noisy) - clean, matrices=matrices)
        return F.mse_loss(network(noisy), clean)
    return training_step(network, adam(network, 0.005), loss)


def conv_h1():
    network = networks.ScalarConvNet()
    x = torch.rand(32, 1, 28, 28).requires_grad_()
    target, target_gradient = torch.randn(32, 1), 0.1 * torch.randn(32, 1, 28, 28)
    ones = torch.ones(32, 1)

    def loss():
        u = network(x)
        (gradient,) = torch.autograd.grad(u, x, ones, create_graph=True)
        return F.mse_loss(u, target) + F.mse_loss(gradient, target_gradient)
    # Only parameters have to get a gradient from the last pass.
    parameters = list(network.parameters())
    optimizer = adam(network)

    def step():
        gradients = torch.autograd.grad(loss(), parameters)
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
        optimizer.step()
    return step


def resnet(light, batch):
    network = networks.ResnetAutoencoder(light)
    pictures = torch.rand(batch, 3, 64, 64)
    matrices = [networks.spectral_matrix(64, 1, dtype=torch.float32)] * 2
    return training_step(network, adam(network, weight_decay=1e-5), lambda: networks.spectral_image_loss(
        network(pictures) - pictures, matrices=matrices))


class PlainResidual(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = torch.nn.Conv2d(width, width, 3, padding=1)
        self.second = torch.nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.second(F.silu(self.first(x)))


def photographs(batch):
    width, latents = 48, 16
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, width, 8, stride=4, padding=2), PlainResidual(width), PlainResidual(width),
        torch.nn.Conv2d(width, latents, 1), torch.nn.Conv2d(latents, width, 3, padding=1), PlainResidual(width),
        PlainResidual(width), torch.nn.ConvTranspose2d(width, 3, 8, stride=4, padding=2))
    pictures = torch.rand(batch, 3, 64, 64)
    matrices = [networks.spectral_matrix(64, 1, dtype=torch.float32)] * 2
    return training_step(network, adam(network, weight_decay=1e-5), lambda: networks.spectral_image_loss(
        network(pictures - 0.5) + 0.5 - pictures, matrices=matrices))


def unet(side, batch):
    network = networks.Unet(64, channels=3)
    x, target = torch.randn(batch, 3, side, side), torch.randn(batch, 3, side, side)
    t = torch.arange(batch) * 100.0
    return training_step(network, adam(network, 1e-4), lambda: F.mse_loss(network(x, t), target))


def unet_inference(side, batch):
    network = networks.Unet(64, channels=3).eval()
    x, t = torch.randn(batch, 3, side, side), torch.arange(batch) * 100.0

    def step():
        with torch.inference_mode():
            return network(x, t)
    return step


def tiny_1000():
    a, b = torch.tensor([1.5]), torch.tensor([2.0])

    def step():
        for _ in range(1000):
            a + b
    return step


WORKLOADS = {
    "tiny_1000": tiny_1000,
    "mlp_l2": lambda: mlp(0),
    "mlp_h1": lambda: mlp(1),
    "mlp_h2": lambda: mlp(2),
    "mlp2d_h1_10k": mlp2d_h1_10k,
    "dae_l2": lambda: denoiser(False),
    "dae_h1": lambda: denoiser(True),
    "conv_h1": conv_h1,
    "resnet_light_h1_b32": lambda: resnet(True, 32),
    "resnet18_h1_b16": lambda: resnet(False, 16),
    "unet32_b4": lambda: unet(32, 4),
    "unet64_b2": lambda: unet(64, 2),
    "unet32_infer_b8": lambda: unet_inference(32, 8),
    **{f"mlp_order_{n}": (lambda n=n: mlp_order(n)) for n in range(1, 9)},
    "laplacian_10d": laplacian_10d,
    "siren2d_h2_100k": lambda: siren2d_h2(100_000),
    "pinn_burgers_20k": lambda: pinn_burgers(20_000),
    "mlp_jacobian_64": mlp_jacobian,
    "photo_h1_b16": lambda: photographs(16),
}


def available_gigabytes():
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) / 2 ** 20
    return float("inf")


def expected_gigabytes(name):
    """Nested reverse passes hold about 3.5 times more for every order."""
    return 4.6 * 3.5 ** (int(name[len("mlp_order_"):]) - 7) if name.startswith("mlp_order_") else 0.0


def measure(step, seconds):
    """Milliseconds of each step; a first step past the limit is the only one."""
    begin = time.perf_counter()
    step()
    first = time.perf_counter() - begin
    if first > STEP_LIMIT_SECONDS:
        return [1e3 * first]
    for _ in range(4 if first < 0.5 else 1 if first < 2 else 0):
        step()
    times = []
    begin = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
        if time.perf_counter() - begin > STEP_LIMIT_SECONDS + seconds:
            break
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", choices=WORKLOADS, metavar="NAME")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=8.0)
    arguments = parser.parse_args()
    if expected_gigabytes(arguments.workload) > 0.9 * available_gigabytes():
        sys.exit(f"{arguments.workload}: needs about {expected_gigabytes(arguments.workload):.0f} GB of memory")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    times = measure(WORKLOADS[arguments.workload](), arguments.seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{arguments.workload} {statistics.median(times):.4f} {min(times):.4f} {peak:.1f}")


if __name__ == "__main__":
    main()
