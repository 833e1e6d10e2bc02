#!/usr/bin/env python3
"""Measures the layers of a CSV of measurements (docs/accuracy.md) on one NVIDIA GPU, FP16, TF32, FP32, INT8.

    measure.py ROWS.csv OUT.csv

A layer is captured into a CUDA graph 50 times in a row (inputs and weights stay in L2 where they fit) and
the graph replayed 21 times: the value is the median of a 50th. Convolutions are channels-last, with bias and
activation in one kernel, cuDNN choosing by measurement; what PyTorch fuses is compiled by Inductor.
"""
import csv
import statistics
import sys

import torch
import torch.nn.functional as F

torch.backends.cudnn.benchmark = True
INNER, REPLAYS = 50, 21
DTYPES = {"fp16": torch.float16, "tf32": torch.float32, "fp32": torch.float32, "int8": torch.int8}


def fields(words):
    return dict(w.split("=", 1) for w in words)


def numbers(text):
    return [int(x) for x in str(text).split(",")]


def tensor(shape, dtype):
    if dtype == torch.int8:
        return torch.randint(-100, 100, shape, dtype=dtype, device="cuda")
    return torch.randn(shape, dtype=dtype, device="cuda")


def conv(f, batch, dtype):
    x = tensor((batch, int(f["c"]), int(f["h"]), int(f["w"])), dtype).to(memory_format=torch.channels_last)
    groups = int(f.get("groups", 1))
    k = int(f["k"])
    weight = tensor((k, int(f["c"]) // groups, int(f["r"]), int(f["s"])), dtype)
    weight = weight.to(memory_format=torch.channels_last)
    bias = tensor((k,), dtype)
    stride, pad, dilation = numbers(f["stride"]), numbers(f["pad"]), [int(f.get("dilation", 1))] * 2
    if f.get("act") == "relu":
        return lambda: torch.cudnn_convolution_relu(x, weight, bias, stride, pad, dilation, groups)
    return lambda: F.conv2d(x, weight, bias, stride, pad, dilation, groups)


def gemm(f, _, dtype):
    m, n, k = (int(f[x]) for x in "mnk")
    a = tensor((m, k), dtype)
    if dtype == torch.int8:
        b = tensor((n, k), dtype).t()
        return lambda: torch._int_mm(a, b)
    b, bias = tensor((n, k), dtype), tensor((n,), dtype)
    return lambda: F.linear(a, b, bias)


POINTWISE = {
    "relu": torch.relu, "sigmoid": torch.sigmoid, "silu": F.silu, "hardswish": F.hardswish, "gelu": F.gelu,
    "identity": torch.clone,
}


def memory(op, f, batch, dtype):
    if op in ("layernormalization", "softmax"):
        x = tensor((batch * int(f["m"]), int(f["n"])), dtype)
        if op == "softmax":
            return compiled(lambda y: torch.softmax(y, -1), x)
        scale, bias = tensor((int(f["n"]),), dtype), tensor((int(f["n"]),), dtype)
        return compiled(lambda y: F.layer_norm(y, (y.shape[-1],), scale, bias), x)
    shape = (batch, int(f["c"]), int(f["h"]), int(f["w"]))
    x = tensor(shape, dtype)
    if op in ("add", "mul"):
        other = tensor(shape, dtype)
        return compiled(torch.add if op == "add" else torch.mul, x, other)
    return compiled(POINTWISE[op], x)


def compiled(function, *inputs):
    fast = torch.compile(function, dynamic=False)
    return lambda: fast(*inputs)


def layer_of(row):
    op, *words = row["workload"].removeprefix("layer:").split()
    f, dtype = fields(words), DTYPES[row["precision"]]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = row["precision"] == "tf32"
    batch = int(row["batch"])
    if op == "conv":
        return conv(f, batch, dtype)
    return gemm(f, batch, dtype) if op == "gemm" else memory(op, f, batch, dtype)


def time_ms(layer):
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(5):
            layer()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(INNER):
            layer()
    graph.replay()
    times = []
    for _ in range(REPLAYS):
        begin, end = torch.cuda.Event(True), torch.cuda.Event(True)
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        times.append(begin.elapsed_time(end) / INNER)
    return statistics.median(times)


def main(rows_path, out_path):
    with open(rows_path, newline="") as file:
        rows = list(csv.DictReader(file))
    with open(out_path, "w", newline="") as file:
        out = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        out.writeheader()
        for row in rows:
            try:
                out.writerow(row | {"value": f"{time_ms(layer_of(row)):.6f}"})
            except RuntimeError as error:
                print(f"{row['id']}: {row['workload']}: {str(error).splitlines()[0]}", file=sys.stderr)
            torch._dynamo.reset()


if __name__ == "__main__":
    main(*sys.argv[1:])
