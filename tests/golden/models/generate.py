#!/usr/bin/env python3
"""Makes the tiny seeded models of this folder and their logits.

Each folder is a Hugging Face checkpoint of one variant of a family, with
`logits.npy`, f32 [64, n_vocab]: what `transformers` computes for the 64 token ids
of `tokens()` below (the C++ test makes the same ids). Run with

    python tests/golden/models/generate.py

Made with transformers 5.23.0, torch 2.15.0, numpy 2.4.6, safetensors 0.8.0.

Weights are not drawn as for training: they are large enough that attention is
neither flat nor one-hot, so that a wrong rotation, mask, norm or head shows. They
are rounded to what f16 and bf16 both represent, so that a copy in either dtype has
the very same logits.
"""
import json
import pathlib

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file

FOLDER = pathlib.Path(__file__).parent
N_TOKENS = 64
SMALL = dict(
    vocab_size=300,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
)


def tokens(n_vocab):
    """A linear congruential sequence, easy to repeat in C++."""
    state, out = 12345, []
    for _ in range(N_TOKENS):
        state = (state * 1103515245 + 12345) % 2**31
        out.append((state >> 8) % n_vocab)
    return out


def rounded(x):
    x = x.to(torch.bfloat16).to(torch.float32)
    return torch.where(x.abs() < 2**-13, torch.zeros_like(x), x)


@torch.no_grad()
def draw_weights(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            base = 0.0 if "Gemma3RMSNorm" in str(norm_class(model, name)) else 1.0
            value = base + 0.3 * noise
        elif name.endswith("bias"):
            value = 0.5 * noise
        elif "embed_tokens" in name:
            value = 0.7 * noise
        elif "q_proj" in name or "k_proj" in name:
            value = 1.5 * noise / parameter.shape[1] ** 0.5
        elif parameter.ndim == 2:
            value = noise / parameter.shape[1] ** 0.5
        else:
            value = 0.1 * noise  # vision towers, not used
        parameter.copy_(rounded(value))


def norm_class(model, parameter_name):
    return type(model.get_submodule(parameter_name.rsplit(".", 1)[0]))


def old_rope_form(config):
    """As transformers 4 wrote it: rope_theta and rope_scaling side by side."""
    parameters = dict(config.pop("rope_parameters"))
    config["rope_theta"] = parameters.pop("rope_theta")
    kind = parameters.pop("rope_type")
    config["rope_scaling"] = None if kind == "default" else dict(type=kind, **parameters)


def drop_vision_layers(folder):
    """Keeps one vision weight: enough to be a weight nobody asks for."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    vision = sorted(n for n in weights if "vision" in n or "projector" in n)
    for name in vision[1:]:
        del weights[name]
    save_file(weights, path, metadata={"format": "pt"})


def make(name, model, seed, dtype=torch.float32, edit=None, forward=None):
    model = model.float().eval()
    draw_weights(model, seed)
    ids = torch.tensor([tokens(SMALL["vocab_size"])])
    with torch.no_grad():
        logits = model(ids, **(forward or {})).logits[0].float().numpy()
    folder = FOLDER / name
    folder.mkdir(exist_ok=True)
    model.to(dtype).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    drop_vision_layers(folder)
    config = json.loads((folder / "config.json").read_text())
    if edit:
        edit(config)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    np.save(folder / "logits.npy", logits.astype(np.float32))
    print(f"{name}: logits std {logits.std():.2f}, largest {abs(logits).max():.2f}")


def causal(config_class, model_class, **settings):
    config = config_class(**{**SMALL, **settings}, attn_implementation="eager")
    return model_class(config)


def gemma_text(**settings):
    base = dict(SMALL, num_hidden_layers=7, intermediate_size=80, head_dim=16, sliding_window=9,
                query_pre_attn_scalar=24, tie_word_embeddings=True)
    return {**base, **settings}


def llamas():
    t = transformers
    llama = (t.LlamaConfig, t.LlamaForCausalLM)
    make("llama_grouped_untied_llama3", causal(
        *llama, rope_parameters=dict(
            rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0,
            high_freq_factor=4.0, original_max_position_embeddings=32)), 1)
    make("llama_mha_tied_linear", causal(
        *llama, num_key_value_heads=4, tie_word_embeddings=True, rope_parameters=dict(
            rope_type="linear", rope_theta=10000.0, factor=2.5)), 2, edit=old_rope_form)
    make("llama_biases_head_dim", causal(
        *llama, attention_bias=True, mlp_bias=True, head_dim=24, num_attention_heads=3,
        num_key_value_heads=1, hidden_size=60, rope_parameters=dict(
            rope_type="default", rope_theta=10000.0)), 3, edit=old_rope_form)
    # Three heads a KV head and two KV heads: the two numbers differ, so that taking one
    # for the other shows.
    make("llama_groups_of_three", causal(
        *llama, num_hidden_layers=1, num_attention_heads=6, hidden_size=48), 8, torch.bfloat16)
    make("mistral_window_bf16", causal(
        t.MistralConfig, t.MistralForCausalLM, sliding_window=11, head_dim=16), 4, torch.bfloat16)
    make("qwen2_f16", causal(
        t.Qwen2Config, t.Qwen2ForCausalLM, tie_word_embeddings=True, use_sliding_window=True,
        sliding_window=7, max_window_layers=1), 5, torch.float16)
    make("qwen2_plain_f16", causal(
        t.Qwen2Config, t.Qwen2ForCausalLM, num_hidden_layers=1), 7, torch.float16)
    make("hyperclovax", causal(
        t.HyperCLOVAXConfig, t.HyperCLOVAXForCausalLM, embedding_multiplier=3.0,
        attention_multiplier=0.17, residual_multiplier=0.6, logits_scaling=0.4), 6)


def qwens():
    t = transformers
    qwen3 = (t.Qwen3Config, t.Qwen3ForCausalLM)
    make("qwen3_tied", causal(
        *qwen3, head_dim=32, tie_word_embeddings=True, rope_parameters=dict(
            rope_type="default", rope_theta=1000000.0)), 11, edit=old_rope_form)
    make("qwen3_untied_yarn", causal(
        *qwen3, head_dim=16, rope_parameters=dict(
            rope_type="yarn", rope_theta=10000.0, factor=4.0,
            original_max_position_embeddings=32)), 12)


def gemmas():
    t = transformers
    make("gemma3", t.Gemma3ForCausalLM(t.Gemma3TextConfig(
        **gemma_text(), attn_implementation="eager")), 21)
    # transformers keeps attn_logit_softcapping without using it; its attention takes
    # a cap as an argument, which is how it is applied here.
    make("gemma3_caps_linear", t.Gemma3ForCausalLM(t.Gemma3TextConfig(
        **gemma_text(num_hidden_layers=3, attn_logit_softcapping=4.0, final_logit_softcapping=7.0,
                     layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                     rope_parameters=dict(
                         full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
                         sliding_attention=dict(rope_type="default", rope_theta=10000.0))),
        attn_implementation="eager")), 22, forward=dict(softcap=4.0))

    def as_published(config):
        """Gemma 3's own files leave out what equals a default, and use the older rope keys."""
        text = config["text_config"]
        parameters = text.pop("rope_parameters")
        text["rope_theta"] = parameters["full_attention"]["rope_theta"]
        text["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        text["rope_scaling"] = dict(rope_type="linear", factor=4.0)
        text["sliding_window_pattern"] = 3
        for key in ("layer_types", "tie_word_embeddings", "hidden_activation",
                    "_sliding_window_pattern"):
            text.pop(key, None)

    vision = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=1,
                  image_size=8, patch_size=4)
    kinds = ["sliding_attention", "sliding_attention", "full_attention"]
    text = gemma_text(num_hidden_layers=4, layer_types=kinds + kinds[:1], rope_parameters=dict(
        full_attention=dict(rope_type="linear", factor=4.0, rope_theta=50000.0),
        sliding_attention=dict(rope_type="default", rope_theta=1000.0)))
    make("gemma3_conditional", t.Gemma3ForConditionalGeneration(t.Gemma3Config(
        text_config=text, vision_config=vision, mm_tokens_per_image=1, image_token_index=299,
        boi_token_index=298, eoi_token_index=297, attn_implementation="eager")), 23,
        edit=as_published)


if __name__ == "__main__":
    llamas()
    qwens()
    gemmas()
