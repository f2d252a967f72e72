#!/usr/bin/env python3
"""ondol's tokenizers beside Hugging Face's, one thread each, on the same text.

  tokenizer_compare.py --bench build/release/bench/tokenizer_bench [--text FILE]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "text"))

from tokenizers import Tokenizer  # noqa: E402

import corpus  # noqa: E402

REPEATS = 3


def best(work):
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--text", type=pathlib.Path, help="default: the corpus of the tests")
    args = parser.parse_args()
    data = pathlib.Path(os.environ.get("ONDOL_TEST_DATA", ".cache/test-data"))
    path = args.text
    if path is None:
        path = pathlib.Path(args.bench).parent / "tokenizer_compare.txt"
        path.write_bytes("\n".join(corpus.lines(20_000)).encode())
    text = path.read_bytes().decode()
    print(f"{'tokenizer':10} {'load ms':>17} {'encode MB/s':>21} {'decode MB/s':>21}   (ondol / tokenizers = ratio)")
    for name in ["llama3", "qwen3", "gemma3"]:
        source = data / "tokenizers" / name / "tokenizer.json"
        ours = json.loads(subprocess.check_output([args.bench, source, path, str(REPEATS)]))
        load, theirs = best(lambda: Tokenizer.from_file(str(source)))
        encode, encoding = best(lambda: theirs.encode(text, add_special_tokens=False))
        decode, decoded = best(lambda: theirs.decode(encoding.ids, skip_special_tokens=False))
        mb = len(text.encode()) / 1e6
        mb_out = len(decoded.encode()) / 1e6
        rows = [(ours["load_ms"], load * 1e3, load * 1e3 / ours["load_ms"]),
                (ours["encode_mb_s"], mb / encode, ours["encode_mb_s"] * encode / mb),
                (ours["decode_mb_s"], mb_out / decode, ours["decode_mb_s"] * decode / mb_out)]
        cells = [f"{a:.1f}/{b:.1f} = {r:.1f}x" for a, b, r in rows]
        same = "" if ours["n_ids"] == len(encoding.ids) else "   ids differ!"
        print(f"{name:10} {cells[0]:>17} {cells[1]:>21} {cells[2]:>21}{same}", flush=True)


if __name__ == "__main__":
    main()
