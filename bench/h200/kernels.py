#!/usr/bin/env python3
"""Says which kernels a library runs for the products of CSVs of measurements (docs/accuracy.md).

    kernels.py OUT.csv ROWS.csv...

A row of OUT.csv is a kernel; a product of several has as many rows. `graph_us` is the whole product as measure.py
times it, `kernel_us` the kernel by itself, the last of three runs, as PyTorch's profiler has it.
"""
import csv
import json
import sys
import tempfile

import torch
from torch.profiler import ProfilerActivity, profile

import measure

COLUMNS = "precision,m,n,k,graph_us,kernel,grid,block,kernel_us,registers,shared".split(",")
RUNS = 3


def kernels_of(layer):
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        for _ in range(RUNS):
            layer()
        torch.cuda.synchronize()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        profiled.export_chrome_trace(file.name)
        events = [e for e in json.load(open(file.name))["traceEvents"] if e.get("cat") == "kernel"]
    return events[-(len(events) // RUNS):]


def products(paths):
    """One row for each shape and precision."""
    found = {}
    for path in paths:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                if row["workload"].startswith("layer:gemm"):
                    f = measure.fields(row["workload"].split()[1:])
                    found.setdefault((row["precision"], f["m"], f["n"], f["k"]), row)
    return found


def main(out_path, *paths):
    with open(out_path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for shape, row in products(paths).items():
            layer = measure.layer_of(row)
            us = measure.time_ms(layer) * 1e3
            for event in kernels_of(layer):
                a = event["args"]
                out.writerow([*shape, f"{us:.3f}", event["name"][:160].replace(",", ";"), "x".join(map(str, a["grid"])),
                              "x".join(map(str, a["block"])), f"{event['dur']:.3f}", a.get("registers per thread"),
                              a.get("shared memory")])


if __name__ == "__main__":
    main(*sys.argv[1:])
