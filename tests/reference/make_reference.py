#!/usr/bin/python3
"""Makes the reference files beside it with PyTorch: `make_reference.py [NAME...]`, by default all of them."""

import importlib
import json
import os
import sys
import time

import torch

import tensor_file

HERE = os.path.dirname(os.path.abspath(__file__))
# file -> the module whose make() gives its content: (tensors, metadata), or a value for JSON
FILES = {
    "conv.safetensors": "conv_reference",
    "denoiser.safetensors": "denoiser_reference",
    "layers.safetensors": "layers_reference",
    "optimizers.json": "optimizer_reference",
    "regression.safetensors": "regression_reference",
    "resnet.safetensors": "resnet_reference",
    "unet.safetensors": "unet_reference",
}


def main():
    wanted = sys.argv[1:] or [os.path.splitext(file)[0] for file in FILES]
    by_name = {os.path.splitext(file)[0]: file for file in FILES}
    for name in wanted:
        if name not in by_name:
            sys.exit(f"make_reference.py: no file named {name}; there are {', '.join(by_name)}")
    # Sums in one thread, so that a file remade on another machine with as wide vectors is the same.
    torch.set_num_threads(1)
    for name in wanted:
        start = time.perf_counter()
        content = importlib.import_module(FILES[by_name[name]]).make()
        path = os.path.join(HERE, by_name[name])
        if path.endswith(".json"):
            with open(path, "w") as file:
                json.dump(content, file, indent=1)
                file.write("\n")
        else:
            tensor_file.save(path, *content)
        print(f"{by_name[name]}: {os.path.getsize(path) / 1024:.0f} KB, {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
