"""The Markdown table of a run: the README's is its output."""
import statistics

TITLES = {"prefill": "prefill", "decode": "decode", "first_token": "first token"}


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_spread(values):
    return f"{number(statistics.median(values))} ({number(min(values))}-{number(max(values))})"


def ratio(metric, ours, theirs):
    """Above 1 ondol is faster."""
    quotient = statistics.median(ours) / statistics.median(theirs)
    return 1 / quotient if metric == "first_token" else quotient


def setting_text(setting):
    return ", ".join(f"{name}={value}" for name, value in setting.items())


def share_text(case, metric, samples, limits):
    shares = samples.shares(metric, limits)
    if shares is None:
        return ""
    int8, read = (f"{100 * share:.0f}%" for share in shares)
    if case.sequences > 1:
        return f"{int8} int8, {read} read"
    return f"{int8} int8" if metric == "prefill" else f"{read} read"


def row_title(case, metric):
    if metric == "first_token":
        return f"{case.title}, ms"
    n = case.prompt if metric == "prefill" else case.generate
    depth = f" at {case.depth}" if case.depth else ""
    return f"{case.title}, {TITLES[metric]} {n}{depth}"


def speed_rows(cases, done, peers, limits):
    for case in cases:
        samples = done[case.name]
        for metric in TITLES:
            ours, _ = samples["ondol"].of(metric)
            if ours is None:
                continue
            cells = [row_title(case, metric), with_spread(ours), share_text(case, metric, samples["ondol"], limits)]
            for peer in peers:
                theirs, setting = samples[peer].of(metric)
                if theirs is None:
                    cells += ["-", "-"]
                else:
                    cells += [f"{with_spread(theirs)} {setting_text(setting)}".rstrip(),
                              f"**{ratio(metric, ours, theirs):.2f}**"]
            yield cells


def memory_rows(cases, done, peers):
    for case in cases:
        samples = done[case.name]
        mine = samples["ondol"].extra
        if not mine.get("weight_bytes"):
            continue
        allowed = mine["weight_bytes"] + mine["kv_bytes"] + 150e6
        depth = f" at {case.depth}" if case.depth else ""
        yield ([case.title + depth, f"{mine['peak_rss_bytes'] / 1e6:.0f}", f"{allowed / 1e6:.0f}"] +
               [f"{samples[peer].extra['peak_rss_bytes'] / 1e6:.0f}" if samples[peer].extra else "-" for peer in peers])


def lines(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def markdown(cases, done, versions, missing, machine, limits, options):
    peers = [name for name in versions if name != "ondol"]
    out = [f"{machine['cpu']}, {machine['n_cores']} cores, {machine['isa']}; {options.threads} threads, "
           f"{options.rounds} rounds of {options.repeat}; tokens/s: median (smallest-largest).",
           f"Limits: read {limits['read_bytes_per_s'] / 1e9:.1f} GB/s, int8 {limits['int8_ops_per_s'] / 1e9:.0f} GOP/s "
           f"({limits['int8_product']}), f32 {limits['f32_ops_per_s'] / 1e9:.0f} GFLOP/s.", ""]
    header = ["", f"ondol {versions['ondol']}", "of the limit"]
    for peer in peers:
        header += [f"{peer} {versions[peer]}", "ratio"]
    out += lines(header, speed_rows(cases, done, peers, limits))
    memory = list(memory_rows(cases, done, peers))
    if memory:
        out += [""]
        out += lines(["peak memory, MB", "ondol", "weights + KV + 150 MB", *peers], memory)
    reasons = dict(missing)
    for case in cases:
        for name, samples in done[case.name].items():
            if samples.refused:
                reasons[f"{name}, {case.name}"] = samples.refused
    if reasons:
        out += ["", "Did not run:", ""] + [f"- {what}: {why}" for what, why in reasons.items()]
    return "\n".join(out)
