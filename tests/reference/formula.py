"""Numbers made by a formula from a name and an index: weights and pictures that no file has to hold.

u(name, i) for i = 0, 1, 2, ... is uniform in [-1, 1), in 64-bit unsigned arithmetic modulo 2^64:
    h = FNV-1a of the name's bytes:  h = 0xcbf29ce484222325; for each byte b: h = (h ^ b) * 0x100000001b3
    z = h + (i + 1) * 0x9e3779b97f4a7c15
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb
    z = z ^ (z >> 31)
    u = (z >> 11) * 2^-52 - 1, which f64 holds exactly
For example u("a", 0) = -0.25653807312918175 and u("encoder.0.weight", 2) = 0.6316772477647337.
A tensor takes i = 0, 1, ... in row-major order. All values are rounded to f32 and the f64 runs use the rounded ones.
"""

import math

import numpy
import torch


def uniform(name, shape):
    """f64 tensor of u(name, i), not yet rounded to f32."""
    hashed = 0xCBF29CE484222325
    for byte in name.encode():
        hashed = ((hashed ^ byte) * 0x100000001B3) % 2 ** 64
    count = math.prod(shape)
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(hashed) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    values = (z >> numpy.uint64(11)).astype(numpy.float64) * 2.0 ** -52 - 1
    return torch.from_numpy(values).reshape(shape)


def rounded(tensor):
    """f64 values that f32 holds."""
    return tensor.float().double()


def parameter(name, shape, salt=""):
    """The value of a parameter, f64 rounded to f32, by its name and shape, from u(salt + name, i)."""
    u = uniform(salt + name, shape)
    if name.endswith("mem_kv"):
        return rounded(u)
    if name.endswith(".g") or name == "g" or (len(shape) == 1 and name.endswith("weight")):
        return rounded(1 + 0.1 * u)  # scales of a normalisation
    if len(shape) == 1:
        return rounded(0.1 * u)  # biases
    return rounded(u / math.sqrt(math.prod(shape[1:])))


def fill(network, salt=""):
    """Gives every parameter its formula's value; buffers stay as they are."""
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            tensor.copy_(parameter(name, tuple(tensor.shape), salt))
    return network


def unit_noise(name, shape):
    """Uniform with mean 0 and variance 1: sqrt(3) u."""
    return rounded(math.sqrt(3) * uniform(name, shape))


def pictures(count, channels, side):
    """[count, channels, side, side] in [0.1, 0.9]: a wave and some noise.

    0.5 + 0.25 sin(2 pi (fx j + fy i) / side + 0.7 n + 2.1 c) + 0.15 u("pictures"), with fx = 1 + n mod 5,
    fy = 1 + (3 n + c) mod 7, for picture n, channel c, row i, column j.
    """
    n, c, i, j = torch.meshgrid(*[torch.arange(k, dtype=torch.float64) for k in (count, channels, side, side)],
                                indexing="ij")
    fx, fy = 1 + n % 5, 1 + (3 * n + c) % 7
    wave = torch.sin(2 * math.pi * (fx * j + fy * i) / side + 0.7 * n + 2.1 * c)
    return rounded(0.5 + 0.25 * wave + 0.15 * uniform("pictures", (count, channels, side, side)))
