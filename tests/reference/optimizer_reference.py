"""optimizers.json: optimiser steps, gradient clipping, bounds of initialisers, learning-rate schedules, f64."""

import math

import torch
from torch import nn
from torch.optim import lr_scheduler

STEPS = 10
START = {"a": [[0.5, -1.25, 2.0], [1.0, 0.0, -0.75]], "b": [0.1, -0.2, 0.3, 1.5]}
CURVATURE = {"a": [[1.0, 2.0, 0.5], [3.0, 0.1, 1.5]], "b": [0.7, 1.1, 4.0, 0.3]}

RUNS = {
    "adam": ("Adam", {"lr": 0.01}),
    "adam_betas_eps": ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3}),
    "adam_weight_decay": ("Adam", {"lr": 0.02, "weight_decay": 0.1}),
    "adam_amsgrad": ("Adam", {"lr": 0.02, "amsgrad": True}),
    "adamw": ("AdamW", {"lr": 0.02}),
    "adamw_weight_decay": ("AdamW", {"lr": 0.05, "betas": (0.85, 0.99), "eps": 1e-6, "weight_decay": 0.2}),
    "sgd": ("SGD", {"lr": 0.05}),
    "sgd_weight_decay": ("SGD", {"lr": 0.05, "weight_decay": 0.1}),
    "sgd_momentum": ("SGD", {"lr": 0.02, "momentum": 0.9}),
    "sgd_dampening": ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3}),
    "sgd_nesterov": ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
}


def f64(values):
    return torch.tensor(values, dtype=torch.float64)


def loss_of(parameters):
    return sum((f64(CURVATURE[name]) * p.square() / 2 + 0.1 * torch.sin(3 * p)).sum() for name, p in parameters.items())


def flat(parameters):
    return [value for p in parameters.values() for value in p.detach().flatten().tolist()]


def optimizer_runs():
    runs = {}
    for run, (kind, options) in RUNS.items():
        parameters = {name: nn.Parameter(f64(values)) for name, values in START.items()}
        optimizer = getattr(torch.optim, kind)(parameters.values(), **options)
        losses, trajectory = [], []
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = loss_of(parameters)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            trajectory.append(flat(parameters))
        runs[run] = {"optimizer": kind, "options": options, "losses": losses, "trajectory": trajectory}
    return {"loss": "sum over all entries of curvature * w^2 / 2 + 0.1 sin(3 w)", "start": START,
            "curvature": CURVATURE, "trajectory": "a then b, row-major, after each step", "runs": runs}


def clipping():
    rows = []
    for kind, limit in (("norm2", 1.0), ("norm2", 100.0), ("norm_inf", 0.5), ("value", 0.4)):
        parameters = {name: nn.Parameter(f64(values)) for name, values in START.items()}
        loss_of(parameters).backward()
        gradients = {name: p.grad.clone() for name, p in parameters.items()}
        total = None
        if kind == "value":
            nn.utils.clip_grad_value_(parameters.values(), limit)
        else:
            norm = 2 if kind == "norm2" else math.inf
            total = nn.utils.clip_grad_norm_(parameters.values(), limit, norm_type=norm).item()
        rows.append({"kind": kind, "limit": limit, "total_norm": total, "before": flat(gradients),
                     "after": flat({name: p.grad for name, p in parameters.items()})})
    return rows


def initialisers():
    shapes = {"linear": [64, 32], "linear_thin": [64, 1], "conv": [32, 16, 3, 3], "conv_grouped": [8, 2, 5, 3],
              "conv_transpose": [16, 32, 3, 3]}
    rows = []
    for name, shape in shapes.items():
        weight = torch.empty(shape, dtype=torch.float64)
        fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(weight)
        kaiming = lambda gain, fan: gain * math.sqrt(3 / fan)
        row = {"name": name, "shape": shape, "fan_in": fan_in, "fan_out": fan_out,
               "default_weight_bound": kaiming(nn.init.calculate_gain("leaky_relu", math.sqrt(5)), fan_in),
               "default_bias_bound": 1 / math.sqrt(fan_in),
               "kaiming_uniform_relu_fan_in_bound": kaiming(math.sqrt(2), fan_in),
               "kaiming_uniform_relu_fan_out_bound": kaiming(math.sqrt(2), fan_out),
               "kaiming_normal_relu_fan_in_std": math.sqrt(2 / fan_in),
               "kaiming_normal_relu_fan_out_std": math.sqrt(2 / fan_out),
               "xavier_uniform_bound": math.sqrt(6 / (fan_in + fan_out)),
               "xavier_normal_std": math.sqrt(2 / (fan_in + fan_out))}
        # PyTorch's own samples have to keep to these.
        torch.manual_seed(0)
        for bound, fill in (("default_weight_bound", lambda t: nn.init.kaiming_uniform_(t, a=math.sqrt(5))),
                            ("kaiming_uniform_relu_fan_in_bound", lambda t: nn.init.kaiming_uniform_(t, nonlinearity="relu")),
                            ("kaiming_uniform_relu_fan_out_bound",
                             lambda t: nn.init.kaiming_uniform_(t, mode="fan_out", nonlinearity="relu")),
                            ("xavier_uniform_bound", nn.init.xavier_uniform_)):
            largest = fill(weight).abs().max().item()
            assert 0.9 * row[bound] < largest <= row[bound], (name, bound)
        rows.append(row)
    gains = {"tanh": nn.init.calculate_gain("tanh"), "relu": nn.init.calculate_gain("relu"),
             "leaky_relu_0.01": nn.init.calculate_gain("leaky_relu", 0.01), "linear": 1.0}
    return {"shapes": rows, "gains": gains}


def schedules():
    lr, steps = 0.1, 30
    makers = {
        "step": ({"step_size": 7, "gamma": 0.5}, lr_scheduler.StepLR),
        "multi_step": ({"milestones": [3, 8, 8, 20], "gamma": 0.3}, lr_scheduler.MultiStepLR),
        "exponential": ({"gamma": 0.9}, lr_scheduler.ExponentialLR),
        "cosine_annealing": ({"T_max": 25, "eta_min": 0.001}, lr_scheduler.CosineAnnealingLR),
        "one_cycle_cos": ({"max_lr": 0.5, "total_steps": 31, "pct_start": 0.3, "anneal_strategy": "cos",
                           "div_factor": 25.0, "final_div_factor": 1e4}, lr_scheduler.OneCycleLR),
        "linear_warm_up": ({"start_factor": 0.1, "end_factor": 1.0, "total_iters": 8}, lr_scheduler.LinearLR),
    }
    result = {}
    for name, (options, maker) in makers.items():
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
        scheduler = maker(optimizer, **options)
        rates = []
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        result[name] = {"lr": lr, "options": options, "rates": rates}
    return result


def make():
    return {"optimizers": optimizer_runs(), "clipping": clipping(), "initialisers": initialisers(),
            "schedules": schedules()}
