"""Times llama.cpp (or a fork with the same Python binding) on one model.

Prints one JSON line: prefill and decode tokens/s of every repeat, load time and
peak memory. Uses the low-level binding, so that what is timed is llama_decode
alone: no sampling, no text, as `ondol bench` does it.
"""
import argparse
import importlib
import json
import random
import resource
import sys
import time


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", default="llama_cpp")
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--flash", action="store_true")
    return parser.parse_args()


class Session:
    def __init__(self, lib, args):
        self.lib = lib
        lib.llama_backend_init()
        model_params = lib.llama_model_default_params()
        model_params.use_mmap = True
        load = getattr(lib, "llama_model_load_from_file", None) or lib.llama_load_model_from_file
        self.model = load(args.model.encode(), model_params)
        if not self.model:
            sys.exit(f"cannot load {args.model}")
        params = lib.llama_context_default_params()
        params.n_ctx = args.depth + args.prompt + args.generate + 64
        params.n_batch = 2048
        params.n_ubatch = 512
        params.n_threads = args.threads
        params.n_threads_batch = args.threads
        if args.flash:
            if hasattr(params, "flash_attn_type"):
                params.flash_attn_type = 1
            elif hasattr(params, "flash_attn"):
                params.flash_attn = True
        create = getattr(lib, "llama_init_from_model", None) or lib.llama_new_context_with_model
        self.context = create(self.model, params)
        vocab = getattr(lib, "llama_model_get_vocab", None)
        self.n_vocab = lib.llama_vocab_n_tokens(vocab(self.model)) if vocab else lib.llama_n_vocab(self.model)
        self.batch = lib.llama_batch_init(2048, 0, 1)

    def clear(self):
        if hasattr(self.lib, "llama_memory_clear"):
            self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        else:
            self.lib.llama_kv_cache_clear(self.context)

    def decode(self, tokens, position):
        for start in range(0, len(tokens), 512):
            part = tokens[start:start + 512]
            self.batch.n_tokens = len(part)
            for i, token in enumerate(part):
                self.batch.token[i] = token
                self.batch.pos[i] = position + start + i
                self.batch.n_seq_id[i] = 1
                self.batch.seq_id[i][0] = 0
                self.batch.logits[i] = start + i + 1 == len(tokens)
            if self.lib.llama_decode(self.context, self.batch) != 0:
                sys.exit("llama_decode failed")
        if hasattr(self.lib, "llama_synchronize"):
            self.lib.llama_synchronize(self.context)


def main():
    args = parse_arguments()
    lib = importlib.import_module(args.module)
    if hasattr(lib, "llama_log_set"):
        callback = lib.llama_log_callback(lambda level, text, data: None)
        lib.llama_log_set(callback, None)
    start = time.perf_counter()
    session = Session(lib, args)
    load_ms = (time.perf_counter() - start) * 1000
    rng = random.Random(1)
    draw = lambda n: [rng.randrange(session.n_vocab // 2) for _ in range(n)]
    session.decode(draw(16), 0)  # warm up: page in the weights
    prefill, generate = [], []
    for _ in range(args.repeat):
        session.clear()
        if args.depth:
            session.decode(draw(args.depth), 0)
        if args.prompt:
            tokens = draw(args.prompt)
            start = time.perf_counter()
            session.decode(tokens, args.depth)
            prefill.append(args.prompt / (time.perf_counter() - start))
        if args.generate:
            session.clear()
            session.decode(draw(args.depth) if args.depth else draw(1), 0)
            start = time.perf_counter()
            for i in range(args.generate):
                session.decode(draw(1), max(args.depth, 1) + i)
            generate.append(args.generate / (time.perf_counter() - start))
    print(json.dumps({
        "prefill_tokens_per_s": prefill,
        "decode_tokens_per_s": generate,
        "load_ms": load_ms,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
