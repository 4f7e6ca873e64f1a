"""conv.safetensors: conv2d and conv_transpose2d with first and second derivatives over many settings, f64."""

import torch
import torch.nn.functional as F

# batch, channels in and out, height, width, kernel, stride, padding, dilation, groups
CONV = [
    (2, 3, 4, 7, 6, (3, 3), (1, 1), (0, 0), (1, 1), 1),
    (2, 3, 4, 7, 6, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    (2, 2, 3, 8, 7, (3, 3), (2, 2), (1, 1), (1, 1), 1),
    (1, 2, 3, 9, 8, (3, 2), (2, 3), (1, 0), (1, 1), 1),
    (2, 3, 2, 5, 6, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (2, 3, 2, 6, 5, (1, 1), (2, 2), (0, 0), (1, 1), 1),
    (1, 2, 2, 9, 9, (3, 3), (1, 1), (2, 2), (2, 2), 1),
    (1, 2, 2, 10, 9, (3, 2), (2, 1), (3, 1), (2, 3), 1),
    (2, 4, 6, 6, 7, (3, 3), (1, 1), (1, 1), (1, 1), 2),
    (2, 4, 4, 7, 6, (3, 3), (2, 2), (1, 1), (1, 1), 4),
    (1, 4, 8, 8, 8, (2, 3), (2, 1), (0, 2), (1, 2), 4),
    (1, 2, 3, 5, 4, (5, 4), (1, 1), (0, 0), (1, 1), 1),
    (1, 2, 2, 4, 5, (5, 5), (1, 2), (3, 2), (1, 1), 1),
    (1, 1, 2, 12, 11, (7, 7), (2, 2), (3, 3), (1, 1), 1),
    (3, 1, 1, 4, 9, (1, 4), (3, 3), (0, 3), (1, 1), 1),
    (1, 6, 3, 6, 6, (3, 3), (3, 3), (0, 0), (1, 1), 3),
]
# the same with an output padding after the padding
TRANSPOSED = [
    (2, 3, 4, 4, 5, (3, 3), (1, 1), (0, 0), (0, 0), (1, 1), 1),
    (2, 3, 4, 4, 5, (3, 3), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (2, 3, 2, 4, 3, (3, 3), (2, 2), (1, 1), (1, 1), (1, 1), 1),
    (1, 3, 2, 4, 3, (3, 3), (2, 2), (1, 1), (0, 0), (1, 1), 1),
    (1, 2, 3, 3, 4, (3, 2), (2, 3), (1, 0), (1, 2), (1, 1), 1),
    (2, 3, 2, 4, 4, (1, 1), (2, 2), (0, 0), (1, 1), (1, 1), 1),
    (1, 2, 2, 4, 3, (3, 3), (1, 1), (2, 1), (0, 0), (2, 2), 1),
    (1, 2, 2, 3, 4, (2, 3), (3, 2), (1, 2), (2, 1), (2, 3), 1),
    (2, 4, 6, 4, 3, (3, 3), (2, 2), (1, 1), (1, 1), (1, 1), 2),
    (1, 4, 4, 4, 5, (3, 3), (1, 2), (1, 1), (0, 1), (1, 1), 4),
    (1, 4, 8, 3, 3, (2, 3), (2, 1), (0, 1), (0, 0), (1, 2), 4),
    (1, 2, 3, 4, 3, (7, 7), (2, 2), (3, 3), (1, 1), (1, 1), 1),
    (1, 1, 2, 5, 5, (4, 4), (2, 2), (1, 1), (0, 0), (1, 1), 1),
    (2, 2, 1, 3, 3, (2, 2), (2, 2), (0, 0), (0, 0), (1, 1), 1),
    (1, 2, 2, 3, 2, (2, 2), (4, 3), (0, 0), (3, 2), (1, 1), 1),
    (1, 6, 3, 4, 4, (3, 3), (3, 3), (2, 2), (2, 0), (1, 1), 3),
]


def make():
    torch.manual_seed(1)
    tensors, names = {}, []
    cases = [(False, *c[:8], (0, 0), *c[8:]) for c in CONV] + [(True, *c) for c in TRANSPOSED]
    counts = {False: 0, True: 0}
    for transposed, n, cin, cout, h, w, kernel, stride, padding, output_padding, dilation, groups in cases:
        name = f"{'conv_transpose' if transposed else 'conv'}{counts[transposed]}"
        counts[transposed] += 1
        shape = (cin, cout // groups, *kernel) if transposed else (cout, cin // groups, *kernel)
        x = torch.randn(n, cin, h, w, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        if transposed:
            y = F.conv_transpose2d(x, weight, None, stride, padding, output_padding, groups, dilation)
        else:
            y = F.conv2d(x, weight, None, stride, padding, dilation, groups)
        v = torch.randn(y.shape, dtype=torch.float64, requires_grad=True)
        dx, dw = torch.autograd.grad(y, (x, weight), v, create_graph=True)
        s = dx.square().sum() + dw.square().sum()
        second = torch.autograd.grad(s, (x, weight, v))
        settings = [*stride, *padding, *output_padding, *dilation, groups]
        tensors.update({f"{name}.settings": torch.tensor(settings), f"{name}.x": x, f"{name}.weight": weight,
                        f"{name}.v": v, f"{name}.y": y, f"{name}.dx": dx, f"{name}.dweight": dw,
                        f"{name}.second_x": second[0], f"{name}.second_weight": second[1], f"{name}.second_v": second[2]})
        names.append(name)
    return tensors, {"cases": names, "settings": "stride h w, padding h w, output padding h w, dilation h w, groups"}
