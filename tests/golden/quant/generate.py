#!/usr/bin/env python3
"""Writes <dtype>.bin here: random blocks, then the f32 values that the PyPI
package `gguf` (tried: 0.19) decodes from them. Needs gguf and numpy; the tests
need only the files.

    python3 tests/golden/quant/generate.py
"""
import pathlib

import gguf
import numpy as np

HERE = pathlib.Path(__file__).parent
N_BLOCKS = 4
# Byte offsets of the f16 fields of each block: random bytes would be NaN or
# infinite now and then, and those compare badly.
F16_FIELDS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [],
}  # fmt: skip


def main() -> None:
    rng = np.random.default_rng(20261122)
    for name, fields in F16_FIELDS.items():
        qtype = gguf.GGMLQuantizationType[name]
        _, n_bytes = gguf.GGML_QUANT_SIZES[qtype]
        blocks = rng.integers(0, 256, (N_BLOCKS, n_bytes), dtype=np.uint8)
        for offset in fields:
            scales = rng.normal(0, 0.1, (N_BLOCKS, 1)).astype(np.float16)
            scales[-1] = np.float16(3e-7)  # subnormal
            blocks[:, offset : offset + 2] = scales.view(np.uint8)
        if name == "MXFP4":
            blocks[:, 0] = [0, 1, 127, 200]  # both subnormal scales, one, large
        values = gguf.quants.dequantize(blocks.reshape(-1), qtype).astype("<f4")
        assert np.isfinite(values).all()
        (HERE / f"{name.lower()}.bin").write_bytes(blocks.tobytes() + values.tobytes())


if __name__ == "__main__":
    main()
