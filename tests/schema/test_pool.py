"""The schema's text and its descriptor set agree, and live beside a foreign caffe.proto."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto" / "caffe.proto"
DESCRIPTORS = ROOT / "protonet" / "schema" / "caffe.desc"
FIELD = re.compile(r"(optional|repeated|required) ([\w.]+) (\w+) = (\d+)(?: \[(.*)\])?;")
LABELS = {1: "optional", 2: "required", 3: "repeated"}


def written():
    """Each field's label, type, number, default and packing, and the enums, from the text."""
    fields, enums, stack = {}, {}, []
    text = re.sub(r"//.*", "", PROTO.read_text())
    for line in (line.strip() for line in text.splitlines()):
        if opened := re.match(r"(message|enum) (\w+) \{$", line):
            stack.append(opened.group(2))
        elif line == "}":
            stack.pop()
        elif found := FIELD.match(line):
            label, kind, name, number, options = found.groups()
            default = re.search(r"default = (.*?)(?:, packed|$)", options or "")
            packed = "packed = true" in (options or "")
            value = default.group(1).strip('"') if default else ""
            key = (".".join(stack), name)
            fields[key] = (label, kind.split(".")[-1], int(number), value, packed)
        elif found := re.match(r"(\w+) = (-?\d+);$", line):
            enums[".".join(stack), found.group(1)] = int(found.group(2))
    return fields, enums


def compiled():
    files = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    (file,) = files.file
    fields, enums = {}, {}

    def enum(prefix, made):
        for value in made.value:
            enums[f"{prefix}{made.name}", value.name] = value.number

    def walk(prefix, made):
        name = f"{prefix}{made.name}"
        for field in made.field:
            kind = field.type_name.split(".")[-1]
            kind = kind or descriptor_pb2.FieldDescriptorProto.Type.Name(field.type)[5:].lower()
            key = (name, field.name)
            packed = field.options.packed
            fields[key] = (LABELS[field.label], kind, field.number, field.default_value, packed)
        for inner in made.enum_type:
            enum(f"{name}.", inner)
        for inner in made.nested_type:
            walk(f"{name}.", inner)

    for made in file.message_type:
        walk("", made)
    for made in file.enum_type:
        enum("", made)
    return fields, enums


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def test_text_and_descriptors_agree():
    (fields, enums), (compiled_fields, compiled_enums) = written(), compiled()
    assert len(fields) > 900
    assert enums == compiled_enums
    assert fields.keys() == compiled_fields.keys()
    for key, (*rest, default, packed) in fields.items():
        *compiled_rest, compiled_default, compiled_packed = compiled_fields[key]
        assert (rest, packed) == (compiled_rest, compiled_packed), key
        assert number(default) == number(compiled_default), key


def test_threads_share_one_pool():
    code = """
import threading, protonet
found, text = [], 'input: "x" input_shape { dim: 1 } layer { name: "r" type: "ReLU" bottom: "x" }'
barrier = threading.Barrier(16)
def work():
    barrier.wait()
    found.append(protonet.emit(text.replace('"x" }', '"x" top: "y" }')))
threads = [threading.Thread(target=work) for _ in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
assert len(found) == 16 and len(set(found)) == 1
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("ours_first", [True, False])
def test_a_foreign_caffe_proto_in_the_same_process(ours_first):
    foreign = """
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
file = descriptor_pb2.FileDescriptorProto(name="caffe.proto", package="caffe", syntax="proto2")
made = file.message_type.add(name="NetParameter")
made.field.add(name="name", number=1, type=9, label=1)
descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
found = descriptor_pool.Default().FindMessageTypeByName("caffe.NetParameter")
net = message_factory.GetMessageClass(found)(name="theirs")
"""
    own = "import protonet\nassert protonet.check('input: \"x\" input_shape { dim: 1 }') == []\n"
    after = """
from protonet.api import graph
from protonet.schema.pool import message
assert len(net.DESCRIPTOR.fields) == 1 and len(message("NetParameter").DESCRIPTOR.fields) > 5
assert message("NetParameter").FromString(net.SerializeToString()).name == "theirs"
"""
    code = own + foreign + after if ours_first else foreign + own + after
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
