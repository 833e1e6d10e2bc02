#!/usr/bin/env python3
"""Writes the unusable models of tests/cli/inputs, always the same bytes.

Each is one small sound model with one fault. Needs onnx and numpy; run by hand, when a fault is
added: tests/cli/make_inputs.py
"""

import pathlib

import numpy as np
from onnx import AttributeProto, TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent / "inputs"


def sound():
    """conv (3 to 4 channels, 3x3) and relu on 1x3x8x8."""
    weights = np.full((4, 3, 3, 3), 0.25, np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["hidden"], name="conv"),
         helper.make_node("Relu", ["hidden"], ["output"], name="relu")],
        "main_graph",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 4, 6, 6])],
        [numpy_helper.from_array(weights, "weight")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                             producer_name="tests/cli/make_inputs.py")


def input_dim(model, axis):
    return model.graph.input[0].type.tensor_type.shape.dim[axis]


def set_dims(model, *dims):
    for axis, dim in enumerate(dims):
        input_dim(model, axis).dim_value = dim


def cycle(model):
    model.graph.node[0].input[0] = "output"


def dangling(model):
    model.graph.node[1].input[0] = "nowhere"


def defined_twice(model):
    model.graph.node[1].output[0] = "hidden"


def no_graph(model):
    model.ClearField("graph")


def no_output(model):
    model.graph.ClearField("output")


def negative_dim(model):
    input_dim(model, 2).dim_value = -8


def overflowing_dims(model):
    set_dims(model, 2**31, 3, 2**31, 2**31)


def overflowing_weight(model):
    model.graph.initializer[0].dims[:] = [2**62, 2**62, 3, 3]


def negative_weight(model):
    model.graph.initializer[0].dims[0] = -4


def short_weight(model):
    weight = model.graph.initializer[0]
    weight.raw_data = weight.raw_data[:-4]


def channels(model):
    input_dim(model, 1).dim_value = 5


def kernel_too_large(model):
    set_dims(model, 1, 3, 2, 2)


def zero_stride(model):
    model.graph.node[0].attribute.append(helper.make_attribute("strides", [0, 1]))


def symbolic_size(model):
    input_dim(model, 0).dim_param = "batch"
    input_dim(model, 2).dim_param = "height"
    input_dim(model, 3).dim_param = "width"


def opset_5(model):
    model.opset_import[0].version = 5


def opset_25(model):
    model.opset_import[0].version = 25


def unknown_operator(model):
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    model.graph.node[1].op_type = "Sparkle"
    model.graph.node[1].domain = "com.example"


def shapeless_operator(model):
    """Nothing states the shape of what the unknown operator computes."""
    unknown_operator(model)
    model.graph.node[1].output[0] = "sparkles"
    model.graph.node.append(helper.make_node("Relu", ["sparkles"], ["output"], name="last"))


def endless_function(model):
    """A local function that calls itself."""
    domain = "com.example"
    model.opset_import.append(helper.make_opsetid(domain, 1))
    model.functions.append(helper.make_function(
        domain, "Forever", ["x"], ["y"],
        [helper.make_node("Forever", ["x"], ["y"], name="again", domain=domain)],
        [helper.make_opsetid(domain, 1)]))
    model.graph.node[1].op_type = "Forever"
    model.graph.node[1].domain = domain


def unprintable_name(model):
    """An error must name this node; its name would clear the terminal and forge a second line."""
    model.graph.node[0].name = "conv\x1b[2J\nplan: all is well"
    channels(model)


def branch(model):
    """Control flow: a subgraph as an attribute."""
    body = helper.make_graph(
        [helper.make_node("Relu", ["hidden"], ["inside"], name="inner")], "body", [],
        [helper.make_tensor_value_info("inside", TensorProto.FLOAT, [1, 4, 6, 6])])
    model.graph.input.append(helper.make_tensor_value_info("choice", TensorProto.BOOL, []))
    model.graph.node[1].CopyFrom(helper.make_node(
        "If", ["choice"], ["output"], name="branch", then_branch=body, else_branch=body))
    assert model.graph.node[1].attribute[0].type == AttributeProto.GRAPH


def external(location, offset=0, length=432):
    def change(model):
        weight = model.graph.initializer[0]
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", offset), ("length", length)):
            weight.external_data.add(key=key, value=str(value))

    return change


MODELS = {
    "branch": branch,
    "channels": channels,
    "cycle": cycle,
    "dangling": dangling,
    "defined_twice": defined_twice,
    "endless_function": endless_function,
    "external_absolute": external("/etc/passwd"),
    "external_length": external("external.bin", length=100),
    "external_link": external("link.bin"),
    "external_missing": external("missing.bin"),
    "external_offset": external("external.bin", offset=2**63),
    "external_parent": external("../run"),
    "external_short": external("external.bin", offset=16),
    "kernel_too_large": kernel_too_large,
    "negative_dim": negative_dim,
    "negative_weight": negative_weight,
    "no_graph": no_graph,
    "no_output": no_output,
    "opset_25": opset_25,
    "opset_5": opset_5,
    "overflowing_dims": overflowing_dims,
    "overflowing_weight": overflowing_weight,
    "shapeless_operator": shapeless_operator,
    "short_weight": short_weight,
    "sound": lambda model: None,
    "symbolic_size": symbolic_size,
    "unknown_operator": unknown_operator,
    "unprintable_name": unprintable_name,
    "zero_stride": zero_stride,
}


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, change in MODELS.items():
        model = sound()
        change(model)
        (FOLDER / (name + ".onnx")).write_bytes(model.SerializeToString(deterministic=True))
    whole = sound().SerializeToString(deterministic=True)
    (FOLDER / "truncated.onnx").write_bytes(whole[: len(whole) * 2 // 3])
    (FOLDER / "empty.onnx").write_bytes(b"")
    (FOLDER / "text.onnx").write_text("This is no model.\n")
    (FOLDER / "external.bin").write_bytes(bytes(432))


if __name__ == "__main__":
    main()
