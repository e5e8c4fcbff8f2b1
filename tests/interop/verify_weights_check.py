#!/usr/bin/env python3
"""The numbers of `mlc verify --level weights` against numpy.

usage: verify_weights_check.py MLC CHECKPOINT

Converts the checkpoint (safetensors of bfloat16, a llama) with several schemes, takes codes and
scales out of the shards and weights out of the safetensors, and computes relative MSE, SNR, cosine,
largest error and histogram of codes in float64. Shares nothing with the C++ code.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: no numpy")
    sys.exit(0)

MLC, CHECKPOINT = sys.argv[1], sys.argv[2]
# bits, codes in a word, group, turned
SCHEMES = {"q4f16_1": (4, 8, 32, False), "q4f16_0": (4, 8, 32, True), "q3f16_1": (3, 10, 40, False),
           "q4f32_1": (4, 8, 32, False), "q4bf16_1": (4, 8, 32, False), "q0f16": None, "q0f32": None}


def bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def to_bf16(values):
    """The nearest bfloat16, ties to even, of finite float32."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    return bf16(((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16))


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    tensors = {}
    for name, info in header.items():
        if name == "__metadata__":
            continue
        begin, end = info["data_offsets"]
        assert info["dtype"] == "BF16", info["dtype"]
        values = bf16(np.frombuffer(data[8 + size + begin:8 + size + end], np.uint16))
        tensors[name] = values.reshape(info["shape"])
    return tensors


def source_of(tensors, name):
    """What mlc_llm's llama joins."""
    parts = {"qkv_proj": ("q_proj", "k_proj", "v_proj"), "gate_up_proj": ("gate_proj", "up_proj")}
    for joined, names in parts.items():
        if "." + joined + "." in name:
            return np.concatenate([tensors[name.replace(joined, part)] for part in names])
    if name == "lm_head.weight" and name not in tensors:
        return tensors["model.embed_tokens.weight"]
    return tensors[name]


def read_records(folder):
    with open(os.path.join(folder, "tensor-cache.json"), encoding="utf-8") as file:
        index = json.load(file)
    records = {}
    for shard in index["records"]:
        with open(os.path.join(folder, shard["dataPath"]), "rb") as file:
            data = file.read()
        for record in shard["records"]:
            raw = data[record["byteOffset"]:record["byteOffset"] + record["nbytes"]]
            dtype = record["dtype"]
            if dtype == "uint32":
                values = np.frombuffer(raw, np.uint32)
            elif dtype == "float16":
                values = np.frombuffer(raw, np.float16).astype(np.float32)
            else:  # float32 travels as bfloat16
                values = bf16(np.frombuffer(raw, np.uint16))
            records[record["name"]] = values.reshape(record["shape"])
    return records


def values_of(records, name, scheme, model_dtype, source):
    """The param as a runtime computes it, and its codes."""
    if SCHEMES[scheme] is None or name in records:
        return records[name], None
    bits, per_word, group, turned = SCHEMES[scheme]
    module = name.rsplit(".", 1)[0]
    words, scales = records[module + ".q_weight"], records[module + ".q_scale"]
    if turned and module != "model.embed_tokens":
        words, scales = words.T, scales.T
    codes = np.stack([words >> np.uint32(bits * i) & np.uint32(2 ** bits - 1) for i in range(per_word)], axis=-1)
    codes = codes.reshape(words.shape[0], -1)[:, :source.shape[1]].astype(np.int64)
    product = (codes - (2 ** (bits - 1) - 1)).astype(np.float32) * np.repeat(scales, group, axis=1)[:, :source.shape[1]]
    if model_dtype == "float16":
        product = product.astype(np.float16).astype(np.float32)
    elif model_dtype == "bfloat16":
        product = to_bf16(product)
    return product, codes


def close(a, b, tolerance=1e-9):
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-300)


class Check:
    def __init__(self):
        self.compared = 0
        self.failures = 0

    def expect(self, ok, what, got, want):
        self.compared += 1
        if not ok:
            self.failures += 1
            print(f"differs: {what}: {got}, expected {want}")

    def number(self, what, got, want):
        self.expect(got is not None and close(got, want), what, got, want)

    def param(self, scheme, param, records, tensors):
        name = param["name"]
        what = f"{scheme} {name}"
        model_dtype = {"f32": "float32", "bf16": "bfloat16"}.get(scheme.split("_")[0][2:], "float16")
        w = source_of(tensors, name)
        q, codes = values_of(records, name, scheme, model_dtype, w)
        self.expect(param["shape"] == list(w.shape), what + " shape", param["shape"], w.shape)
        w64, q64 = w.astype(np.float64).ravel(), q.astype(np.float64).ravel()
        error = w64 - q64
        got = param["error"]
        self.number(what + " rms", param["rms"], np.sqrt(np.mean(q64 ** 2)))
        self.number(what + " max_abs", param["max_abs"], np.max(np.abs(q64)))
        relative = np.sum(error ** 2) / np.sum(w64 ** 2)
        self.number(what + " relative_mse", got["relative_mse"], relative)
        if relative > 0:
            self.number(what + " snr_db", got["snr_db"], -10 * np.log10(relative))
        self.number(what + " cosine", got["cosine"], np.dot(w64, q64) / np.linalg.norm(w64) / np.linalg.norm(q64))
        at = int(np.argmax(np.abs(error)))
        self.number(what + " max_error", got["max_error"], abs(error[at]))
        if relative > 0:
            index = [int(i) for i in np.unravel_index(at, w.shape)]
            self.expect(got["max_error_at"] == index, what + " max_error_at", got["max_error_at"], index)
            self.number(what + " max_error_source", got["max_error_source"], w64[at])
            self.number(what + " max_error_value", got["max_error_value"], q64[at])
        if codes is not None:
            histogram = np.bincount(codes.ravel(), minlength=2 ** SCHEMES[scheme][0]).tolist()
            self.expect(param["codes"] == histogram, what + " codes", param["codes"], histogram)
        return w64, error, codes is not None

    def scheme(self, scheme, tensors, folder):
        subprocess.run([MLC, "convert_weight", CHECKPOINT, "--quantization", scheme, "-o", folder], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run([MLC, "gen_config", CHECKPOINT, "--quantization", scheme, "--conv-template", "LM", "-o",
                        folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        out = subprocess.run([MLC, "verify", folder, "--source", CHECKPOINT, "--level", "weights", "--json"],
                             check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        weights = json.loads(out)["weights"]
        records = read_records(folder)
        sum_error = sum_weight = 0.0
        for param in weights["params"]:
            w, error, quantized = self.param(scheme, param, records, tensors)
            if quantized:
                sum_error += np.sum(error ** 2)
                sum_weight += np.sum(w ** 2)
        if sum_weight > 0:
            self.number(scheme + " relative_mse", weights["error"]["relative_mse"], sum_error / sum_weight)
        print(f"{scheme}: {len(weights['params'])} params")


def main():
    tensors = read_safetensors(os.path.join(CHECKPOINT, "model.safetensors"))
    check = Check()
    for scheme in SCHEMES:
        with tempfile.TemporaryDirectory() as folder:
            check.scheme(scheme, tensors, folder)
    print(f"{check.compared} numbers compared, {check.failures} differences")
    return 1 if check.failures else 0


if __name__ == "__main__":
    sys.exit(main())
