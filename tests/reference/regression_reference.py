"""regression.safetensors: training steps of the function networks on `chirp` from given weights, Adam and L-BFGS."""

import torch

import networks

NETWORKS = {"mlp": lambda: networks.Mlp([1, 64, 64, 64, 1]), "fourier": networks.FourierNet, "siren": networks.Siren}
LR, ADAM_STEPS, LBFGS_STEPS, POINTS = 1e-4, 50, 20, 1000


def prepare(kind, state, dtype, orders):
    """The network, the points and the targets u, u', ... up to `orders`."""
    network = NETWORKS[kind]()
    network.load_state_dict(state)
    network.to(dtype)
    x = torch.linspace(-1, 1, POINTS, dtype=torch.float64)[:, None]
    targets = [t.to(dtype) for t in networks.chirp(x)[:orders + 1]]
    return network, x.to(dtype), targets


def adam(kind, state, dtype, orders):
    network, x, targets = prepare(kind, state, dtype, orders)
    optimizer = torch.optim.Adam(network.parameters(), lr=LR)
    losses = []
    for _ in range(ADAM_STEPS):
        optimizer.zero_grad()
        loss = networks.derivative_loss(network, x, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def lbfgs(state, calls, **options):
    """SIREN under h1 in f64. The losses of all closure evaluations; for each call the loss that it returned (its first
    evaluation), the iterations and the evaluations so far."""
    network, x, targets = prepare("siren", state, torch.float64, 1)
    optimizer = torch.optim.LBFGS(network.parameters(), lr=1, history_size=10, line_search_fn="strong_wolfe", **options)
    evaluated = []

    def closure():
        optimizer.zero_grad()
        loss = networks.derivative_loss(network, x, targets)
        loss.backward()
        evaluated.append(loss.item())
        return loss
    returned, iterations, evaluations = [], [], []
    for _ in range(calls):
        returned.append(optimizer.step(closure).item())
        state_of_run = optimizer.state[optimizer._params[0]]
        iterations.append(state_of_run["n_iter"])
        evaluations.append(state_of_run["func_evals"])
    final = networks.derivative_loss(network, x, targets).item()
    return {"evaluated": torch.tensor(evaluated, dtype=torch.float64),
            "returned": torch.tensor(returned, dtype=torch.float64), "iterations": torch.tensor(iterations),
            "evaluations": torch.tensor(evaluations), "final": torch.tensor([final], dtype=torch.float64)}


def make():
    tensors = {}
    x = torch.linspace(-1, 1, POINTS, dtype=torch.float64)
    u, u1, u2 = networks.chirp(x)
    tensors.update({"x": x, "u": u, "u_x": u1, "u_xx": u2})
    for seed, kind in enumerate(NETWORKS):
        torch.manual_seed(seed)
        state = {name: tensor.clone() for name, tensor in NETWORKS[kind]().state_dict().items()}
        tensors.update({f"{kind}.{name}": tensor for name, tensor in state.items()})
        for orders, loss in enumerate(("l2", "h1", "h2")):
            for name, dtype in (("f32", torch.float32), ("f64", torch.float64)):
                tensors[f"losses.{kind}.{loss}.{name}"] = adam(kind, state, dtype, orders)
        if kind == "siren":
            runs = {"lbfgs": (LBFGS_STEPS, {"max_iter": 1, "max_eval": 1000}),
                    "lbfgs_one_call": (1, {"max_iter": LBFGS_STEPS, "max_eval": 1000}),
                    "lbfgs_defaults": (3, {})}
            for run, (calls, options) in runs.items():
                tensors.update({f"{run}.{key}": value for key, value in lbfgs(state, calls, **options).items()})
    return tensors, {"lr": LR, "adam_steps": ADAM_STEPS, "points": POINTS,
                     "lbfgs": "siren, h1, f64, lr 1, history 10, strong Wolfe; `lbfgs`: 20 calls of max_iter 1; "
                              "`lbfgs_one_call`: 1 call of max_iter 20; `lbfgs_defaults`: 3 calls of max_iter 20, max_eval 25"}
