#!/usr/bin/env python3
"""Writes one <operation>.bin here for each operation of src/device/device.h:
inputs and expected outputs, computed with numpy in float64 from the formulas in
the papers, on their own (no code of the engine takes part). Needs numpy; the
tests need only the files.

    python3 tests/golden/device/generate.py

A file is a sequence of arrays, each: u32 count, then count f32, little endian.
"""
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(20261122)


def save(name: str, *arrays) -> None:
    with open(HERE / f"{name}.bin", "wb") as file:
        for array in arrays:
            flat = np.asarray(array, dtype="<f4").reshape(-1)
            file.write(np.uint32(flat.size).tobytes() + flat.tobytes())


def normal(*shape) -> np.ndarray:
    """f32 values, as float64 so that all that follows is exact enough."""
    return rng.normal(size=shape).astype(np.float32).astype(np.float64)


def matmul() -> None:
    x, a, b = normal(3, 37), normal(5, 37), normal(2, 37)
    save("matmul", x, a, b, x @ a.T, x @ b.T)


def rms_norm() -> None:
    x, w = normal(3, 10), normal(10)
    eps = float(np.float32(1e-5))
    unit = x / np.sqrt((x**2).mean(-1, keepdims=True) + eps)
    save("rms_norm", x, w, unit * w, unit * (1 + w))


def rotate(x, cos, sin, n_pairs, interleaved):
    """Complex multiplication by cos + i sin. x: [n_tokens, n_heads, d_head]."""
    out = x.copy()
    turn = (cos + 1j * sin)[:, None, :]
    if interleaved:
        z = (x[..., 0 : 2 * n_pairs : 2] + 1j * x[..., 1 : 2 * n_pairs : 2]) * turn
        out[..., 0 : 2 * n_pairs : 2], out[..., 1 : 2 * n_pairs : 2] = z.real, z.imag
    else:
        z = (x[..., :n_pairs] + 1j * x[..., n_pairs : 2 * n_pairs]) * turn
        out[..., :n_pairs], out[..., n_pairs : 2 * n_pairs] = z.real, z.imag
    return out


def rope() -> None:
    n_pairs, d_head, magnitude = 3, 8, 1.25
    positions = np.array([0, 1, 77, 131071], dtype=np.float32)
    inv_freq = (10000.0 ** -(np.arange(n_pairs) / n_pairs)).astype(np.float32)
    angle = (positions[:, None] * inv_freq[None, :]).astype(np.float32).astype(np.float64)
    cos, sin = np.cos(angle) * magnitude, np.sin(angle) * magnitude
    angles = np.stack([cos, sin], -1)
    x = normal(4, 2, d_head)
    save("rope", positions, inv_freq, angles, x, rotate(x, cos, sin, n_pairs, False),
         rotate(x, cos, sin, n_pairs, True))


def q8_0(x):
    """Through q8_0 and back, as src/tensor/quantize.h states it."""
    blocks = x.astype(np.float32).reshape(-1, 32)
    d = (np.abs(blocks).max(-1, keepdims=True) / np.float32(127)).astype(np.float16)
    d = d.astype(np.float32)
    q = np.rint(blocks * (np.float32(1) / d)).clip(-127, 127)
    return (q * d).astype(np.float64).reshape(x.shape)


def attend(q, k, v, n_past, scale, window, softcap):
    """q: [n, heads, d]; k, v: [n_past + n, kv_heads, d]."""
    out = np.zeros_like(q)
    group = q.shape[1] // k.shape[1]
    for i in range(q.shape[0]):
        p = n_past + i
        seen = slice(max(0, p - window + 1) if window else 0, p + 1)
        for h in range(q.shape[1]):
            scores = k[seen, h // group] @ q[i, h] * scale
            if softcap:
                scores = softcap * np.tanh(scores / softcap)
            e = np.exp(scores - scores.max())
            out[i, h] = (e / e.sum()) @ v[seen, h // group]
    return out


def attention() -> None:
    """Two sequences: 3 rows after 4 past tokens, 1 row after 9."""
    heads, kv_heads, d, scale = 4, 2, 32, float(np.float32(0.3))
    shapes = [(4, 3), (9, 1)]
    q = normal(4, heads, d)
    k = [normal(past + n, kv_heads, d) for past, n in shapes]
    v = [normal(past + n, kv_heads, d) for past, n in shapes]

    def both(through, window=0, softcap=0.0):
        return np.concatenate([
            attend(q[a:b], through(k[s]), through(v[s]), shapes[s][0], scale, window, softcap)
            for s, (a, b) in enumerate([(0, 3), (3, 4)])])  # fmt: skip

    def f16(x):
        return x.astype(np.float16).astype(np.float64)

    save("attention", q, k[0], v[0], k[1], v[1], both(lambda x: x), both(f16), both(q8_0),
         both(lambda x: x, window=3), both(lambda x: x, softcap=1.5),
         both(lambda x: x, window=5, softcap=2.0))


def gated_act() -> None:
    gate, up = normal(2, 9) * 4, normal(2, 9)
    gate[0, 0], gate[0, 1] = 60, -200  # the ends: exp must not overflow into NaN
    silu = gate / (1 + np.exp(-gate))
    gelu = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
    save("gated_act", gate, up, silu * up, gelu * up)


def softcap() -> None:
    x = normal(2, 7) * 40
    save("softcap", x, 30 * np.tanh(x / 30))


if __name__ == "__main__":
    for operation in (matmul, rms_norm, rope, attention, gated_act, softcap):
        operation()
