#!/usr/bin/env python3
"""Writes the small models of examples/models that no exporter made, always the same bytes.

Each shows one way in which ONNX files differ: quantized (Q/DQ), FP16, weights in a second file,
local functions, several inputs. Needs onnx and numpy; run by hand: examples/make_models.py
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent / "models"


class Builder:
    """Collects nodes and initializers; every method returns the name of what it made."""

    def __init__(self, seed, dtype=np.float32):
        self.random = np.random.default_rng(seed)
        self.dtype = dtype
        self.nodes = []
        self.initializers = []

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name, *shape):
        """Normal, scaled by the fan-in as trained weights roughly are."""
        fan_in = int(np.prod(shape[1:]))
        value = self.random.standard_normal(shape) / np.sqrt(fan_in)
        return self.constant(name, value.astype(self.dtype))

    def node(self, op, inputs, name, domain="", **attributes):
        self.nodes.append(
            helper.make_node(op, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def conv(self, x, name, channels_out, channels_in, kernel, stride=1):
        weights = self.weight(name + ".weight", channels_out, channels_in, kernel, kernel)
        bias = self.constant(name + ".bias", np.zeros(channels_out, self.dtype))
        return self.node("Conv", [x, weights, bias], name, kernel_shape=[kernel] * 2,
                         strides=[stride] * 2, pads=[kernel // 2] * 4)

    def classifier(self, x, channels, classes):
        """Global average pooling and a Gemm."""
        x = self.node("GlobalAveragePool", [x], "pool")
        x = self.node("Flatten", [x], "flatten")
        weights = self.weight("fc.weight", classes, channels)
        bias = self.constant("fc.bias", np.zeros(classes, self.dtype))
        return self.node("Gemm", [x, weights, bias], "logits", transB=1)

    def model(self, inputs, outputs, functions=()):
        """inputs and outputs: name -> shape, a string for a symbolic dimension."""
        elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))

        def values(shapes):
            return [helper.make_tensor_value_info(name, elem_type, shape)
                    for name, shape in shapes.items()]

        graph = helper.make_graph(self.nodes, "main_graph", values(inputs), values(outputs),
                                  self.initializers)
        opsets = [helper.make_opsetid("", 17)]
        domains = sorted({function.domain for function in functions})
        opsets += [helper.make_opsetid(domain, 1) for domain in domains]
        return helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=8,
                                 producer_name="examples/make_models.py")


def save(model, name, check=True):
    if check:
        onnx.checker.check_model(model, full_check=True)
    (FOLDER / (name + ".onnx")).write_bytes(model.SerializeToString(deterministic=True))


def qdq_resnet_block():
    """INT8 as quantization tools write it: Q/DQ on every convolution's input and on both operands
    of the residual Add, INT8 weights with a scale per output channel."""
    b = Builder(seed=1)

    def quantized(x, name, scale):
        scale = b.constant(name + ".scale", np.float32(scale))
        zero = b.constant(name + ".zero_point", np.int8(0))
        x = b.node("QuantizeLinear", [x, scale, zero], name + ".quantize")
        return b.node("DequantizeLinear", [x, scale, zero], name + ".dequantize")

    def conv(x, name, channels_out, channels_in):
        shape = (channels_out, channels_in, 3, 3)
        value = b.random.standard_normal(shape) / np.sqrt(channels_in * 9)
        scale = np.abs(value).max(axis=(1, 2, 3)) / 127
        integers = np.rint(value / scale[:, None, None, None]).astype(np.int8)
        weights = b.node("DequantizeLinear", [
            b.constant(name + ".weight", integers),
            b.constant(name + ".weight.scale", scale.astype(np.float32)),
            b.constant(name + ".weight.zero_point", np.zeros(channels_out, np.int8)),
        ], name + ".weight.dequantize", axis=0)
        bias = b.constant(name + ".bias", np.zeros(channels_out, np.float32))
        return b.node("Conv", [quantized(x, name + ".input", 1 / 32), weights, bias], name,
                      kernel_shape=[3, 3], pads=[1] * 4)

    x = b.node("Relu", [conv("input", "conv1", 16, 3)], "relu1")
    y = b.node("Relu", [conv(x, "conv2", 16, 16)], "relu2")
    y = conv(y, "conv3", 16, 16)
    x = b.node("Add", [quantized(y, "add.left", 1 / 32), quantized(x, "add.right", 1 / 32)], "add")
    x = b.node("Relu", [x], "relu3")
    b.classifier(x, 16, 10)
    return b.model({"input": [1, 3, 32, 32]}, {"logits": [1, 10]})


def plain_cnn(seed, dtype):
    b = Builder(seed, dtype)
    x = b.conv("input", "conv1", 16, 3, 3, stride=2)
    ones, zeros = np.ones(16, dtype), np.zeros(16, dtype)
    x = b.node("BatchNormalization", [x] + [
        b.constant("bn1." + name, value) for name, value in
        (("scale", ones), ("bias", zeros), ("mean", zeros), ("variance", ones))], "bn1")
    x = b.node("Relu", [x], "relu1")
    x = b.node("MaxPool", [x], "maxpool", kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("Relu", [b.conv(x, "conv2", 24, 16, 3)], "relu2")
    b.classifier(x, 24, 10)
    return b.model({"input": [1, 3, 64, 64]}, {"logits": [1, 10]})


def fp16_cnn():
    """FP16 inputs, weights and outputs."""
    return plain_cnn(seed=2, dtype=np.float16)


def external_cnn():
    """Weights in external_cnn.data, each on a page of its own as exporters align them."""
    model = plain_cnn(seed=3, dtype=np.float32)
    onnx.checker.check_model(model, full_check=True)
    data = bytearray()
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < 1024:
            continue
        data.extend(bytes(-len(data) % 4096))
        location = (("location", "external_cnn.data"), ("offset", str(len(data))),
                    ("length", str(len(tensor.raw_data))))
        data.extend(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in location:
            tensor.external_data.add(key=key, value=value)
    (FOLDER / "external_cnn.data").write_bytes(data)
    return model


def functions_mlp():
    """Three calls of a local function that calls another and passes it an attribute."""
    domain = "edgeplan.example"
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
    dense = helper.make_function(domain, "Dense", ["x", "weight", "bias"], ["y"], [
        helper.make_node("MatMul", ["x", "weight"], ["product"], name="matmul"),
        helper.make_node("Add", ["product", "bias"], ["y"], name="add"),
    ], opsets)
    slope = helper.make_node("LeakyRelu", ["dense"], ["y"], name="leaky_relu")
    slope.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    leaky = helper.make_function(domain, "DenseLeakyRelu", ["x", "weight", "bias"], ["y"], [
        helper.make_node("Dense", ["x", "weight", "bias"], ["dense"], name="dense", domain=domain),
        slope,
    ], opsets, attributes=["slope"])

    b = Builder(seed=4)
    x = "input"
    sizes = [64, 48, 32, 8]
    for i, (size_in, size_out) in enumerate(zip(sizes, sizes[1:]), 1):
        parameters = [b.weight(f"layer{i}.weight", size_in, size_out),
                      b.constant(f"layer{i}.bias", np.zeros(size_out, np.float32))]
        x = b.node("DenseLeakyRelu", [x] + parameters, f"layer{i}", domain, slope=0.1 / i)
    return b.model({"input": ["batch", 64]}, {x: ["batch", 8]}, [dense, leaky])


def two_inputs():
    """An image whose feature map is scaled, channel by channel, by what a second input says."""
    b = Builder(seed=5)
    x = b.node("Relu", [b.conv("image", "conv1", 16, 3, 3, stride=2)], "relu1")
    gate = b.node("Gemm", ["condition", b.weight("gate.weight", 16, 8),
                           b.constant("gate.bias", np.zeros(16, np.float32))], "gate", transB=1)
    gate = b.node("Sigmoid", [gate], "gate.sigmoid")
    gate = b.node("Unsqueeze", [gate, b.constant("gate.axes", np.array([2, 3]))], "gate.nchw")
    x = b.node("Mul", [x, gate], "scaled")
    x = b.node("Relu", [b.conv(x, "conv2", 16, 16, 3)], "relu2")
    b.classifier(x, 16, 4)
    return b.model({"image": ["batch", 3, 64, 64], "condition": ["batch", 8]},
                   {"logits": ["batch", 4]})


def main():
    save(qdq_resnet_block(), "qdq_resnet_block")
    save(fp16_cnn(), "fp16_cnn")
    save(external_cnn(), "external_cnn", check=False)  # checked before its weights moved out
    save(functions_mlp(), "functions_mlp")
    save(two_inputs(), "two_inputs")


if __name__ == "__main__":
    main()
