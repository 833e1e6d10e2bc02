#!/usr/bin/env python3
"""Fits energies of hwmodels/ to the power rows of tests/validation.

usage: bench/fit/power.py [PLAN]     (default: build/cli/plan; run in the root of the repository)

Power is linear in the energies: P = idle + sum of energy x count / time. So one run of `plan
validate` with each energy alone gives its share in every row, and the fit is non-negative least
squares of the relative errors. Odd rows of a group, in the order of the file, are fitted, the even
ones only checked; but of orin-wall-power, whose three rows are all of one network, the last. Then
all rows are fitted but those of one network at a time, which are checked.

h200-power: all energies of the GPU. Orin: an SM at work, the others held (they follow from its
stress, or are not verified). orin-dla-perf-per-watt is the energy of the GPU over that of the DLA,
an image each: its inverse is linear in the energies of the DLA, those of the GPU held.
"""
import csv
import json
import subprocess
import sys

PLAN = sys.argv[1] if len(sys.argv) > 1 else "build/cli/plan"
H200 = ("tests/validation/h200.csv", "h200-power")
RAIL = ("tests/validation/orin.csv", "orin-rail-power")
WALL = ("tests/validation/orin.csv", "orin-wall-power")
RATIO = ("tests/validation/orin.csv", "orin-dla-perf-per-watt")


def rows(group, sets):
    """[(id, measured, predicted)]"""
    command = [PLAN, "validate", group[0], "--models", "examples", "--group", group[1], "--json"]
    for key, value in sets.items():
        command += ["--set", f"{key}={value:.9g}"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [(r["id"], r["measured"], r["predicted"] or 0) for r in json.loads(text)["rows"]]


def fit(columns, target, weight):
    """Non-negative least squares of weight x (columns . x - target), by coordinate descent."""
    n = len(columns)
    a = [[w * c for w, c in zip(weight, column)] for column in columns]
    rest = [-w * t for w, t in zip(weight, target)]
    x = [0.0] * n
    for _ in range(20000):
        for i in range(n):
            square = sum(v * v for v in a[i])
            if square == 0:
                continue
            step = max(-x[i], -sum(v * r for v, r in zip(a[i], rest)) / square)
            x[i] += step
            rest = [r + step * v for r, v in zip(rest, a[i])]
    return x


def say(what, pairs):
    errors = sorted(abs(p / m - 1) * 100 for m, p in pairs)
    n = len(errors)
    bias = sum(p / m - 1 for m, p in pairs) * 100 / n
    at = (n - 1) * 0.9
    low = int(at)
    p90 = errors[low] + (at - low) * (errors[min(low + 1, n - 1)] - errors[low])
    print(f"  {what}: {n} rows, median {errors[n // 2]:.1f} %, p90 {p90:.1f} %, bias {bias:+.1f} %")


def workloads(group):
    return {r["id"]: r["workload"] for r in csv.DictReader(open(group[0]))}


def solve(title, groups, keys, given, invert, half=lambda n: range(0, n, 2)):
    """Each key alone is 1."""
    def predict(sets):
        return [row for group in groups for row in rows(group, dict(given, **sets))]
    alone = [predict({k: float(k == key) for k in keys}) for key in keys]
    measured = [m for _, m, _ in alone[0]]
    base = [0.0] * len(measured)
    if not invert:  # what no key of the fit adds
        base = [p for _, _, p in predict(dict.fromkeys(keys, 0))]
    columns = [[(1 / p if invert else p - b) for (_, _, p), b in zip(column, base)]
               for column in alone]
    target = [(1 / m if invert else m - b) for m, b in zip(measured, base)]
    weight = [(m if invert else 1 / m) for m in measured]

    def fit_rows(which):
        return fit([[c[i] for i in which] for c in columns], [target[i] for i in which],
                   [weight[i] for i in which])

    def predicted(x, i):
        p = base[i] + sum(c[i] * v for c, v in zip(columns, x))
        return 1 / p if invert else p
    fitted = half(len(measured))
    x = fit_rows(fitted)
    print(title)
    for key, value in zip(keys, x):
        print(f"  {key} = {value:.4g}")
    pairs = [(m, predicted(x, i)) for i, m in enumerate(measured)]
    say("fitted", [pairs[i] for i in fitted])
    say("checked", [pair for i, pair in enumerate(pairs) if i not in fitted])
    of = [workloads(groups[0])[name] for name, _, _ in alone[0]]
    if len(set(of)) > 2:
        without = {w: fit_rows([i for i, v in enumerate(of) if v != w]) for w in set(of)}
        say("its network left out", [(m, predicted(without[of[i]], i))
                                     for i, m in enumerate(measured)])
    if "-v" in sys.argv:
        for (name, _, _), (m, p) in zip(alone[0], pairs):
            print(f"  {name:40} {m:8.2f} {p:8.2f} {100 * (p / m - 1):+6.1f} %")
    return dict(zip(keys, x))


def main():
    e = "energy."
    solve("H200 SXM", [H200], ["rails.board.idle_w"] + [e + k for k in (
        "gpu_cycle_nj", "gpu_sm_cycle_nj", "gpu_mac_fp16_pj", "gpu_l2_byte_pj", "dram_byte_pj")],
          {}, False)
    # of orin-rail-power the first row, of orin-wall-power the last
    found = solve("GPU of Orin", [RAIL, WALL], [e + "gpu_sm_cycle_nj"], {}, False,
                  lambda n: [0, n - 1])
    solve("DLA of Orin", [RATIO], [e + "dla_cycle_nj", e + "dla_mac_int8_pj"], found, True)


main()
