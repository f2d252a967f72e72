"""Times vLLM's CPU build on one GGUF file. Prints one JSON line, as llama_cpp_runner.py does.

vLLM schedules for itself: prefill is the time of a prompt with one new token, decode the
rest of a longer answer to it.
"""
import argparse
import json
import os
import random
import resource
import time


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--sequences", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--first-token", metavar="TEXT")
    return parser.parse_args()


def main():
    args = parse_arguments()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")
    import vllm
    start = time.perf_counter()
    engine = vllm.LLM(model=args.model, dtype="float32", max_model_len=args.depth + args.prompt + args.generate + 64,
                      max_num_seqs=args.sequences, enable_prefix_caching=False)
    load_ms = (time.perf_counter() - start) * 1000
    rng = random.Random(1)

    def seconds(n_prompt, n_new):
        prompts = [{"prompt_token_ids": [rng.randrange(1000, 30000) for _ in range(n_prompt)]}
                   for _ in range(args.sequences)]
        params = vllm.SamplingParams(temperature=0, max_tokens=n_new, ignore_eos=True, detokenize=False)
        begin = time.perf_counter()
        engine.generate(prompts, params, use_tqdm=False)
        return time.perf_counter() - begin

    result = {"load_ms": load_ms}
    if args.first_token:
        engine.generate([args.first_token], vllm.SamplingParams(temperature=0, max_tokens=1), use_tqdm=False)
        result["first_token_ms"] = (time.perf_counter() - start) * 1000
    else:
        seconds(16, 4)
        base = max(args.depth, 1)
        prefill, decode = [], []
        for _ in range(args.repeat):
            before = seconds(base, 1)
            if args.prompt:
                took = seconds(args.depth + args.prompt, 1) - (before if args.depth else 0)
                prefill.append(args.sequences * args.prompt / took)
            if args.generate:
                decode.append(args.sequences * args.generate / (seconds(base, args.generate + 1) - before))
        result.update(prefill=prefill, decode=decode)
    result["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
