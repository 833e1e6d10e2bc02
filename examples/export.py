#!/usr/bin/env python3
"""Exports a torchvision network to ONNX and strips its weights, as in examples/models.

    examples/export.py resnet50                        -> resnet50.onnx
    examples/export.py vit_b_16 --dynamo               through torch.export
    examples/export.py mobilenet_v2 --dynamic-batch    leading dimension symbolic
    examples/export.py mine.onnx --output small.onnx   only strips a file that is there

A plan depends on the shapes of weights, hardly on their values: a stripped file is a few KB, valid,
and runs anywhere. Run by hand; needs onnx, and torch, torchvision (and onnxscript for --dynamo)
unless it only strips.
"""

import argparse
import inspect
import pathlib
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

LEAST_STRIPPED = 256  # elements


def stripped_value(weight):
    """One number that keeps activations finite: a mean for vectors (so that a variance stays
    positive), one over the fan-in for matrices and filters."""
    if weight.ndim < 2:
        return float(weight.mean(dtype=np.float64))
    return 1.0 / float(np.prod(weight.shape[1:]))


def strip(model):
    """Replaces each floating-point initializer of LEAST_STRIPPED elements or more by a
    ConstantOfShape node `stripped:NAME`. Integers stay: they are indices and shapes."""
    graph = model.graph
    nodes = []
    initializers = []
    for tensor in graph.initializer:
        weight = numpy_helper.to_array(tensor)
        if weight.size < LEAST_STRIPPED or not np.issubdtype(weight.dtype, np.floating):
            initializers.append(tensor)
            continue
        dims = numpy_helper.from_array(np.array(weight.shape, np.int64), tensor.name + "__dims")
        value = helper.make_tensor("v", tensor.data_type, [1], [stripped_value(weight)])
        initializers.append(dims)
        nodes.append(helper.make_node("ConstantOfShape", [dims.name], [tensor.name],
                                      name="stripped:" + tensor.name, value=value))

    # Exporters before IR version 4 list initializers as inputs too; these are computed now.
    computed = {node.output[0] for node in nodes}
    inputs = [value for value in graph.input if value.name not in computed]
    nodes.extend(graph.node)
    for field, items in (("initializer", initializers), ("node", nodes), ("input", inputs)):
        kept = [type(item).FromString(item.SerializeToString()) for item in items]
        graph.ClearField(field)
        getattr(graph, field).extend(kept)

    # Exporters leave stack traces here, with paths of the machine they ran on.
    for holder in [model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output]:
        holder.ClearField("doc_string")
        holder.ClearField("metadata_props")
    onnx.checker.check_model(model, full_check=True)
    return model


def export(arguments):
    import torch
    import torchvision

    torch.manual_seed(0)
    untrained = {"weights": None}
    try:
        builder = torchvision.models.get_model_builder(arguments.network)
    except ValueError as error:
        raise SystemExit(f"{error}: neither a network of torchvision.models nor an .onnx file")
    if "weights_backbone" in inspect.signature(builder).parameters:
        untrained["weights_backbone"] = None
    network = builder(**untrained).eval()
    example = torch.zeros(arguments.batch, 3, *arguments.size)
    options = {"input_names": ["input"], "opset_version": arguments.opset}
    if arguments.dynamo:
        options["dynamo"] = True
        if arguments.dynamic_batch:
            options["dynamic_shapes"] = [{0: torch.export.Dim("batch")}]
    else:
        options["dynamo"] = False
        if arguments.dynamic_batch:
            options["dynamic_axes"] = {"input": {0: "batch"}}

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        torch.onnx.export(network, (example,), path, **options)
        return onnx.load(path)


def size(text):
    height, _, width = text.partition("x")
    return int(height), int(width or height)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", help="a name of torchvision.models, or an ONNX file to strip")
    parser.add_argument("--dynamo", action="store_true",
                        help="export through torch.export rather than TorchScript")
    parser.add_argument("--dynamic-batch", action="store_true")
    parser.add_argument("--batch", type=int, default=1,
                        help="leading dimension of the example; with --dynamo --dynamic-batch at "
                        "least 2")
    parser.add_argument("--size", type=size, default=(224, 224), metavar="HxW")
    parser.add_argument("--opset", type=int, help="default: 17, or 20 with --dynamo")
    parser.add_argument("--output", type=pathlib.Path, help="default: NETWORK.onnx here")
    arguments = parser.parse_args()
    if arguments.opset is None:
        arguments.opset = 20 if arguments.dynamo else 17

    source = pathlib.Path(arguments.network)
    model = onnx.load(source) if source.suffix == ".onnx" else export(arguments)
    output = arguments.output or pathlib.Path(source.stem + ".onnx")
    output.write_bytes(strip(model).SerializeToString(deterministic=True))
    print(f"{output}: {output.stat().st_size} bytes, {len(model.graph.node)} nodes")


if __name__ == "__main__":
    main()
