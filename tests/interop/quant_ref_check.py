#!/usr/bin/env python3
"""Our kernels against numpy: group quantization under all rules, and every cast that numpy has.

usage: quant_ref_check.py QUANT_CLI [SHARED]

The model below is written from the rules in docs/formats.md and shares nothing with the C++ code:
float16 and float32 arithmetic is numpy's own. Where SHARED/tools/quant_ref.py exists, a second
opinion is asked too.
"""
import importlib.util
import os
import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(0)

CLI = sys.argv[1]
SHARED = sys.argv[2] if len(sys.argv) > 2 else ""
RULES = {"mlc-2024": (True, "away"), "mlc-2025": (False, "away"), "mlc-2026": (False, "even")}
SCHEMES = {"q4f16_1": (4, 32, "float16"), "q3f16_1": (3, 40, "float16"),
           "q4bf16_1": (4, 32, "bfloat16"), "q4f32_1": (4, 32, "float32")}
LEVELS = ("reference", "")


def bf16_bits(f):
    """float32 array -> bfloat16 bits as ml_dtypes casts."""
    u = f.astype(np.float32).view(np.uint32).astype(np.uint64)
    rounded = (u + 0x7FFF + ((u >> 16) & 1)) >> 16
    quiet = ((u >> 16) & 0x8000) | 0x7FC0
    return np.where(np.isnan(f), quiet, rounded).astype(np.uint16)


def bf16_values(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


class Model:
    """Arithmetic in T. bfloat16 values live in float32 arrays and are rounded by hand."""

    def __init__(self, name):
        self.name = name
        self.np = np.float16 if name == "float16" else np.float32

    def round(self, x):
        return bf16_values(bf16_bits(x)) if self.name == "bfloat16" else x.astype(self.np)

    def lowest(self):
        if self.name == "bfloat16":
            return bf16_values(np.array([0xFF7F], np.uint16))[0]
        return np.finfo(self.np).min

    def bits(self, x):
        if self.name == "bfloat16":
            return bf16_bits(x)
        return x.view(np.uint16 if self.name == "float16" else np.uint32)


def quantize(src, src_name, scheme, rule):
    """src: float32, float16 array, or uint16 bits of bfloat16; two dimensions."""
    bits, group, name = SCHEMES[scheme]
    reciprocal, rounding = RULES[rule]
    t = Model(name)
    top = 2 ** (bits - 1) - 1
    if src_name == name:
        w = bf16_values(src) if name == "bfloat16" else src
    else:
        w = t.round(bf16_values(src) if src_name == "bfloat16" else src)
    rows, cols = w.shape
    groups = -(-cols // group)
    magnitude = np.full((rows, groups * group), t.lowest(), t.np)
    magnitude[:, :cols] = np.abs(w)
    magnitude = magnitude.reshape(rows, groups, group)
    largest = np.full((rows, groups), t.lowest(), t.np)
    for i in range(group):  # in order, because of NaN
        largest = np.where(largest > magnitude[:, :, i], largest, magnitude[:, :, i])
    one, m = t.np(1), t.np(top)
    scale = t.round(largest * t.round(np.array([one / m]))[0] if reciprocal else largest / m)
    x = t.round(w / np.repeat(scale, group, axis=1)[:, :cols])
    x = t.round(x + m)
    if rounding == "even":
        x = np.rint(x)
    else:  # exact in float64
        wide = x.astype(np.float64)
        x = np.where(np.isfinite(wide), np.sign(wide) * np.floor(np.abs(wide) + 0.5), wide)
    code = np.clip(np.where(np.isnan(x), 0, x), 0, 2 * top).astype(np.uint32)
    per_word = 32 // bits
    codes = np.zeros((rows, groups * group), np.uint32)
    codes[:, :cols] = code
    codes = codes.reshape(rows, -1, per_word)
    words = np.zeros(codes.shape[:2], np.uint32)
    for i in range(per_word):
        words |= codes[:, :, i] << np.uint32(bits * i)
    return words, t.bits(scale)


def run(args, data):
    return subprocess.run([CLI, *args], input=data.tobytes(), stdout=subprocess.PIPE,
                          check=True).stdout


def make_source(rng, kind, src_name, rows, cols):
    n = rows * cols
    if kind == "gaussian":
        f = (rng.standard_normal(n) * 0.02).astype(np.float32)
    elif kind == "bits":
        f = rng.integers(0, 2 ** 32, n, dtype=np.uint64).astype(np.uint32).view(np.float32)
    elif kind == "half bits":  # every float16, shuffled, so also every boundary of the format
        h = np.resize(rng.permutation(np.arange(65536, dtype=np.uint16)), n)
        f = h.view(np.float16).astype(np.float32)
    elif kind == "magnitudes":  # groups of every size, from subnormal to overflow
        exponent = np.repeat(rng.uniform(-26, 17, n // 40 + 1), 40)[:n]
        f = (rng.standard_normal(n) * 2.0 ** exponent).astype(np.float32)
    elif kind == "ties":  # multiples of a quarter of the scale
        scale = np.repeat(rng.integers(1, 2048, n // 32 + 1) * 2.0 ** -12, 32)[:n]
        f = (rng.integers(-28, 29, n) / 4 * scale).astype(np.float32)
    else:  # special values among ordinary ones
        special = np.array([0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00000, 0x7F812345, 0xFF812345,
                            0x7F7FFFFF, 0xFF7FFFFF, 0x477FE000, 0xC77FE000, 0x477FEFFF, 0x477FF000,
                            0, 0x80000000, 1, 0x80000001, 0x33800000, 0x33000000, 0x33000001,
                            0x38800000, 0x387FC000], np.uint32).view(np.float32)
        f = rng.standard_normal(n).astype(np.float32)
        at = rng.integers(0, n, n // 50 + 1)
        f[at] = special[rng.integers(0, len(special), len(at))]
    f = f.reshape(rows, cols)
    if src_name == "float32":
        return f
    if src_name == "float16":
        return f.astype(np.float16)
    if kind == "bits":
        return (f.view(np.uint32) >> 16).astype(np.uint16)
    return bf16_bits(f)


def load_second_opinion():
    path = os.path.join(SHARED, "tools", "quant_ref.py")
    if not SHARED or not os.path.exists(path):
        print("skipped: no shared data")
        return None
    spec = importlib.util.spec_from_file_location("quant_ref", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.group_quantize


def check_quantize(second):
    rng = np.random.default_rng(2024)
    failures = 0
    values = {rule: 0 for rule in RULES}
    opinions = 0
    plan = [("q4f16_1", "bfloat16", "gaussian", 1600, 1280),
            ("q4f16_1", "float32", "gaussian", 1600, 1280)]
    plan += [(scheme, src, "gaussian", 640, 1280) for scheme in SCHEMES
             for src in ("bfloat16", "float16", "float32")]
    plan += [(scheme, src, kind, rows, cols) for scheme in SCHEMES
             for src in ("bfloat16", "float16", "float32")
             for kind in ("bits", "half bits", "magnitudes", "ties", "specials")
             for rows, cols in ((52, 1280), (113, 77))]
    for scheme, src_name, kind, rows, cols in plan:
        src = make_source(rng, kind, src_name, rows, cols)
        for rule in RULES:
            words, scales = quantize(src, src_name, scheme, rule)
            want = words.tobytes() + scales.tobytes()
            for level in LEVELS:
                if level == "reference" and kind == "gaussian" and src.size > 10 ** 6:
                    continue  # the reference is slow; the fast kernel is what users get
                got = run(["quantize", scheme, rule, src_name, str(rows), str(cols), level], src)
                if got != want:
                    failures += 1
                    print(f"differs: {scheme} {rule} {src_name} {kind} {rows}x{cols} '{level}'")
            values[rule] += src.size
            bits, group, name = SCHEMES[scheme]
            if second is not None and name != "bfloat16":
                wide = bf16_values(src) if src_name == "bfloat16" else src
                theirs = second(wide.astype(np.float16 if name == "float16" else np.float32), bits,
                                group, rounding=RULES[rule][1], recip=RULES[rule][0])
                opinions += src.size
                if theirs[0].tobytes() + theirs[1].tobytes() != want:
                    failures += 1
                    print(f"second opinion differs: {scheme} {rule} {src_name} {kind}")
    for rule, n in values.items():
        print(f"{rule}: {n} values compared")
    print(f"second opinion on {opinions} values")
    return failures


def check_casts():
    rng = np.random.default_rng(5)
    failures = 0
    names = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32",
             "uint16", "uint8", "bool"]
    for source in names:
        dtype = np.dtype(source)
        raw = rng.integers(0, 256, 400000 * dtype.itemsize, dtype=np.uint16).astype(np.uint8)
        if source == "bool":
            raw &= 1
        src = raw.view(dtype)
        if source == "float64":  # also what lies near the range of the targets
            near = rng.standard_normal(200000) * 2.0 ** rng.uniform(-30, 20, 200000)
            src = np.concatenate([src, near, near.astype(np.float32).astype(np.float64)])
        elif dtype.kind in "iu":  # small ones too
            src = np.concatenate([src, src >> dtype.type(dtype.itemsize * 5)])
        for target in ("float16", "float32", "bfloat16"):
            if target == "bfloat16":
                want = bf16_bits(src.astype(np.float32))
            else:
                want = src.astype(target)
            for level in LEVELS:
                if run(["cast", source, target, level], src) != want.tobytes():
                    failures += 1
                    print(f"cast differs: {source} to {target} '{level}'")
    print(f"{len(names) * 3} casts compared")
    return failures


def main():
    with np.errstate(all="ignore"):
        failures = check_casts() + check_quantize(load_second_opinion())
    print(f"{failures} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
