"""layers.safetensors: layers of torch.nn with first and second derivatives, f64."""

import torch
import torch.nn.functional as F
from torch import nn

from formula import fill, rounded, uniform


class Bilinear(nn.Module):
    def forward(self, x):
        return F.interpolate(x, size=(5, 3), mode="bilinear", align_corners=False)


class Sampled(nn.Module):
    """Samples x at a fixed grid that leaves the picture."""

    def __init__(self, mode, padding, align):
        super().__init__()
        self.options = dict(mode=mode, padding_mode=padding, align_corners=align)

    def forward(self, x):
        grid = rounded(1.6 * uniform("grid", (x.shape[0], 3, 2, 2)))
        return F.grid_sample(x, grid, **self.options)


class SelfAttention(nn.Module):
    """A MultiheadAttention of x with itself."""

    def __init__(self, causal=False, padding=False, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, **options)
        self.causal, self.padding = causal, padding

    def forward(self, x):
        length, batch = x.shape[0], x.shape[1]
        masks = {}
        if self.causal:
            masks["attn_mask"] = torch.ones(length, length, dtype=torch.bool).triu(1)
        if self.padding:
            mask = torch.zeros(batch, length, dtype=torch.bool)
            mask[1, length - 1] = True
            masks["key_padding_mask"] = mask
        return self.attention(x, x, x, need_weights=False, **masks)[0]

    def named_parameters(self, *arguments):
        return self.attention.named_parameters(*arguments)


class Embedded(nn.Module):
    """x [2, 3] times the embedding of fixed indices."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 3, padding_idx=1)

    def forward(self, x):
        return self.embedding(torch.tensor([[0, 1], [4, 0]])) * x.unsqueeze(0).unsqueeze(-1)[..., 0]

    def named_parameters(self, *arguments):
        return self.embedding.named_parameters(*arguments)


class NormedConv1d(nn.Module):
    """weight_norm(Conv1d), spelled out: the second derivatives by weight_v of PyTorch 1.13's own are wrong, as differences show."""

    def __init__(self):
        super().__init__()
        layer = nn.utils.weight_norm(nn.Conv1d(2, 3, 2))
        self.bias, self.weight_g, self.weight_v = layer.bias, layer.weight_g, layer.weight_v

    def forward(self, x):
        norm = self.weight_v.flatten(1).norm(dim=1).reshape(self.weight_g.shape)
        return F.conv1d(x, self.weight_v * (self.weight_g / norm), self.bias)


# name -> (layer, shape of the input)
LAYERS = {
    "conv1d": (nn.Conv1d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2), (2, 2, 7)),
    "conv3d": (nn.Conv3d(2, 4, (2, 3, 2), stride=(1, 2, 1), padding=(1, 1, 0), dilation=(2, 1, 1), groups=2),
               (2, 2, 3, 4, 3)),
    "conv_transpose1d": (nn.ConvTranspose1d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 2, 4)),
    "conv_transpose3d": (nn.ConvTranspose3d(2, 4, (2, 3, 2), stride=(2, 1, 2), padding=(1, 1, 0),
                                            output_padding=(1, 0, 1), groups=2), (2, 2, 2, 3, 2)),
    "batch_norm1d": (nn.BatchNorm1d(3), (4, 3)),
    "batch_norm1d_line": (nn.BatchNorm1d(3), (2, 3, 4)),
    "batch_norm3d": (nn.BatchNorm3d(2), (2, 2, 2, 1, 3)),
    "instance_norm1d": (nn.InstanceNorm1d(3), (2, 3, 4)),
    "instance_norm2d": (nn.InstanceNorm2d(3, affine=True), (2, 3, 2, 3)),
    "prelu": (nn.PReLU(), (2, 3)),
    "prelu_channels": (nn.PReLU(3), (2, 3, 2)),
    "celu": (nn.CELU(1.5), (7,)),
    "selu": (nn.SELU(), (7,)),
    "mish": (nn.Mish(), (7,)),
    "softsign": (nn.Softsign(), (7,)),
    "hardsigmoid": (nn.Hardsigmoid(), (7,)),
    "hardswish": (nn.Hardswish(), (7,)),
    "softmax": (nn.Softmax(1), (2, 4)),
    "log_softmax": (nn.LogSoftmax(1), (2, 4)),
    "weight_norm": (NormedConv1d(), (2, 2, 4)),
    "spectral_norm": (nn.utils.spectral_norm(nn.Linear(4, 3)), (2, 4)),
    "spectral_norm_transposed": (nn.utils.spectral_norm(nn.ConvTranspose2d(2, 3, 2)), (1, 2, 2, 2)),
    "attention": (SelfAttention(), (3, 2, 4)),
    "attention_masked": (SelfAttention(causal=True, padding=True), (3, 2, 4)),
    "embedding": (Embedded(), (2, 3)),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d((3, 2)), (1, 2, 5, 5)),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d((3, 2)), (1, 2, 5, 5)),
    "max_pool1d": (nn.MaxPool1d(3, 2, 1, dilation=2, ceil_mode=True), (1, 2, 8)),
    "max_pool2d": (nn.MaxPool2d((3, 2), (2, 2), (1, 0), ceil_mode=True), (1, 2, 6, 5)),
    "max_pool3d": (nn.MaxPool3d(2, (1, 2, 1), (1, 0, 1), ceil_mode=True), (1, 2, 3, 3, 2)),
    "avg_pool1d": (nn.AvgPool1d(3, 2, 1, ceil_mode=True), (1, 2, 7)),
    "avg_pool2d": (nn.AvgPool2d((3, 2), (2, 2), (1, 0), ceil_mode=True, count_include_pad=True), (1, 2, 6, 5)),
    "avg_pool2d_inside": (nn.AvgPool2d((3, 2), (2, 2), (1, 1), ceil_mode=True, count_include_pad=False), (1, 2, 6, 5)),
    "avg_pool3d": (nn.AvgPool3d(2, 1, 1, count_include_pad=False), (1, 2, 2, 3, 2)),
    "upsample_nearest": (nn.Upsample(size=(5, 7)), (1, 2, 3, 3)),
    "upsample_factors": (nn.Upsample(scale_factor=(1.7, 0.6), mode="bilinear"), (1, 2, 3, 5)),
    "upsample_linear": (nn.Upsample(size=7, mode="linear", align_corners=True), (1, 2, 3)),
    "upsample_bilinear": (Bilinear(), (1, 2, 3, 4)),
    "upsample_trilinear": (nn.Upsample(size=(2, 5, 3), mode="trilinear"), (1, 1, 3, 2, 2)),
    "upsample_bicubic": (nn.Upsample(size=(7, 3), mode="bicubic"), (1, 2, 4, 5)),
    "upsample_bicubic_corners": (nn.Upsample(scale_factor=2, mode="bicubic", align_corners=True), (1, 2, 3, 4)),
    "pixel_shuffle": (nn.PixelShuffle(2), (1, 8, 2, 3)),
    "pixel_unshuffle": (nn.PixelUnshuffle(2), (1, 2, 4, 2)),
    "grid_sample_zeros": (Sampled("bilinear", "zeros", False), (2, 2, 4, 3)),
    "grid_sample_border": (Sampled("bilinear", "border", True), (2, 2, 4, 3)),
    "grid_sample_reflection": (Sampled("bilinear", "reflection", False), (2, 2, 4, 3)),
    "grid_sample_corners": (Sampled("bilinear", "reflection", True), (2, 2, 4, 3)),
    "grid_sample_nearest": (Sampled("nearest", "border", False), (2, 2, 4, 3)),
}


def make():
    tensors, without_second = {}, []
    for name, (layer, shape) in LAYERS.items():
        fill(layer.double(), name + ".")
        with torch.no_grad():
            for key, buffer in layer.named_buffers():
                if key in ("weight_u", "weight_v"):  # both normalised, as the layer would have them
                    start = rounded(uniform(name + "." + key, tuple(buffer.shape)))
                    buffer.copy_(start / start.norm())
        x = rounded(uniform(name + ".x", shape)).requires_grad_()
        y = layer(x)
        v = rounded(uniform(name + ".v", tuple(y.shape)))
        parameters = dict(layer.named_parameters())
        inputs = [x, *parameters.values()]
        first = torch.autograd.grad(y.square().mul(v).sum(), inputs, create_graph=True)
        try:
            second = torch.autograd.grad(sum(d.square().sum() for d in first), inputs, allow_unused=True)
        except RuntimeError as error:  # PyTorch has no second derivative of some
            if "not implemented" not in str(error):
                raise
            second, without_second = None, without_second + [name]
        tensors[f"{name}.y"] = y
        for key, input, d, dd in zip(["x", *parameters], inputs, first, second or first):
            tensors[f"{name}.d.{key}"] = d
            if second is not None:
                tensors[f"{name}.second.{key}"] = torch.zeros_like(input) if dd is None else dd
    return tensors, {"layers": list(LAYERS), "without_second": without_second}
