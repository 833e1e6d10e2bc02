#!/usr/bin/env python3
"""Fits keys of a hardware model to measured rows; the source: of each fitted key names its command.

usage: fit.py PLAN FILE.csv[,FILE.csv] MODELS GROUP[,GROUP] KEY=START[:MAX] ...

PLAN is the program, FILE.csv measurements, MODELS the folder of their models. Half of the rows
of each group fit, those whose CRC-32 of the id is even; the other half is only reported. Every key
in turn is scaled up and down as long as that lowers the loss: over the groups, median and mean of
|ln(predicted / measured)|, single rows cut at 1.
"""
import csv
import json
import math
import statistics
import subprocess
import sys
import zlib

FACTORS = (0.6, 0.75, 0.87, 0.94, 0.98, 1.02, 1.06, 1.15, 1.3, 1.6)
ROUNDS = 4


def predict(program, path, models, keys):
    """The rows of `plan validate --json` for one file of measurements."""
    command = [program, "validate", path, "--models", models, "--json"]
    for key, value in keys.items():
        command += ["--set", f"{key}={value:.6g}"]
    done = subprocess.run(command, check=True, capture_output=True)
    return json.loads(done.stdout)["rows"]


def errors(program, paths, models, groups, keys):
    """Per group and half: the ln(predicted / measured) of its rows."""
    found = {(group, half): [] for group in groups for half in (0, 1)}
    for path in paths.split(","):
        with open(path, newline="", encoding="utf-8") as file:
            measured = {row["id"]: row for row in csv.DictReader(file)}
        for row in predict(program, path, models, keys):
            group, metric = measured[row["id"]]["group"], measured[row["id"]]["metric"]
            if group not in groups or row["predicted"] is None:
                continue
            error = math.log(row["predicted"] / row["measured"])
            half = zlib.crc32(row["id"].encode()) & 1
            found[group, half].append(-error if metric == "throughput_ips" else error)
    return found


def loss(found, groups):
    total = 0
    for group in groups:
        cut = [min(abs(e), 1) for e in found[group, 0]]
        total += statistics.median(cut) + statistics.mean(cut)
    return total


def report(found, groups):
    for group in groups:
        for half in (0, 1):
            percent = sorted(100 * abs(math.expm1(e)) for e in found[group, half])
            bias = statistics.mean(100 * math.expm1(e) for e in found[group, half])
            print(f"{group:16} {'check' if half else 'fit':6} {len(percent):4} rows  median "
                  f"{statistics.median(percent):5.1f}  p90 {percent[int(0.9 * len(percent))]:5.1f}"
                  f"  bias {bias:+5.1f}")


def main():
    program, paths, models, names, *specs = sys.argv[1:]
    groups = names.split(",")
    keys, most = {}, {}
    for spec in specs:
        key, value = spec.split("=")
        start, _, bound = value.partition(":")
        keys[key], most[key] = float(start), float(bound or "inf")
    found = errors(program, paths, models, groups, keys)
    report(found, groups)
    best = loss(found, groups)
    for turn in range(ROUNDS):
        before = best
        for key in keys:
            start = keys[key]
            for factor in FACTORS:
                trial = dict(keys, **{key: min(start * factor, most[key])})
                now = loss(errors(program, paths, models, groups, trial), groups)
                if now < best - 1e-6:
                    best, keys = now, trial
        print(f"round {turn}: {best:.4f}", *(f"{k}={v:.4g}" for k, v in keys.items()), flush=True)
        if before - best < 1e-4:
            break
    report(errors(program, paths, models, groups, keys), groups)


if __name__ == "__main__":
    main()
