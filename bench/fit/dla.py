#!/usr/bin/env python3
"""Fits the constants of hwmodels/parts/dla-v2.yaml to tests/validation/orin.csv.

usage: bench/fit/dla.py [PLAN]     (default: build/cli/plan; run in the root of the repository)

Of every four rows of a group in the order of the file, which are mostly one network in modes MAXN,
50W, 30W and 15W, the first and the last are fitted, by the mean of |log(predicted / measured)|, and
the two between checked. Then the same with whole networks left out, and with other stripes. More than 20 % counts as 20 %:
a row that the model does not understand shall not bend it.
"""
import csv
import json
import math
import subprocess
import sys

PLAN = sys.argv[1] if len(sys.argv) > 1 else "build/cli/plan"
ROWS = "tests/validation/orin.csv"
NETS = ("orin-dla-net", "orin-dla-net-sparse")
LAYERS = ("orin-dla-layer",)
WORKLOAD = {row["id"]: row["workload"] for row in csv.DictReader(open(ROWS))}


def errors(sets, groups):
    """[(group, id, log(predicted / measured))], in the order of the file."""
    out = []
    for group in groups:
        command = [PLAN, "validate", ROWS, "--models", "examples", "--group", group, "--json"]
        for key, value in sets.items():
            command += ["--set", f"{key}={value:.6g}"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for row in json.loads(text)["rows"]:
            out.append((group, row["id"], math.log(row["predicted"] / row["measured"])))
    return out


def halves(rows):
    """The first and last of every four rows of a group, and the others."""
    seen, fitted, checked = {}, [], []
    for group, name, error in rows:
        place = seen.get(group, 0)
        seen[group] = place + 1
        (fitted if place % 4 in (0, 3) else checked).append((name, error))
    return fitted, checked


def without(*networks):
    """Rows of all networks but these, and the others."""
    def split(rows):
        left_out = [(n, e) for _, n, e in rows if any(x in WORKLOAD[n] for x in networks)]
        return [(n, e) for _, n, e in rows if (n, e) not in left_out], left_out
    return split


def loss(rows):
    return sum(min(0.2, abs(error)) for _, error in rows) / len(rows)


def minimize(f, start, step, rounds):
    """Nelder and Mead's simplex."""
    n = len(start)
    simplex = [list(start)] + [[x + step[j] * (i == j) for j, x in enumerate(start)]
                               for i in range(n)]
    simplex = sorted((f(x), x) for x in simplex)
    for _ in range(rounds):
        worst = simplex[-1]
        centre = [sum(x[j] for _, x in simplex[:-1]) / n for j in range(n)]

        def at(k):
            x = [c + k * (c - w) for c, w in zip(centre, worst[1])]
            return f(x), x
        tried = at(1)
        if tried < simplex[0]:
            tried = min(tried, at(2))
        elif tried >= simplex[-2]:
            tried = min(tried, at(-0.5))
        if tried < worst:
            simplex[-1] = tried
        else:
            best = simplex[0][1]
            shrunk = [[(b + x) / 2 for b, x in zip(best, p)] for _, p in simplex[1:]]
            simplex = [simplex[0]] + [(f(x), x) for x in shrunk]
        simplex.sort()
    return simplex[0][1]


def fit(what, groups, split, sets_of, start, step, rounds=100):
    def value(x):
        if min(x) < 0:
            return 9.0
        return loss(split(errors(sets_of(x), groups))[0])
    once = minimize(value, start, step, rounds)
    best = sets_of(minimize(value, once, [s / 2 for s in step], rounds)) # out of a corner
    fitted, checked = split(errors(best, groups))
    print(f"{what}: fit {100 * loss(fitted):.1f} % ({len(fitted)} rows), "
          f"check {100 * loss(checked):.1f} % ({len(checked)} rows)")
    for key, x in best.items():
        print(f"    {key} {x:.4g}")
    return best


def memory(x):
    """Both pipes together pull what one pulls, twice."""
    return {"dla.dram_gbps": x[0], "dla.pipe_gbps": x[0] / 2, "dla.overlap": min(1, x[1]),
            "dla.fill_cycles": x[2], "dla.sparse_rate": min(2, x[3])}


def around(x):
    return {"dla.submit_us": x[0], "dla.reformat_us": x[1],
            "dla.reformat_efficiency": min(1, x[2]), "dla.rubik_gbps": x[3]}


if __name__ == "__main__":
    fit("networks, half of the rows", NETS, halves, memory,
        [55, 0.8, 4000, 1.7], [8, -0.2, 1500, 0.15])
    for out in (("resnet34_trunk",), ("resnet50.",), ("resnext50",), ("ssd_mobilenet",),
                ("yolov5s",), ("resnext50", "ssd_mobilenet", "yolov5s", "googlenet")):
        fit("networks without " + ", ".join(out), NETS, without(*out), memory,
            [55, 0.8, 4000, 1.7], [8, -0.2, 1500, 0.15])
    for n in (0, 8, 12, 20, 24, 32):
        fit(f"networks, half of the rows, stripes of {n} pixels", NETS, halves,
            lambda x: {**memory(x), "dla.stripe_pixels": n}, [55, 0.8, 4000, 1.7],
            [8, -0.2, 1500, 0.15])
    fit("layers, half of the rows", LAYERS, halves, around, [60, 20, 0.3, 33], [15, 5, 0.1, 3])
