#!/usr/bin/env python3
"""Logits of the real SmolLM2-135M-Instruct (GGUF, Q4_1) by transformers in f32.

    python tests/golden/models/smollm2.py .cache/test-data/smollm2.gguf

writes smollm2_logits.npy, f32 [32, 512]: for 32 token ids (generate.py's sequence
for the vocabulary of 49152), the logits of every 96th entry of the vocabulary. The
weights are decoded by the `gguf` package (0.19.0) and q and k put back in the order
of Hugging Face; torch 2.15.0, transformers 5.23.0.
"""
import pathlib
import sys

import gguf
import numpy as np
import torch
import transformers

N_TOKENS, STRIDE = 32, 96


def tokens(n_vocab):
    state, out = 12345, []
    for _ in range(N_TOKENS):
        state = (state * 1103515245 + 12345) % 2**31
        out.append((state >> 8) % n_vocab)
    return out


def half_split(rows, n_heads):
    """Row (pair, half) of each head to (half, pair)."""
    n_out, n_in = rows.shape
    return rows.reshape(n_heads, n_out // n_heads // 2, 2, n_in).swapaxes(1, 2).reshape(n_out, n_in)


def main(path):
    reader = gguf.GGUFReader(path)
    number = lambda key: reader.fields["llama." + key].contents()
    n_heads, n_kv_heads = number("attention.head_count"), number("attention.head_count_kv")
    weights = {}
    parts = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj",
             "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    for tensor in reader.tensors:
        value = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        pieces = tensor.name.split(".")
        if pieces[0] == "blk":
            if pieces[2] in ("attn_q", "attn_k"):
                value = half_split(value, n_heads if pieces[2] == "attn_q" else n_kv_heads)
            name = f"model.layers.{pieces[1]}.{parts[pieces[2]]}.weight"
        else:
            name = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}[pieces[0]]
            name += ".weight"
        weights[name] = torch.from_numpy(np.array(value))
    config = transformers.LlamaConfig(
        vocab_size=number("vocab_size"), hidden_size=number("embedding_length"),
        intermediate_size=number("feed_forward_length"), num_hidden_layers=number("block_count"),
        num_attention_heads=n_heads, num_key_value_heads=n_kv_heads, tie_word_embeddings=True,
        rms_norm_eps=number("attention.layer_norm_rms_epsilon"),
        max_position_embeddings=number("context_length"),
        rope_parameters=dict(rope_type="default", rope_theta=number("rope.freq_base")))
    model = transformers.LlamaForCausalLM(config).eval()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert missing in ([], ["lm_head.weight"]) and not unexpected, (missing, unexpected)
    model.tie_weights()
    with torch.no_grad():
        logits = model(torch.tensor([tokens(config.vocab_size)])).logits[0].numpy()
    out = pathlib.Path(__file__).parent / "smollm2_logits.npy"
    np.save(out, np.ascontiguousarray(logits[:, ::STRIDE]))
    return logits


if __name__ == "__main__":
    main(sys.argv[1])
