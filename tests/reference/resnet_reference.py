"""resnet.safetensors: training steps of the residual autoencoders from formula-made weights, and batch norm's second derivatives."""

import torch
import torch.nn.functional as F

import formula
import networks

SALT = "a/"
STEPS, BATCH, SIDE, LR, WEIGHT_DECAY = 20, 8, 64, 1e-3, 1e-5
BUFFERS = {True: ["encoder.bn1", "encoder.layer2.0.downsample.1", "encoder.layer3.1.bn2", "decoder.layer2.1.upsample.1",
                  "decoder.layer1.1.bn1", "decoder.bn1"],
           False: ["encoder.bn1", "encoder.layer2.0.downsample.1", "encoder.layer4.1.bn2", "decoder.layer4.1.upsample.1",
                   "decoder.layer1.1.bn1", "decoder.bn1"]}


def train(light, s, salt):
    """The loss of each step in f64, and the network after the last one."""
    network = formula.fill(networks.ResnetAutoencoder(light), salt).double()
    pictures = formula.pictures(2 * BATCH, 3, SIDE).double()
    optimizer = torch.optim.Adam(network.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    losses = []
    for step in range(STEPS):
        batch = pictures[BATCH * (step % 2):BATCH * (step % 2) + BATCH]
        output = network(batch)
        loss = F.mse_loss(output, batch) if s is None else networks.spectral_image_loss(output - batch, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64), network


def batch_norm_second_derivatives(training):
    """s = the sum of squares of all first derivatives of <y, v>; s by x, weight, bias and v."""
    torch.manual_seed(3)
    shape = (3, 2, 4, 3)
    x, v = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(2))
    weight, bias = (torch.randn(2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    running_mean, running_var = torch.tensor([0.3, -0.2]).double(), torch.tensor([0.8, 1.7]).double()
    results = []
    for composed in (False, True):
        if composed:
            over = (0, 2, 3)
            mean = x.mean(over) if training else running_mean
            var = x.var(over, unbiased=False) if training else running_var
            column = lambda t: t.view(1, 2, 1, 1)
            y = (x - column(mean)) / torch.sqrt(column(var) + 1e-5) * column(weight) + column(bias)
        else:
            y = F.batch_norm(x, running_mean.clone(), running_var.clone(), weight, bias, training, 0.1, 1e-5)
        first = torch.autograd.grad(y, (x, weight, bias), v, create_graph=True)
        s = sum(g.square().sum() for g in first)
        second = torch.autograd.grad(s, (x, weight, v))
        results.append([y, *first, *second])
    for fused, composed in zip(*results):
        assert torch.allclose(fused, composed, rtol=1e-9, atol=1e-9)
    names = ["y", "dx", "dweight", "dbias", "second_x", "second_weight", "second_v"]
    tensors = {"x": x, "weight": weight, "bias": bias, "v": v, "running_mean": running_mean, "running_var": running_var}
    return {**tensors, **dict(zip(names, results[1]))}


def make():
    tensors = {}
    for light in (True, False):
        net = "light" if light else "resnet18"
        for loss, s in (("l2", None), ("hs1", 1)):
            losses, network = train(light, s, SALT)
            tensors[f"losses.{net}.{loss}"] = losses
            state = network.state_dict()
            for layer in BUFFERS[light]:
                for buffer in ("running_mean", "running_var"):
                    tensors[f"buffers.{net}.{loss}.{layer}.{buffer}"] = state[f"{layer}.{buffer}"]
    for training in (True, False):
        mode = "train" if training else "eval"
        values = batch_norm_second_derivatives(training)
        tensors.update({f"batch_norm.{mode}.{key}": value for key, value in values.items()})
    return tensors, {"steps": STEPS, "batch": BATCH, "side": SIDE, "lr": LR, "weight_decay": WEIGHT_DECAY,
                     "salt": SALT}
