"""Checks ONNX files with ONNX's own checker, and compares ONNX's definition of its format with another.

python check_models.py <descriptor> <file>...: the descriptor is a serialized FileDescriptorProto. Prints JSON: the version of ONNX, what
the definitions do not share, and what each file says.
"""

import json
import sys

import onnx
from google.protobuf import descriptor_pb2


def checked(file):
    """Fails if the model is not valid."""
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    (logits,) = inferred.graph.output
    dimensions = [dimension.dim_param or dimension.dim_value for dimension in logits.type.tensor_type.shape.dim]
    parameters = sum(len(tensor.raw_data) // 4 for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT)
    return {"opset": model.opset_import[0].version, "logits": dimensions, "parameters": parameters}


def fields_of(definition, prefix=""):
    """All fields and values of enums, with their numbers and types."""
    for message in definition if isinstance(definition, list) else definition.message_type:
        name = f"{prefix}{message.name}"
        for field in message.field:
            yield f"{name}.{field.name} = {field.number} {field.type} {field.label} {field.type_name}"
        for enum in message.enum_type:
            yield from (f"{name}.{enum.name}.{value.name} = {value.number}" for value in enum.value)
        yield from fields_of(list(message.nested_type), f"{name}.")


ours = descriptor_pb2.FileDescriptorProto()
with open(sys.argv[1], "rb") as descriptor:
    ours.ParseFromString(descriptor.read())
theirs = descriptor_pb2.FileDescriptorProto()
onnx.onnx_ml_pb2.DESCRIPTOR.CopyToProto(theirs)
fields = set(fields_of(theirs))
result = {
    "version": onnx.__version__,
    "fields": len(fields),
    "missing": sorted(fields - set(fields_of(ours))),
    "files": [checked(file) for file in sys.argv[2:]],
}
print(json.dumps(result))
