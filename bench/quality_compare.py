"""Quality beside llama.cpp: perplexity and KL divergence on real text.

Two questions, two tables:

1. The engine. The same file runs on ondol's cpu device and in llama.cpp; both are
   held against ondol's reference device, which computes with f32 weights and f32
   keys and values. The smaller the KL, the less the engine's own rounding adds.
2. The encoder. From one f16 file `ondol quantize` and llama.cpp's quantizer make
   files of the same type, without and with the same importance matrix; both run on
   one device of ondol's and are held against the f16 file there. The smaller the
   KL, the less the quantizer lost.

    ./dev bench quality                                both, 2000 tokens of Moby-Dick
    ./dev bench quality --part encoder --tokens 10000

Runs in the virtual environment of llama-cpp-python that `./dev bench peers` makes (and
makes it if need be), or in a Python that has it already: --python.
"""
import argparse
import ctypes
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

try:
    import llama_cpp
    import numpy
except ImportError:  # then this runs again where they are: run_in_environment
    llama_cpp = None

ROOT = pathlib.Path(__file__).resolve().parents[1]
WINDOW = 512
FILE_TYPES = {"q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q4_k": 14, "q4_k_m": 15,
              "q5_k": 16, "q5_k_m": 17, "q6_k": 18}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench quality", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ondol", default=ROOT / "build/release/bin/ondol")
    parser.add_argument("--model", default=ROOT / ".cache/test-data/smollm2.gguf")
    parser.add_argument("--text", default=ROOT / ".cache/test-data/moby-dick.txt")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--skip-tokens", type=int, default=0,
                        help="leave out so much of the text's beginning (default 0)")
    parser.add_argument("--imatrix-tokens", type=int, default=50000,
                        help="taken behind the tokens that are scored")
    parser.add_argument("--types", default="q4_0,q8_0,q4_k_m,q6_k")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", choices=["engine", "encoder", "both"], default="both")
    parser.add_argument("--device", choices=["reference", "cpu"], default="reference",
                        help="where the quantizers' files run: cpu is ten times as fast and adds its own, "
                             "equal, rounding to both (default reference)")
    parser.add_argument("--json", help="write all numbers to this file")
    parser.add_argument("--python", help="an interpreter that has llama-cpp-python")
    return parser.parse_args()


def run_in_environment(python):
    """Starts this program anew under an interpreter that has llama-cpp-python; does not return."""
    sys.path.insert(0, str(ROOT / "bench/peers"))
    import engines
    if os.environ.get("ONDOL_QUALITY_PYTHON"):
        sys.exit(f"{sys.executable} has no llama-cpp-python and numpy")
    if python is None:
        python = engines.PeerEngine.installed(engines.PEERS[0], ROOT / ".cache/bench-peers").python
    os.environ["ONDOL_QUALITY_PYTHON"] = str(python)
    os.execv(python, [str(python), __file__, *sys.argv[1:]])


class Ondol:
    def __init__(self, binary, threads):
        self.binary, self.threads = binary, threads

    def json(self, *arguments):
        command = [str(self.binary), *map(str, arguments), "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8")
        if done.returncode != 0:
            sys.exit(f"failed: {' '.join(command)}")
        return json.loads(done.stdout)

    def perplexity(self, model, text, tokens, *more):
        return self.json("perplexity", "-m", model, "-f", text, "--tokens", tokens, "--window", WINDOW,
                         "--stride", WINDOW - 1, "--threads", self.threads, "--no-weight-cache", *more)


def quiet_llama():
    quiet_llama.callback = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(quiet_llama.callback, None)
    llama_cpp.llama_backend_init()


def llama_logits(model_path, ids, bos, threads):
    """Yields (logits, next token) of every scored token, in windows like those of `ondol perplexity`."""
    model = llama_cpp.llama_model_load_from_file(str(model_path).encode(),
                                                 llama_cpp.llama_model_default_params())
    if not model:
        sys.exit(f"llama.cpp cannot load {model_path}")
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = WINDOW
    params.n_threads = params.n_threads_batch = threads
    context = llama_cpp.llama_init_from_model(model, params)
    n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    batch = llama_cpp.llama_batch_init(WINDOW, 0, 1)
    prefix = [bos] if bos is not None else []
    done, begin = 1 - len(prefix), 0
    while done < len(ids):
        end = min(begin + WINDOW - len(prefix), len(ids))
        window = prefix + ids[begin:end]
        first = done - begin + len(prefix) - 1
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        batch.n_tokens = len(window)
        for i, token in enumerate(window):
            batch.token[i], batch.pos[i] = token, i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = i >= first
        if llama_cpp.llama_decode(context, batch) != 0:
            sys.exit("llama_decode failed")
        for i in range(first, len(window) - 1):
            row = llama_cpp.llama_get_logits_ith(context, i)
            yield numpy.ctypeslib.as_array(row, shape=(n_vocab,)), window[i + 1]
        done, begin = end, begin + WINDOW - 1
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)


def log_softmax(logits):
    shifted = logits.astype(numpy.float64) - logits.max()
    return shifted - math.log(numpy.exp(shifted).sum())


def score_llama(rows, reference):
    """What `ondol perplexity --kl-reference` prints, of rows of (logits, next token)."""
    nll, kl, same = [], [], 0
    for n, (logits, token) in enumerate(rows):
        p, q = log_softmax(reference[n]), log_softmax(logits)
        nll.append(-q[token])
        kl.append(max(0.0, float((numpy.exp(p) * (p - q)).sum())))
        same += int(p.argmax() == q.argmax())
    if len(kl) != len(reference):
        sys.exit(f"scored {len(kl)} tokens, the reference {len(reference)}")
    return {"perplexity": math.exp(numpy.mean(nll)),
            "kl": {"mean": float(numpy.mean(kl)),
                   "mean_stderr": float(numpy.std(kl, ddof=1) / math.sqrt(len(kl))),
                   "max": max(kl), "same_top": same / len(kl)}}


def llama_quantize(source, target, type_name, threads, imatrix=None):
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[type_name]
    params.nthread = threads
    entries = None
    if imatrix:
        entries = (llama_cpp.llama_model_imatrix_data * (len(imatrix) + 1))()
        for entry, (name, values) in zip(entries, imatrix.items()):
            entry.name = name.encode()
            entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            entry.size = values.size
        params.imatrix = ctypes.cast(entries, type(params.imatrix))
    start = time.perf_counter()
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        sys.exit(f"llama.cpp cannot quantize to {type_name}")
    return time.perf_counter() - start


def read_f32_gguf(path):
    """The tensors of a GGUF file that holds nothing but f32, as flat arrays (format: src/format/gguf.h)."""
    data, at = pathlib.Path(path).read_bytes(), 24
    scalar_bytes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

    def take(form):
        nonlocal at
        value, = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value

    def take_string():
        nonlocal at
        n = take("Q")
        at += n
        return data[at - n:at].decode()

    def skip(kind):
        nonlocal at
        if kind == 8:
            take_string()
        elif kind == 9:
            of, n = take("I"), take("Q")
            for _ in range(n):
                skip(of)
        else:
            at += scalar_bytes[kind]

    n_tensors, n_keys = struct.unpack_from("<QQ", data, 8)
    for _ in range(n_keys):
        take_string()
        skip(take("I"))
    infos = []
    for _ in range(n_tensors):
        name = take_string()
        n = math.prod(take("Q") for _ in range(take("I")))
        take("I")
        infos.append((name, n, take("Q")))
    start = (at + 31) // 32 * 32
    return {name: numpy.frombuffer(data, numpy.float32, n, start + offset) for name, n, offset in infos}


def read_imatrix(path):
    """Mean squares by weight name, as llama-quantize takes them from the same file."""
    tensors, suffix = read_f32_gguf(path), ".in_sum2"
    names = [name[:-len(suffix)] for name in tensors if name.endswith(suffix)]
    return {name: tensors[name + suffix] / tensors[name + ".counts"][0] for name in names}


def print_rows(title, columns, rows):
    print(f"\n{title}\n")
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def cells(score):
    kl = score["kl"]
    return [f"{score['perplexity']:.3f}", f"{kl['mean']:.6f} ± {kl['mean_stderr']:.6f}", f"{kl['max']:.4f}",
            f"{100 * kl['same_top']:.2f}%"]


class Bench:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.ondol = Ondol(arguments.ondol, arguments.threads)
        self.types = arguments.types.split(",")
        self.numbers = {"engine": [], "encoder": []}

    def prepare(self):
        """The text that is scored, the one behind it for importances, and an unquantized model."""
        a = self.arguments
        text = pathlib.Path(a.text).read_text(encoding="utf-8")
        ids = self.ondol.json("tokenize", "-m", a.model, "-f", a.text, "--plain")["ids"]
        per_token = len(text) / len(ids)
        begin = int(a.skip_tokens * per_token)
        cut = begin + int(1.2 * a.tokens * per_token)
        self.text, self.other = self.folder / "scored.txt", self.folder / "other.txt"
        self.text.write_text(text[begin:cut], encoding="utf-8")
        self.other.write_text(text[cut:] or text, encoding="utf-8")
        self.ids = self.ondol.json("tokenize", "-m", a.model, "-f", self.text, "--plain")["ids"][:a.tokens]
        special = self.ondol.json("tokenize", "-m", a.model, "-p", "a", "--special")["ids"]
        plain = self.ondol.json("tokenize", "-m", a.model, "-p", "a", "--plain")["ids"]
        self.bos = special[0] if special[1:1 + len(plain)] == plain else None
        self.f16 = self.folder / "f16.gguf"
        self.ondol.json("quantize", a.model, self.f16, "--type", "f16", "--threads", a.threads)

    def reference(self, model, name, device="reference"):
        path = self.folder / name
        score = self.ondol.perplexity(model, self.text, self.arguments.tokens, "--device", device,
                                      "--kv-dtype", "f32", "--save-logits", path)
        return path, score

    def engine(self):
        files = [("as it is", self.arguments.model)]
        for type_name in self.types:
            path = self.folder / f"{type_name}.gguf"
            self.ondol.json("quantize", self.f16, path, "--type", type_name)
            files.append((type_name, path))
        rows = []
        for name, path in files:
            reference, score = self.reference(path, "reference.npy")
            ours = self.ondol.perplexity(path, self.text, self.arguments.tokens, "--kl-reference", reference)
            theirs = score_llama(llama_logits(path, self.ids, self.bos, self.arguments.threads),
                                 numpy.load(reference, mmap_mode="r"))
            reference.unlink()
            self.numbers["engine"].append({"file": name, "reference": score, "ondol": ours, "llama.cpp": theirs})
            rows.append([name, "reference", f"{score['perplexity']:.3f}", "", "", ""])
            rows.append([name, "ondol cpu", *cells(ours)])
            rows.append([name, "llama.cpp", *cells(theirs)])
        print_rows(f"The engine: same file, {self.arguments.tokens} tokens, against ondol's reference device",
                   ["file", "runs on", "perplexity", "KL mean", "KL max", "same top token"], rows)

    def encoder(self):
        a = self.arguments
        imatrix = self.folder / "imatrix.gguf"
        self.ondol.json("imatrix", "-m", self.f16, "-f", self.other, "-o", imatrix, "--tokens", a.imatrix_tokens,
                        "--threads", a.threads, "--no-weight-cache")
        importances = read_imatrix(imatrix)
        reference, score = self.reference(self.f16, "f16.npy", a.device)
        rows = [["f16", "", "", "", f"{score['perplexity']:.3f}", "", "", ""]]
        for type_name in self.types:
            for with_imatrix in [False, True]:
                for who in ["ondol", "llama.cpp"]:
                    path = self.folder / "quantized.gguf"
                    if who == "ondol":
                        made = self.ondol.json("quantize", self.f16, path, "--type", type_name, "--force", "--threads",
                                               a.threads, *(["--imatrix", imatrix] if with_imatrix else []))
                        seconds = made["seconds"]
                    else:
                        seconds = llama_quantize(self.f16, path, type_name, a.threads,
                                                 importances if with_imatrix else None)
                    result = self.ondol.perplexity(path, self.text, a.tokens, "--device", a.device,
                                                   "--kv-dtype", "f32", "--kl-reference", reference)
                    size = path.stat().st_size
                    self.numbers["encoder"].append({"type": type_name, "imatrix": with_imatrix, "by": who,
                                                    "bytes": size, "seconds": seconds, **result})
                    rows.append([type_name + (" + imatrix" if with_imatrix else ""), who, f"{size / 1e6:.1f} MB",
                                 f"{seconds:.1f} s", *cells(result)])
                    path.unlink()
        print_rows(f"The encoder: files made of one f16 file, {a.tokens} tokens, against that file; "
                   f"all on ondol's {a.device} device",
                   ["type", "made by", "size", "time", "perplexity", "KL mean", "KL max", "same top token"], rows)


def main():
    arguments = parse_arguments()
    if llama_cpp is None:
        run_in_environment(arguments.python)
    quiet_llama()
    with tempfile.TemporaryDirectory(prefix="ondol-quality-") as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        bench.prepare()
        if arguments.part != "encoder":
            bench.engine()
        if arguments.part != "engine":
            bench.encoder()
        if arguments.json:
            pathlib.Path(arguments.json).write_text(json.dumps(bench.numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
