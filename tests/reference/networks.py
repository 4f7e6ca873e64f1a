"""The networks and losses of the applications, in PyTorch: what the reference files and the benchmark's other side use."""

import math

import torch
import torch.nn.functional as F
from torch import nn


# ---------------------------------------------------------------- functions on points


class Mlp(nn.Module):
    """Linear layers `fc.0`, `fc.2`, ... with an activation between them."""

    def __init__(self, sizes, activation=nn.Tanh):
        super().__init__()
        layers = []
        for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
            if i:
                layers.append(activation())
            layers.append(nn.Linear(a, b))
        self.fc = nn.Sequential(*layers)

    def forward(self, x):
        return self.fc(x)


class FourierNet(nn.Module):
    """fc4(tanh(fc3(tanh(fc2(sin(2 pi fc1(x)))))))"""

    def __init__(self, inputs=1, width=64):
        super().__init__()
        self.fc1 = nn.Linear(inputs, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, width)
        self.fc4 = nn.Linear(width, 1)
        nn.init.normal_(self.fc1.weight)
        for layer in (self.fc2, self.fc3, self.fc4):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, x):
        h = torch.sin(2 * math.pi * self.fc1(x))
        return self.fc4(torch.tanh(self.fc3(torch.tanh(self.fc2(h)))))


class Siren(nn.Module):
    """fc4(sin(fc3(sin(fc2(sin(fc1(x)))))))"""

    def __init__(self, inputs=1, width=64):
        super().__init__()
        self.fc1 = nn.Linear(inputs, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, width)
        self.fc4 = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.sin(self.fc1(x))
        return self.fc4(torch.sin(self.fc3(torch.sin(self.fc2(h)))))


# ---------------------------------------------------------------- small convolutional networks


class DenoisingAutoencoder(nn.Module):
    """The digits' denoiser, [N, 1, 28, 28] to the same."""

    def __init__(self, z=32):
        super().__init__()
        act = lambda: nn.LeakyReLU(0.01)
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), act(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), act(),
            nn.Conv2d(64, 64, 3, stride=2, padding=1), act(),
            nn.Flatten(), nn.Linear(3136, z), act())
        self.decoder = nn.Sequential(
            nn.Linear(z, 3136), nn.Unflatten(1, (64, 7, 7)), act(),
            nn.ConvTranspose2d(64, 64, 3, stride=2, padding=1, output_padding=1), act(),
            nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1), act(),
            nn.ConvTranspose2d(32, 1, 3, padding=1))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class ScalarConvNet(nn.Module):
    """A picture [N, 1, 28, 28] to one number [N, 1]; smooth, so that a loss may use its gradient by the picture."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.Softplus(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.Softplus(),
            nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.Softplus(),
            nn.Flatten(), nn.Linear(32 * 7 * 7, 1))

    def forward(self, x):
        return self.net(x)


# ---------------------------------------------------------------- residual autoencoders


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride, light):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.downsample = None
        if stride != 1 or cin != cout:
            kernel, pad = (3, 1) if light else (1, 0)
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, cout, kernel, stride, pad, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)))


class TransposedBlock(nn.Module):
    def __init__(self, cin, cout, stride, light):
        super().__init__()
        self.conv2 = nn.ConvTranspose2d(cin, cin, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cin)
        self.conv1 = nn.ConvTranspose2d(cin, cout, 3, stride, 1, stride - 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.upsample = None
        if stride != 1 or cin != cout:
            kernel, pad = (3, 1) if light else (1, 0)
            self.upsample = nn.Sequential(
                nn.ConvTranspose2d(cin, cout, kernel, stride, pad, stride - 1, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        h = F.relu(self.bn2(self.conv2(x)))
        h = self.bn1(self.conv1(h))
        return F.relu(h + (x if self.upsample is None else self.upsample(x)))


class ResnetEncoder(nn.Module):
    def __init__(self, light):
        super().__init__()
        self.light = light
        widths = [16, 32, 64] if light else [64, 128, 256, 512]
        self.layers = len(widths)
        self.conv1 = nn.Conv2d(3, widths[0], 3 if light else 7, 1 if light else 2, 1 if light else 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        cin = widths[0]
        for i, width in enumerate(widths):
            setattr(self, f"layer{i + 1}", nn.Sequential(
                BasicBlock(cin, width, 1 if i == 0 else 2, light), BasicBlock(width, width, 1, light)))
            cin = width

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        if not self.light:
            h = F.max_pool2d(h, 3, 2, 1)
        for i in range(self.layers):
            h = getattr(self, f"layer{i + 1}")(h)
        return h


class ResnetDecoder(nn.Module):
    def __init__(self, light):
        super().__init__()
        self.light = light
        widths = [16, 32, 64] if light else [64, 128, 256, 512]
        self.layers = len(widths)
        for i in reversed(range(self.layers)):
            setattr(self, f"layer{i + 1}", nn.Sequential(
                TransposedBlock(widths[i], widths[i], 1, light),
                TransposedBlock(widths[i], widths[max(i - 1, 0)], 1 if i == 0 else 2, light)))
        if light:
            self.de_conv1 = nn.ConvTranspose2d(16, 3, 3, 1, 1, bias=False)
        else:
            self.de_conv1 = nn.ConvTranspose2d(64, 3, 7, 2, 3, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(3)

    def forward(self, h):
        for i in reversed(range(self.layers)):
            h = getattr(self, f"layer{i + 1}")(h)
        if not self.light:
            h = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)
        return F.relu(self.bn1(self.de_conv1(h)))


class ResnetAutoencoder(nn.Module):
    """Pictures [N, 3, H, W] in [0, 1] to the same; ResNet-18 or its light form."""

    def __init__(self, light=False):
        super().__init__()
        self.encoder = ResnetEncoder(light)
        self.decoder = ResnetDecoder(light)

    def forward(self, x):
        return self.decoder(self.encoder(x)).clamp(0, 1)


# ---------------------------------------------------------------- the diffusion U-Net


HEADS, HEAD_DIM, MEMORY = 4, 32, 4


class RmsNorm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x):
        return F.normalize(x, dim=1) * self.g * x.shape[1] ** 0.5


class TimeEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        half = self.dim // 2
        # In f64 and then rounded, so that f32 and f64 networks see the same frequencies.
        frequencies = torch.exp(torch.arange(half, dtype=torch.float64) * (-math.log(10000) / (half - 1))).to(t.dtype)
        angles = t[:, None] * frequencies[None, :]
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class UnetConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.proj = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm = RmsNorm(cout)

    def forward(self, x, scale_shift=None):
        x = self.norm(self.proj(x))
        if scale_shift is not None:
            scale, shift = scale_shift
            x = x * (scale + 1) + shift
        return F.silu(x)


class UnetBlock(nn.Module):
    def __init__(self, cin, cout, time_dim):
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, 2 * cout))
        self.block1 = UnetConv(cin, cout)
        self.block2 = UnetConv(cout, cout)
        self.res_conv = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()

    def forward(self, x, time):
        scale_shift = self.mlp(time)[:, :, None, None].chunk(2, dim=1)
        return self.block2(self.block1(x, scale_shift)) + self.res_conv(x)


class LinearAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = RmsNorm(dim)
        self.mem_kv = nn.Parameter(torch.randn(2, HEADS, HEAD_DIM, MEMORY))
        self.to_qkv = nn.Conv2d(dim, 3 * HEADS * HEAD_DIM, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(HEADS * HEAD_DIM, dim, 1), RmsNorm(dim))

    def forward(self, x):
        n, _, h, w = x.shape
        q, k, v = self.to_qkv(self.norm(x)).view(n, 3, HEADS, HEAD_DIM, h * w).unbind(1)
        memory = self.mem_kv[:, None].expand(-1, n, -1, -1, -1)
        k = torch.cat([memory[0], k], dim=-1).softmax(-1)
        v = torch.cat([memory[1], v], dim=-1)
        q = q.softmax(-2) * HEAD_DIM ** -0.5
        context = k @ v.transpose(-1, -2)
        out = context.transpose(-1, -2) @ q
        return self.to_out(out.reshape(n, HEADS * HEAD_DIM, h, w))


class FullAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = RmsNorm(dim)
        self.mem_kv = nn.Parameter(torch.randn(2, HEADS, MEMORY, HEAD_DIM))
        self.to_qkv = nn.Conv2d(dim, 3 * HEADS * HEAD_DIM, 1, bias=False)
        self.to_out = nn.Conv2d(HEADS * HEAD_DIM, dim, 1)

    def forward(self, x):
        n, _, h, w = x.shape
        qkv = self.to_qkv(self.norm(x)).view(n, 3, HEADS, HEAD_DIM, h * w).transpose(-1, -2)
        q, k, v = qkv.unbind(1)
        memory = self.mem_kv[:, None].expand(-1, n, -1, -1, -1)
        k = torch.cat([memory[0], k], dim=-2)
        v = torch.cat([memory[1], v], dim=-2)
        weights = (q @ k.transpose(-1, -2) * HEAD_DIM ** -0.5).softmax(-1)
        out = (weights @ v).transpose(-1, -2)
        return self.to_out(out.reshape(n, HEADS * HEAD_DIM, h, w))


class SpaceToDepth(nn.Module):
    def forward(self, x):
        return F.pixel_unshuffle(x, 2)


class Unet(nn.Module):
    """Pictures [N, C, H, W] and times [N] to [N, C, H, W]; H and W multiples of 2^(levels - 1)."""

    def __init__(self, dim=64, mults=(1, 2, 4), channels=3):
        super().__init__()
        dims = [dim] + [dim * m for m in mults]
        pairs = list(zip(dims, dims[1:]))
        time_dim = 4 * dim
        self.init_conv = nn.Conv2d(channels, dim, 7, padding=3)
        self.time_mlp = nn.Sequential(
            TimeEmbedding(dim), nn.Linear(dim, time_dim), nn.GELU(), nn.Linear(time_dim, time_dim))
        attention = lambda level: FullAttention if level == len(pairs) - 1 else LinearAttention
        self.downs = nn.ModuleList()
        for level, (cin, cout) in enumerate(pairs):
            last = level == len(pairs) - 1
            down = nn.Conv2d(cin, cout, 3, padding=1) if last else \
                nn.Sequential(SpaceToDepth(), nn.Conv2d(4 * cin, cout, 1))
            self.downs.append(nn.ModuleList([
                UnetBlock(cin, cin, time_dim), UnetBlock(cin, cin, time_dim), attention(level)(cin), down]))
        middle = dims[-1]
        self.mid_block1 = UnetBlock(middle, middle, time_dim)
        self.mid_attn = FullAttention(middle)
        self.mid_block2 = UnetBlock(middle, middle, time_dim)
        self.ups = nn.ModuleList()
        for level in reversed(range(len(pairs))):
            cin, cout = pairs[level]
            up = nn.Conv2d(cout, cin, 3, padding=1) if level == 0 else \
                nn.Sequential(nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(cout, cin, 3, padding=1))
            self.ups.append(nn.ModuleList([
                UnetBlock(cout + cin, cout, time_dim), UnetBlock(cout + cin, cout, time_dim),
                attention(level)(cout), up]))
        self.final_res_block = UnetBlock(2 * dim, dim, time_dim)
        self.final_conv = nn.Conv2d(dim, channels, 1)

    def forward(self, x, t):
        x = self.init_conv(x)
        first = x
        time = self.time_mlp(t)
        skips = []
        for block1, block2, attention, down in self.downs:
            x = block1(x, time)
            skips.append(x)
            x = block2(x, time)
            x = attention(x) + x
            skips.append(x)
            x = down(x)
        x = self.mid_block1(x, time)
        x = self.mid_attn(x) + x
        x = self.mid_block2(x, time)
        for block1, block2, attention, up in self.ups:
            x = block1(torch.cat([x, skips.pop()], dim=1), time)
            x = block2(torch.cat([x, skips.pop()], dim=1), time)
            x = attention(x) + x
            x = up(x)
        x = self.final_res_block(torch.cat([x, first], dim=1), time)
        return self.final_conv(x)


# ---------------------------------------------------------------- losses


def spectral_matrix(n, s, one_sided=True, dtype=torch.float64):
    """The symmetric circulant C of length n for which mean(r * (C r)) is the mean of (1 + xi^2)^s |r_hat|^2 along an axis."""
    k = torch.arange(n, dtype=torch.float64)
    frequency = k if one_sided else torch.minimum(k, n - k)
    weight = (1 + (2 * math.pi * frequency / n) ** 2) ** s
    shift = torch.arange(n)
    # Reduced modulo n before it is turned to an angle, which keeps the cosine's argument small.
    turns = ((shift[:, None] * shift[None, :]) % n).double()
    column = (torch.cos(2 * math.pi * turns / n) * weight).sum(1) / n
    return column[(shift[:, None] - shift[None, :]) % n].to(dtype)


def spectral_image_loss(residual, s=None, matrices=None):
    """H^s on [N, C, H, W]: the sum over the two last axes of the mean over all entries; s = 0 is twice the mse."""
    if matrices is None:
        h, w = residual.shape[-2:]
        matrices = (spectral_matrix(h, s, dtype=residual.dtype), spectral_matrix(w, s, dtype=residual.dtype))
    rows, columns = matrices
    return (residual * (rows @ residual + residual @ columns)).mean()


def spectral_image_loss_dft(residual, s):
    """The same by the discrete Fourier transform."""
    total = 0.0
    for axis in (-2, -1):
        n = residual.shape[axis]
        transform = torch.fft.fft(residual, dim=axis, norm="ortho")
        weight = (1 + (2 * math.pi * torch.arange(n, dtype=residual.dtype) / n) ** 2) ** s
        shape = [1, 1, 1, 1]
        shape[axis] = n
        total = total + (weight.view(shape) * (transform.real ** 2 + transform.imag ** 2)).mean()
    return total


def derivative_loss(network, x, targets, create_graph=True):
    """Mean square of the residual of u, and of each order of derivative that `targets` holds after u itself.

    x [N, d]; targets: u [N, 1], then [N, d] for first derivatives, then (d = 1 only) [N, 1] for each further order.
    """
    if len(targets) == 1:
        return F.mse_loss(network(x), targets[0])
    x = x.detach().requires_grad_()
    u = network(x)
    loss = F.mse_loss(u, targets[0])
    for target in targets[1:]:
        (u,) = torch.autograd.grad(u.sum() if u.shape[1] == 1 else u, x, create_graph=create_graph)
        loss = loss + (u - target).square().sum(1).mean()
    return loss


# ---------------------------------------------------------------- targets


def chirp(x):
    """x + sin(2 pi x^4) with its first and second derivatives."""
    c = 2 * math.pi
    phase = c * x ** 4
    u = x + torch.sin(phase)
    u1 = 1 + 4 * c * x ** 3 * torch.cos(phase)
    u2 = 12 * c * x ** 2 * torch.cos(phase) - (4 * c * x ** 3) ** 2 * torch.sin(phase)
    return u, u1, u2


def waves2d(xy):
    """sin(10 (x + y)) + (x - y)^2 - 1.5 x + 2.5 y + 1 on [N, 2], with its gradient."""
    x, y = xy[:, :1], xy[:, 1:]
    u = torch.sin(10 * (x + y)) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1
    wave = 10 * torch.cos(10 * (x + y))
    return u, torch.cat([wave + 2 * (x - y) - 1.5, wave - 2 * (x - y) + 2.5], dim=1)
