"""Writes the goldens of src/format with the formats' own Python packages.

Run from this directory with gguf, safetensors and numpy installed:
    python make.py
The numbers are computed here and again in src/format/golden_test.cc.
"""

import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize
from safetensors.numpy import save_file


def ramp(*shape, dtype=np.float32):
    n = int(np.prod(shape))
    return (np.arange(n, dtype=np.float32) - n / 2).reshape(shape).astype(dtype)


def add_keys(writer):
    writer.add_uint8("test.u8", 200)
    writer.add_int8("test.i8", -100)
    writer.add_uint16("test.u16", 60000)
    writer.add_int16("test.i16", -30000)
    writer.add_uint32("test.u32", 4000000000)
    writer.add_int32("test.i32", -2000000000)
    writer.add_uint64("test.u64", 2**64 - 1)
    writer.add_int64("test.i64", -(2**63))
    writer.add_float32("test.f32", 0.1)
    writer.add_float64("test.f64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "온돌 😀")
    writer.add_array("test.strings", ["", "Ġthe", "한"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -0.25])
    writer.add_array("test.bools", [True, False])


def add_tensors(writer):
    writer.add_tensor("f32", ramp(2, 3))
    writer.add_tensor("f16", ramp(2, 3, 4, dtype=np.float16))
    q8 = quantize(ramp(2, 32), GGMLQuantizationType.Q8_0)
    writer.add_tensor("q8_0", q8, raw_dtype=GGMLQuantizationType.Q8_0)
    q4 = quantize(ramp(3, 64), GGMLQuantizationType.Q4_1)
    writer.add_tensor("q4_1", q4, raw_dtype=GGMLQuantizationType.Q4_1)
    writer.add_tensor("ids", np.arange(4, dtype=np.int32))


def write_gguf(path, alignment=32, **options):
    writer = GGUFWriter(path, "llama", **options)
    if alignment != 32:
        writer.add_custom_alignment(alignment)
    add_keys(writer)
    add_tensors(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    here = Path(__file__).parent
    write_gguf(here / "whole.gguf", alignment=64)
    write_gguf(here / "split.gguf", split_max_tensors=2)
    hf = here / "hf"
    hf.mkdir(exist_ok=True)
    tensors = {
        "f32": ramp(2, 3),
        "f16": ramp(2, 3, 4, dtype=np.float16),
        "scalar": np.array(1.5, dtype=np.float32),
        "ids": np.arange(4, dtype=np.int64),
    }
    save_file(tensors, hf / "model.safetensors", metadata={"format": "np"})
    (hf / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}) + "\n")


if __name__ == "__main__":
    main()
