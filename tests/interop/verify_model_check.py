#!/usr/bin/env python3
"""The numbers of `mlc verify --level model` against numpy, on the same logits.

usage: verify_model_check.py DIVERGENCE_CLI
"""
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(0)

CLI = sys.argv[1]


def log_softmax(x):
    x = x - x.max(axis=1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=1, keepdims=True))


def expected(reference, other, follows, share):
    finite = np.isfinite(reference).all(1) & np.isfinite(other).all(1)
    a, b = reference[finite].astype(np.float64), other[finite].astype(np.float64)
    follows = follows[finite]
    p, q = log_softmax(a), log_softmax(b)
    kl = (np.exp(p) * (p - q)).sum(1)
    margin = np.diff(np.sort(a)[:, -2:])[:, 0]
    bound = share * np.ptp(a, axis=1).max()
    other_top = a.argmax(1) != b.argmax(1)
    scored = follows >= 0
    rows, tokens = np.nonzero(scored)[0], follows[scored]
    nll_a, nll_b = -p[rows, tokens], -q[rows, tokens]
    ratio = np.exp((nll_b - nll_a).mean())
    return {
        "positions": len(a),
        "nonfinite_positions": (~finite).sum(),
        "max_logit_error": np.abs(a - b).max(),
        "mean_logit_error": np.abs(a - b).mean(),
        "logit_range": np.ptp(a, axis=1).max(),
        "kl_mean": kl.mean(),
        "kl_99": np.sort(kl)[int(np.ceil(0.99 * len(kl))) - 1],
        "kl_max": kl.max(),
        "top1": 1 - other_top.mean(),
        "unexplained_top1": (other_top & (margin > 2 * bound)).sum(),
        "perplexity_positions": scored.sum(),
        "perplexity_reference": np.exp(nll_a.mean()),
        "perplexity": np.exp(nll_b.mean()),
        "perplexity_ratio": ratio,
        "perplexity_ratio_error": ratio * (nll_b - nll_a).std(ddof=1) / np.sqrt(scored.sum()),
    }


def main():
    rng = np.random.default_rng(6)
    failures = 0
    for positions, vocab, spread, error in ((1000, 512, 4, 0.3), (300, 2048, 8, 1e-3),
                                            (37, 7, 1, 5), (2, 2, 30, 1), (150, 100, 2, 0)):
        reference = (rng.standard_normal((positions, vocab)) * spread - 10).astype(np.float32)
        other = reference + (rng.standard_normal(reference.shape) * error + 2).astype(np.float32)
        follows = rng.integers(0, vocab, positions).astype(np.int32)
        if positions > 100:
            follows[rng.integers(0, positions, 20)] = -1
            other[3, 5], reference[7, 1] = np.nan, np.inf
        share = 0.01
        data = reference.tobytes() + other.tobytes() + follows.tobytes()
        lines = subprocess.run([CLI, str(positions), str(vocab), str(share)], input=data,
                               stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
        got = {name: float(value) for name, value in (line.split() for line in lines if line)}
        want = expected(reference, other, follows, share)
        for name, value in want.items():
            # Sums of numbers that cancel, in another order: as good as float64 is.
            if not abs(got[name] - value) <= 1e-11 * abs(value) + 1e-14:
                failures += 1
                print(f"differs: {positions} x {vocab}: {name} {got[name]} expected {value}")
        if got.keys() != want.keys():
            failures += 1
            print(f"not compared: {got.keys() ^ want.keys()}")
        print(f"{positions} x {vocab}: KL {got['kl_mean']:.4g}, top-1 {got['top1']:.4g}, "
              f"perplexity ratio {got['perplexity_ratio']:.4g} +- {got['perplexity_ratio_error']:.2g}")
    sys.exit(failures > 0)


main()
