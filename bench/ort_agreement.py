#!/usr/bin/env python3
"""Compares what `plan run` computes with ONNX Runtime, on the CPU, both in FP32.

    bench/ort_agreement.py build/cli/plan                        every network of examples/models
    bench/ort_agreement.py build/cli/plan ../shared/real         every .onnx of a folder
    bench/ort_agreement.py build/cli/plan mine.onnx a.onnx       these

Stripped weights are filled with seed 1 (`plan weights fill`); inputs are random, unknown dimensions
1. The error of an element is relative to its value or to the RMS of its output, whichever is larger;
an output's is that of its worst element. In FP16 a unit in the last place is 1e-3, and ONNX Runtime
does not round after every operator, so the limit for such outputs is 50 times as large. Exit code 1
when an output is above its limit. Run by hand; needs onnxruntime.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

import numpy as np
import onnxruntime

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples" / "models"
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8,
         "tensor(int8)": np.int8, "tensor(bool)": np.bool_}


def random_input(value, rng):
    shape = [size if isinstance(size, int) else 1 for size in value.shape]
    dtype = TYPES[value.type]
    if np.issubdtype(dtype, np.floating):
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)  # token ids, masks


def relative_error(ours, theirs):
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return float("inf")
    if theirs.size == 0:
        return 0.0
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    rms = np.sqrt(np.mean(np.square(theirs[np.isfinite(theirs)], dtype=np.float64)))
    with np.errstate(all="ignore"):
        error = np.abs(ours - theirs) / np.maximum(np.abs(theirs), rms)
    error = np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))
    return float(error.max())


def run_theirs(path, threads, inputs_of):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = inputs_of(session.get_inputs())
    session.run(None, inputs)
    begin = time.perf_counter()
    outputs = session.run(None, inputs)
    milliseconds = (time.perf_counter() - begin) * 1e3
    return inputs, dict(zip((o.name for o in session.get_outputs()), outputs)), milliseconds


def run_ours(plan, path, threads, inputs, folder):
    command = [plan, "run", path, "--json", "--repeat", "1", "--threads", str(threads),
               "--output", str(folder / "out")]
    shapes = []
    for i, (name, array) in enumerate(inputs.items()):
        np.save(folder / f"{i}.npy", array)
        command += ["--input", f"{name}={folder}/{i}.npy"]
        if array.ndim:
            shapes.append(f"'{name}':" + "x".join(map(str, array.shape)))
    if shapes:
        command += ["--shapes", ",".join(shapes)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def compare(arguments, path, folder):
    """Of each output its name, error, standard deviation and whether it passes; milliseconds."""
    rng = np.random.default_rng(arguments.seed)
    filled = str(folder / "filled.onnx")
    subprocess.run([arguments.plan, "weights", "fill", str(path), "--seed", "1", "-o", filled],
                   check=True, stdout=subprocess.DEVNULL)
    inputs, theirs, their_ms = run_theirs(
        filled, arguments.threads, lambda values: {v.name: random_input(v, rng) for v in values})
    report = run_ours(arguments.plan, filled, arguments.threads, inputs, folder)
    rows = []
    for name, array in theirs.items():
        saved = folder / "out" / (urllib.parse.quote(name, safe="") + ".npy")
        spread = float(np.std(array.astype(np.float64))) if array.size else 0.0
        error = relative_error(np.load(saved), array)
        limit = arguments.limit * (50 if array.dtype == np.float16 else 1)
        rows.append((name, error, spread, error <= limit))
    return rows, report["latency_ms"], their_ms


def models_of(paths):
    for path in paths:
        yield from sorted(path.glob("*.onnx")) if path.is_dir() else [path]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("plan", help="the program")
    parser.add_argument("models", nargs="*", type=pathlib.Path, default=[EXAMPLES],
                        help="ONNX files and folders of such (default: the examples)")
    parser.add_argument("--limit", type=float, default=1e-4, help="relative (default: 1e-4)")
    parser.add_argument("--threads", type=int, default=1, help="of both (default: 1)")
    parser.add_argument("--seed", type=int, default=1, help="of the inputs (default: 1)")
    arguments = parser.parse_args()

    failed = []
    print(f"{'model':32} {'error':>9} {'ours ms':>9} {'ORT ms':>9}  worst output (its std)")
    for path in models_of(arguments.models):
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows, our_ms, their_ms = compare(arguments, path, pathlib.Path(folder))
            except Exception as error:  # a network that does not run must not end the table
                print(f"{path.stem:32} {str(error)[:200]}", flush=True)
                failed.append(path.stem)
                continue
        name, error, spread, _ = max(rows, key=lambda row: row[1])
        print(f"{path.stem:32} {error:9.1e} {our_ms:9.1f} {their_ms:9.1f}  {name} ({spread:.3g})",
              flush=True)
        if not all(row[3] for row in rows):
            failed.append(path.stem)
    if failed:
        sys.exit(f"above {arguments.limit:g}, or not run: {', '.join(failed)}")


if __name__ == "__main__":
    main()
