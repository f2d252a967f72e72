"""Times OpenVINO GenAI on one GGUF file. Prints one JSON line, as llama_cpp_runner.py does.

Its pipeline says when the first and the last token came, not when a prompt was
done at some depth: prefill is tokens by the time to the first token, and at a depth
the difference between a prompt of depth + prompt tokens and one of depth.
"""
import argparse
import json
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
    parser.add_argument("--kv", default="f16", help="KV_CACHE_PRECISION")
    parser.add_argument("--backend", choices=["PA", "SDPA"], default="SDPA", help="ATTENTION_BACKEND")
    parser.add_argument("--first-token", metavar="TEXT")
    return parser.parse_args()


def load(args):
    import openvino_genai
    return openvino_genai, openvino_genai.LLMPipeline(
        args.model, "CPU", INFERENCE_NUM_THREADS=args.threads, KV_CACHE_PRECISION=args.kv,
        ATTENTION_BACKEND=args.backend)


def main():
    args = parse_arguments()
    import numpy
    import openvino
    start = time.perf_counter()
    genai, pipeline = load(args)
    load_ms = (time.perf_counter() - start) * 1000
    config = genai.GenerationConfig()
    config.do_sample = False
    config.ignore_eos = True
    config.apply_chat_template = False
    rng = random.Random(1)

    def generate(n_prompt, n_new):
        ids = numpy.array([[rng.randrange(1000, 30000) for _ in range(n_prompt)] for _ in range(args.sequences)],
                          dtype=numpy.int64)
        inputs = genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(numpy.ones_like(ids)))
        config.max_new_tokens = n_new
        return pipeline.generate(inputs, config).perf_metrics

    result = {"load_ms": load_ms}
    if args.first_token:
        config.max_new_tokens = 1
        pipeline.generate(args.first_token, config)
        result["first_token_ms"] = (time.perf_counter() - start) * 1000
    else:
        generate(16, 4)
        prefill, decode = [], []
        for _ in range(args.repeat):
            if args.prompt:
                base = generate(args.depth, 1).get_ttft().mean / 1000 if args.depth else 0
                took = generate(args.depth + args.prompt, 1).get_ttft().mean / 1000 - base
                prefill.append(args.sequences * args.prompt / took)
            if args.generate:
                metrics = generate(max(args.depth, 1), args.generate + 1)
                decode.append(args.sequences * 1000 / metrics.get_tpot().mean)
        result.update(prefill=prefill, decode=decode)
    result["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
