"""Times llama.cpp, or ik_llama.cpp, through its Python package on one model.

Prints one JSON line. Uses the low-level binding, so that what is timed is
llama_decode alone: no sampling, no text. With --first-token it times what comes
between the loaded library and the first token: loading the model, a context,
a prompt, the likeliest token; the interpreter's own start is not held against it.
"""
import argparse
import ctypes
import importlib
import json
import random
import resource
import sys
import time

UBATCH = 512


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--module", default="llama_cpp", help="llama_cpp or ik_llama_cpp")
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--flash", type=int, choices=[0, 1], default=1)
    parser.add_argument("--repack", type=int, choices=[0, 1], default=0, help="ik_llama.cpp's -rtr")
    parser.add_argument("--first-token", metavar="TEXT", help="time one answer of one token to TEXT instead")
    parser.add_argument("--logits", metavar="FILE", help="write those after each of --tokens to a .npy file instead")
    parser.add_argument("--tokens", help="ids with commas between")
    return parser.parse_args()


def load_library(module):
    """The binding's functions, and the shared library behind it for those it has left out."""
    if module == "ik_llama_cpp":
        api = importlib.import_module("ik_llama_cpp._ctypes_api")
        library = next(v for v in vars(api).values() if isinstance(v, ctypes.CDLL))
        library.llama_kv_cache_seq_rm.argtypes = [ctypes.c_void_p] + [ctypes.c_int32] * 3
        library.llama_kv_cache_seq_rm.restype = ctypes.c_bool
        return api, library
    api = importlib.import_module(module)
    api.llama_log_set(KEEP.setdefault("log", api.llama_log_callback(lambda level, text, data: None)), None)
    return api, None


KEEP = {}  # callbacks that C holds on to


class Session:
    def __init__(self, api, library, args, n_context):
        self.api = api
        self.library = library
        api.llama_backend_init()
        model_params = api.llama_model_default_params()
        model_params.use_mmap = not args.repack
        if hasattr(model_params, "repack_tensors"):
            model_params.repack_tensors = bool(args.repack)
        self.model = api.llama_model_load_from_file(args.model.encode(), model_params)
        if not self.model:
            sys.exit(f"cannot load {args.model}")
        params = api.llama_context_default_params()
        params.n_ctx = n_context * args.sequences
        params.n_batch = max(2048, UBATCH)
        params.n_ubatch = UBATCH
        params.n_seq_max = args.sequences
        params.n_threads = args.threads
        params.n_threads_batch = args.threads
        if hasattr(params, "flash_attn_type"):
            params.flash_attn_type = args.flash
        else:
            params.flash_attn = bool(args.flash)
        self.context = api.llama_init_from_model(self.model, params)
        if not self.context:
            sys.exit("no context")
        self.vocab = api.llama_model_get_vocab(self.model)
        self.n_vocab = api.llama_vocab_n_tokens(self.vocab)
        self.n_sequences = args.sequences
        self.batch = api.llama_batch_init(max(UBATCH, args.sequences), 0, 1)

    def truncate(self, length):
        for s in range(self.n_sequences):
            if self.library is None:
                self.api.llama_memory_seq_rm(self.api.llama_get_memory(self.context), s, length, -1)
            else:
                self.library.llama_kv_cache_seq_rm(self.context, s, length, -1)

    def append(self, rows, position, all_logits=False):
        """rows: the same number of tokens for each sequence. Logits after the last of each, or after all."""
        n = len(rows[0])
        step = max(1, UBATCH // self.n_sequences)
        for start in range(0, n, step):
            end = min(n, start + step)
            i = 0
            for s, row in enumerate(rows):
                for t in range(start, end):
                    self.batch.token[i] = row[t]
                    self.batch.pos[i] = position + t
                    self.batch.n_seq_id[i] = 1
                    self.batch.seq_id[i][0] = s
                    self.batch.logits[i] = all_logits or t + 1 == n
                    i += 1
            self.batch.n_tokens = i
            if self.api.llama_decode(self.context, self.batch) != 0:
                sys.exit("llama_decode failed")
        if hasattr(self.api, "llama_synchronize"):
            self.api.llama_synchronize(self.context)

    def likeliest(self, row):
        logits = self.api.llama_get_logits_ith(self.context, row)
        return max(range(self.n_vocab), key=logits.__getitem__)

    def tokenize(self, text):
        data = text.encode()
        tokens = (ctypes.c_int32 * (len(data) + 8))()
        n = self.api.llama_tokenize(self.vocab, data, len(data), tokens, len(tokens), True, True)
        return list(tokens[:n])


def first_token(api, library, args):
    start = time.perf_counter()
    session = Session(api, library, args, 64)
    tokens = session.tokenize(args.first_token)
    session.append([tokens], 0)
    session.likeliest(len(tokens) - 1)
    return {"first_token_ms": (time.perf_counter() - start) * 1000, "n_prompt": len(tokens)}


def speed(api, library, args):
    start = time.perf_counter()
    session = Session(api, library, args, args.depth + max(args.prompt, args.generate, 64) + 32)
    load_ms = (time.perf_counter() - start) * 1000
    rng = random.Random(1)

    def draw(n):
        return [[rng.randrange(session.n_vocab // 2) for _ in range(n)] for _ in range(args.sequences)]

    session.append(draw(max(1, 64 // args.sequences)), 0)  # pages the weights in
    session.truncate(0)
    if args.depth:
        session.append(draw(args.depth), 0)
    prefill, decode = [], []
    for _ in range(args.repeat):
        if args.prompt:
            rows = draw(args.prompt)
            start = time.perf_counter()
            session.append(rows, args.depth)
            prefill.append(args.sequences * args.prompt / (time.perf_counter() - start))
            session.truncate(args.depth)
        if args.generate:
            rows = [draw(1) for _ in range(args.generate)]
            start = time.perf_counter()
            for i, row in enumerate(rows):
                session.append(row, args.depth + i)
            decode.append(args.sequences * args.generate / (time.perf_counter() - start))
            session.truncate(args.depth)
    return {"prefill": prefill, "decode": decode, "load_ms": load_ms}


def write_logits(api, library, args):
    """NumPy's format: a header of a multiple of 64 bytes, then f32 [n_tokens, n_vocab]."""
    ids = [int(part) for part in args.tokens.split(",")]
    session = Session(api, library, args, len(ids) + 32)
    with open(args.logits, "wb") as out:
        head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({len(ids)}, {session.n_vocab})}}"
        head = head.ljust(-(len(head) + 11) % 64 + len(head)) + "\n"
        out.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        for start in range(0, len(ids), UBATCH):
            part = ids[start:start + UBATCH]
            session.append([part], start, all_logits=True)
            for i in range(len(part)):
                row = session.api.llama_get_logits_ith(session.context, i)
                out.write(ctypes.string_at(row, 4 * session.n_vocab))
    return {"n_tokens": len(ids)}


def main():
    args = parse_arguments()
    api, library = load_library(args.module)
    task = write_logits if args.logits else first_token if args.first_token else speed
    result = task(api, library, args)
    result["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
