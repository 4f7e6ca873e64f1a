"""unet.safetensors: the diffusion U-Net's values, gradients, training steps and samples from formula-made weights; schedules."""

import math

import torch
import torch.nn.functional as F

import formula
import networks
from denoiser_reference import digits

TIMESTEPS = 1000
# the network's width, channels, side and batch of the values; steps, batch and rate of the replayed training
SETTINGS = {
    "d16": {"dim": 16, "channels": 1, "side": 28, "count": 2, "steps": 10, "batch": 4, "lr": 1e-3},
    "d64": {"dim": 64, "channels": 3, "side": 32, "count": 1, "steps": 10, "batch": 2, "lr": 1e-4},
}


# ---------------------------------------------------------------- schedules, f64


def alphas_cumprod_by_formula(values):
    """Betas from values of the cumulative product at 0..T, clipped to [0, 0.999]."""
    values = values / values[0]
    return torch.clip(1 - values[1:] / values[:-1], 0, 0.999)


def betas(schedule, timesteps=TIMESTEPS):
    time = torch.linspace(0, timesteps, timesteps + 1, dtype=torch.float64) / timesteps
    if schedule == "linear":
        scale = 1000 / timesteps
        return torch.linspace(scale * 0.0001, scale * 0.02, timesteps, dtype=torch.float64)
    if schedule == "cosine":
        return alphas_cumprod_by_formula(torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2)
    start, end, tau = -3.0, 3.0, 1.0
    first, last = (torch.tensor(value / tau, dtype=torch.float64).sigmoid() for value in (start, end))
    return alphas_cumprod_by_formula((last - ((time * (end - start) + start) / tau).sigmoid()) / (last - first))


def alphas_cumprod(schedule):
    return torch.cumprod(1 - betas(schedule), 0)


def sampling_times(steps):
    """T - 1 down to -1, steps + 1 integers: linspace(-1, T - 1, steps + 1) cut towards zero, reversed."""
    times = torch.linspace(-1, TIMESTEPS - 1, steps + 1)
    exact = [-1 + i * TIMESTEPS / steps for i in range(steps + 1)]
    assert times.int().tolist() == [int(value) for value in exact], steps
    return times.int().flip(0).long()


def schedules():
    tensors = {}
    for schedule in ("sigmoid", "cosine", "linear"):
        cumulative = alphas_cumprod(schedule)
        snr = cumulative / (1 - cumulative)
        tensors.update({f"schedule.{schedule}.betas": betas(schedule),
                        f"schedule.{schedule}.alphas_cumprod": cumulative, f"schedule.{schedule}.snr": snr,
                        f"schedule.{schedule}.min_snr_5": snr.clamp(max=5)})
    for steps in (1, 10, 20, 50, 250, 1000):
        tensors[f"sampling_times.{steps}"] = sampling_times(steps)
    return tensors


# ---------------------------------------------------------------- the network


def unet(settings, dtype):
    return formula.fill(networks.Unet(settings["dim"], channels=settings["channels"])).to(dtype)


def shape(settings, count):
    return (count, settings["channels"], settings["side"], settings["side"])


def values_and_gradients(name, settings):
    """The output, and of mse(output, target) every parameter's gradient: sum, sum of squares, <gradient, u(name)>."""
    x = formula.unit_noise("unet.x", shape(settings, settings["count"]))
    target = formula.rounded(formula.uniform("unet.target", x.shape))
    t = torch.tensor([37.0, 810.0], dtype=torch.float64)[:settings["count"]]
    network = unet(settings, torch.float64)
    output = network(x, t)
    loss = F.mse_loss(output, target)
    loss.backward()
    rows = []
    for parameter_name, p in network.named_parameters():
        direction = formula.uniform("direction." + parameter_name, tuple(p.shape))
        rows.append([p.grad.sum().item(), p.grad.square().sum().item(), (p.grad * direction).sum().item()])
    with torch.no_grad():
        single = unet(settings, torch.float32)(x.float(), t.float())
    assert (single - output).abs().max() < 1e-5 * output.abs().max(), "f32 strays from f64"
    return {f"{name}.t": t, f"{name}.output": output, f"{name}.loss": loss.view(1),
            f"{name}.gradients": torch.tensor(rows, dtype=torch.float64)}, [n for n, _ in network.named_parameters()]


def replayed_batches(settings):
    """x0 [S, N, C, H, W] in [-1, 1], noise of the same shape, t [S, N]."""
    steps, batch, channels, side = (settings[key] for key in ("steps", "batch", "channels", "side"))
    count = steps * batch
    x0 = digits(count) if channels == 1 else formula.pictures(count, channels, side)
    x0 = formula.rounded(2 * x0 - 1).view(steps, batch, channels, side, side)
    noise = formula.unit_noise("replay.noise", tuple(x0.shape))
    t = (torch.arange(count) * 389 + 17) % TIMESTEPS
    return x0, noise, t.view(steps, batch)


def train(settings, dtype, s):
    """Each step's loss and the gradient's norm before it is clipped to 1."""
    network = unet(settings, dtype)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings["lr"])
    cumulative = alphas_cumprod("sigmoid")
    losses, norms = [], []
    for x0, noise, t in zip(*replayed_batches(settings)):
        x0, noise = x0.to(dtype), noise.to(dtype)
        signal = cumulative[t].sqrt().to(dtype).view(-1, 1, 1, 1)
        noisiness = (1 - cumulative[t]).sqrt().to(dtype).view(-1, 1, 1, 1)
        residual = network(signal * x0 + noisiness * noise, t.to(dtype)) - x0
        loss = residual.square().mean() if s is None else networks.spectral_image_loss(residual, s)
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64), torch.tensor(norms, dtype=torch.float64)


@torch.no_grad()
def sample(settings, dtype, count=2, steps=20):
    """Deterministic DDIM with a network that predicts x0; the pictures in [0, 1]."""
    network = unet(settings, dtype)
    cumulative = alphas_cumprod("sigmoid")
    x = formula.unit_noise("sample.noise", shape(settings, count)).to(dtype)
    times = sampling_times(steps).tolist()
    for time, following in zip(times, times[1:]):
        x0 = network(x, torch.full((count,), float(time), dtype=dtype)).clamp(-1, 1)
        if following < 0:
            return (x0 + 1) / 2
        noise = (x - math.sqrt(cumulative[time]) * x0) / math.sqrt(1 - cumulative[time])
        x = math.sqrt(cumulative[following]) * x0 + math.sqrt(1 - cumulative[following]) * noise


# ---------------------------------------------------------------- second derivatives of the blocks


def block_second_derivatives(name, block, channels):
    """s = the sum of squares of all first derivatives of <block(x), v>; s by x, v and every parameter."""
    block = formula.fill(block).double()
    x, v = (formula.unit_noise(f"{name}.{key}", (2, channels, 4, 3)).requires_grad_() for key in ("x", "v"))
    parameters = dict(block.named_parameters())
    inputs = [x, *parameters.values()]
    y = block(x)
    first = torch.autograd.grad(y, inputs, v, create_graph=True)
    s = sum(g.square().sum() for g in first)
    second = torch.autograd.grad(s, [*inputs, v], allow_unused=True)
    # A last layer's bias adds nothing to any gradient.
    second = [torch.zeros_like(of) if g is None else g for g, of in zip(second, [*inputs, v])]
    keys = ["x", *parameters]
    tensors = {"y": y, "s": s.view(1), **{f"d.{key}": g for key, g in zip(keys, first)},
               **{f"second.{key}": g for key, g in zip([*keys, "v"], second)}}
    return {f"{name}.{key}": value for key, value in tensors.items()}


def make():
    tensors, metadata = schedules(), {"timesteps": TIMESTEPS, "settings": SETTINGS}
    for name, settings in SETTINGS.items():
        values, parameter_names = values_and_gradients(name, settings)
        tensors.update(values)
        metadata[f"{name}.parameters"] = parameter_names
        for loss, s in (("l2", None), ("hs1", 1)):
            for dtype_name, dtype in (("f32", torch.float32), ("f64", torch.float64)):
                if name == "d64" and (loss, dtype_name) == ("hs1", "f64"):
                    continue
                losses, norms = train(settings, dtype, s)
                tensors[f"{name}.losses.{loss}.{dtype_name}"] = losses
                tensors[f"{name}.gradient_norms.{loss}.{dtype_name}"] = norms
    for dtype_name, dtype in (("f32", torch.float32), ("f64", torch.float64)):
        tensors[f"d16.samples.{dtype_name}"] = sample(SETTINGS["d16"], dtype)
    blocks = {"rms_norm": (networks.RmsNorm(5), 5), "linear_attention": (networks.LinearAttention(5), 5),
              "full_attention": (networks.FullAttention(5), 5)}
    for name, (block, channels) in blocks.items():
        tensors.update(block_second_derivatives(name, block, channels))
    return tensors, metadata
