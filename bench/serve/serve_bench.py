"""How a server does under load: ondol, and llama-server where one is given or installed.

    ./dev bench serve                            16 clients, 127 tokens in and 64 out
    ./dev bench serve --clients 1,16 --rounds 3
    ./dev bench serve --rate 0.5                 requests that arrive by themselves (open loop)
    ./dev bench serve --url 127.0.0.1:8000       a server that runs already

The servers run one after the other on the same file and threads, round by round in turn.
Every prompt is other tokens, so nothing comes out of a cache. Printed are medians and
percentiles over all requests: time to the first token, time between tokens, time to the
end, tokens/s of all clients together, and memory after each round.
"""
import argparse
import asyncio
import json
import pathlib
import random
import shutil
import statistics
import sys
import time

import client
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/peers"))
import cases  # noqa: E402  the models, made where they are missing


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench serve", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-3.2-1b q4_0", help="'SHAPE DTYPE' of make_model, or smollm2, or a file")
    parser.add_argument("--clients", default="1,16", help="numbers of concurrent clients, by commas")
    parser.add_argument("--rate", type=float, help="requests a second instead of clients")
    parser.add_argument("--requests", type=int, help="of a round; default: 2 for each client, at least 4")
    parser.add_argument("--prompt", type=int, default=127, help="tokens in")
    parser.add_argument("--generate", type=int, default=64, help="tokens out")
    parser.add_argument("--long-prompt", type=int, default=0, metavar="N",
                        help="one more request with a prompt of N tokens, sent when the others have begun")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slots", type=int, default=16, help="sequences that run together")
    parser.add_argument("--context", type=int, default=512, help="tokens of one sequence")
    parser.add_argument("--llama-server", default=shutil.which("llama-server"), help="its path")
    parser.add_argument("--url", help="host:port of a running server to measure instead")
    parser.add_argument("--key", default="", help="API key for --url")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / ".cache/bench-models")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def make_bodies(options, n, rng, n_tokens):
    """Prompts of ids that every vocabulary here has and that are no special tokens."""
    return [{"model": "", "prompt": [rng.randrange(1000, 40000) for _ in range(n_tokens)], "max_tokens": options.generate,
             "temperature": 0, "ignore_eos": True} for _ in range(n)]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def run_round(host, port, options, n_clients, rng):
    """One round: its answers, the long request's apart, and its wall time."""
    async def send(body):
        return await client.complete(host, port, body, options.key)

    n = options.requests or max(4, 2 * n_clients)
    bodies = make_bodies(options, n, rng, options.prompt)
    start = time.perf_counter()
    work = asyncio.create_task(client.open_loop(send, bodies, options.rate, rng) if options.rate
                               else client.closed_loop(send, bodies, n_clients))
    long_answer = None
    if options.long_prompt:
        await asyncio.sleep(2)
        long_answer = await send(make_bodies(options, 1, rng, options.long_prompt)[0])
    return await work, long_answer, time.perf_counter() - start


def summary(rounds):
    """Figures of all rounds of one server."""
    answers = [answer for one, _, _ in rounds for answer in one]
    good = [answer for answer in answers if not answer.error]
    result = {"requests": len(answers), "failed": len(answers) - len(good)}
    if len(good) < len(answers):
        result["first_error"] = next(answer.error for answer in answers if answer.error)
    if not good:
        return result
    result["tokens_per_s"] = statistics.median(
        sum(a.n_tokens for a in one if not a.error) / wall for one, _, wall in rounds)
    gaps = [gap for answer in good for gap in answer.gaps_s] or [0.0]
    for name, values in (("first_token", [a.first_token_s for a in good]), ("between_tokens", gaps),
                         ("end_to_end", [a.total_s for a in good])):
        result[name + "_ms"] = {"mean": statistics.fmean(values) * 1e3, "p50": percentile(values, 0.5) * 1e3,
                                "p90": percentile(values, 0.9) * 1e3, "p99": percentile(values, 0.99) * 1e3,
                                "max": max(values) * 1e3}
    longs = [answer for _, answer, _ in rounds if answer is not None]
    if longs:
        result["long_first_token_ms"] = [a.first_token_s * 1e3 if not a.error else a.error for a in longs]
    return result


def measure(server, options, n_clients, rounds, rss):
    rng = random.Random(f"{options.seed} {len(rounds)}")  # the same prompts for every server
    rounds.append(asyncio.run(run_round("127.0.0.1", server.port, options, n_clients, rng)))
    rss.append(server.rss_bytes())


def run_servers(options, model, n_clients):
    everyone = [servers.ondol(options.build / "bin/ondol", model, options)]
    if options.llama_server:
        everyone.append(servers.llama_server(options.llama_server, model, options))
    found = {server.name: ([], []) for server in everyone}
    running = []
    try:
        for server in everyone:
            print(f"starting {server.name}", file=sys.stderr)
            server.start()
            running.append(server)
        for number in range(options.rounds):
            for server in everyone if number % 2 == 0 else reversed(everyone):
                print(f"{n_clients} clients, round {number + 1} of {options.rounds}: {server.name}", file=sys.stderr)
                measure(server, options, n_clients, *found[server.name])
    finally:
        for server in running:
            server.stop()
    return {name: {**summary(rounds), "rss_bytes": rss} for name, (rounds, rss) in found.items()}


def run_url(options, n_clients):
    host, _, port = options.url.rpartition(":")
    rounds = [asyncio.run(run_round(host, int(port), options, n_clients, random.Random(f"{options.seed} {i}")))
              for i in range(options.rounds)]
    return {options.url: summary(rounds)}


def markdown(results, options):
    lines = ["| clients | server | tokens/s | first token, mean (p99) ms | between tokens, p50 (p99) ms | end, p50 (p99) ms "
             "| memory by round, MB |", "|---|---|---|---|---|---|---|"]
    for label, of_servers in results.items():
        for name, r in of_servers.items():
            if "tokens_per_s" not in r:
                lines.append(f"| {label} | {name} | failed: {r.get('first_error', 'no requests')} | | | | |")
                continue
            first, gap, end = r["first_token_ms"], r["between_tokens_ms"], r["end_to_end_ms"]
            failed = f" ({r['failed']} of {r['requests']} failed: {r['first_error']})" if r["failed"] else ""
            memory = " ".join(f"{value / 1e6:.0f}" for value in r.get("rss_bytes", []))
            lines.append(f"| {label} | {name}{failed} | {r['tokens_per_s']:.1f} | {first['mean']:.0f} ({first['p99']:.0f}) "
                         f"| {gap['p50']:.1f} ({gap['p99']:.1f}) | {end['p50']:.0f} ({end['p99']:.0f}) | {memory} |")
    long = [f"{name}: " + ", ".join(f"{v:.0f} ms" if isinstance(v, float) else v for v in r["long_first_token_ms"])
            for of_servers in results.values() for name, r in of_servers.items() if "long_first_token_ms" in r]
    if long:
        lines.append(f"\nFirst token of the prompt of {options.long_prompt}: " + "; ".join(long))
    return "\n".join(lines)


def main():
    options = parse_arguments()
    options.context = max(options.context, options.prompt + options.generate, options.long_prompt + options.generate)
    counts = [0] if options.rate else [int(n) for n in options.clients.split(",")]
    results = {}
    if options.url:
        model = options.url
    else:
        model = pathlib.Path(options.model)
        if not model.is_file():
            model = cases.model_file(options.model, options.models, options.build / "bin/make_model")
        cases.warm(model)
    for n_clients in counts:
        label = f"{options.rate}/s" if options.rate else n_clients
        try:
            results[label] = run_url(options, n_clients) if options.url else run_servers(options, model, n_clients)
        except servers.CannotRun as error:
            sys.exit(str(error))
    if options.json:
        print(json.dumps(results))
        return
    print(f"{pathlib.Path(model).name}, {options.prompt} tokens in and {options.generate} out, {options.threads} threads, "
          f"{options.slots} sequences at most\n\n{markdown(results, options)}")


if __name__ == "__main__":
    main()
