#!/usr/bin/env python3
"""Spoils a converted model in every way that people and machines do, and asks `mlc verify` what is wrong.

  verify_sabotage.py MLC

The model is kjv-llama (tests/data). Each way must end with exit code 6 and its finding's id; the model as it was, and
the same without its source, must pass with no error. Kernels that are wrong are tests/unit/verify_kernels_test.cc's.
"""

import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

try:
    import numpy
except ImportError:
    print("skipped: no numpy")
    sys.exit(0)

SOURCE = pathlib.Path(__file__).parent.parent / "data" / "kjv-llama"


class Model:
    """A model folder that can be spoiled: its index, and the bytes of its params."""

    def __init__(self, folder):
        self.folder = folder
        self.index = json.loads((folder / "tensor-cache.json").read_text())

    def record(self, name):
        for shard in self.index["records"]:
            for record in shard["records"]:
                if record["name"] == name:
                    return self.folder / shard["dataPath"], record
        raise KeyError(name)

    def read(self, name):
        path, record = self.record(name)
        return path.read_bytes()[record["byteOffset"]:record["byteOffset"] + record["nbytes"]]

    def write(self, name, data):
        path, record = self.record(name)
        assert len(data) == record["nbytes"]
        whole = bytearray(path.read_bytes())
        whole[record["byteOffset"]:record["byteOffset"] + len(data)] = data
        path.write_bytes(whole)

    def flip(self, name, byte, bit):
        data = bytearray(self.read(name))
        data[byte] ^= 1 << bit
        self.write(name, data)

    def array(self, name, dtype):
        return numpy.frombuffer(self.read(name), dtype).reshape(self.record(name)[1]["shape"]).copy()

    def hash_again(self):
        """Both indices as a converter would have written them for these bytes."""
        for shard in self.index["records"]:
            data = (self.folder / shard["dataPath"]).read_bytes()
            shard["md5sum"], shard["nbytes"] = hashlib.md5(data).hexdigest(), len(data)
        for name in ("tensor-cache.json", "ndarray-cache.json"):
            (self.folder / name).write_text(json.dumps(self.index, indent=4))

    def config(self, change):
        path = self.folder / "mlc-chat-config.json"
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config, indent=2))


LAYER = "model.layers.2."
QKV = LAYER + "self_attn.qkv_proj."
NORM = LAYER + "input_layernorm.weight"


def flipped_code(model):
    model.flip(QKV + "q_weight", 4321, 3)


def flipped_scale(model):
    model.flip(QKV + "q_scale", 1235, 6)


def flipped_norm(model):
    model.flip(NORM, 21, 6)


def hashed(spoil):
    """The same, with the md5 made again: only the values can tell."""
    def both(model):
        spoil(model)
        model.hash_again()
    return both


def swapped_shards(model):
    # The model is so small that it is one shard; a large one has many.
    [shard] = model.index["records"]
    data, half = (model.folder / shard["dataPath"]).read_bytes(), len(shard["records"]) // 2
    cut = shard["records"][half]["byteOffset"]
    second = {**shard, "dataPath": "params_shard_1.bin", "records": shard["records"][half:]}
    for record in second["records"]:
        record["byteOffset"] -= cut
    shard["records"] = shard["records"][:half]
    model.index["records"].append(second)
    (model.folder / shard["dataPath"]).write_bytes(data[:cut])
    (model.folder / second["dataPath"]).write_bytes(data[cut:])
    model.hash_again()
    first, second = (model.folder / shard["dataPath"] for shard in model.index["records"][:2])
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def swapped_qk(model):
    # Rows of the first head of the queries and of the keys: 32 rows each; the keys begin at 256.
    for part in ("q_weight", "q_scale"):
        dtype = numpy.uint32 if part == "q_weight" else numpy.uint16
        a = model.array(QKV + part, dtype)
        a[:32], a[256:288] = a[256:288].copy(), a[:32].copy()
        model.write(QKV + part, a.tobytes())


def transposed(model):
    # A square matrix, so that no shape tells: the output projection, 256 x 256.
    name = LAYER + "self_attn.o_proj."
    codes = model.array(name + "q_weight", numpy.uint32)
    scales = model.array(name + "q_scale", numpy.float16)
    nibbles = (codes[..., None] >> (4 * numpy.arange(8, dtype=numpy.uint32))) & 15
    values = nibbles.reshape(256, 256).astype(numpy.float32) - 7
    values *= numpy.repeat(scales.astype(numpy.float32), 32, axis=1)
    values = values.T.reshape(256, 8, 32)
    new = numpy.maximum(numpy.abs(values).max(axis=2), 1e-8) / 7
    levels = numpy.clip(numpy.rint(values / new[..., None]) + 7, 0, 15).astype(numpy.uint32).reshape(256, 32, 8)
    packed = (levels << (4 * numpy.arange(8, dtype=numpy.uint32))).sum(axis=2, dtype=numpy.uint32)
    model.write(name + "q_weight", packed.tobytes())
    model.write(name + "q_scale", new.astype(numpy.float16).tobytes())


def nan_in_scale(model):
    scales = model.array(QKV + "q_scale", numpy.uint16)
    scales[5, 1] = 0x7E00
    model.write(QKV + "q_scale", scales.tobytes())


def half_of_another(model):
    # As of another checkpoint: the same shapes and sizes of numbers, another training.
    random = numpy.random.default_rng(5)
    for shard in model.index["records"]:
        for record in shard["records"]:
            name = record["name"]
            if name.startswith(("model.layers.0.", "model.layers.2.", "model.layers.4.")) and name.endswith("q_weight"):
                model.write(name, random.integers(0, 2**32, record["shape"], dtype=numpy.uint32).tobytes())


def stale_shard(model):
    (model.folder / "params_shard_99.bin").write_bytes(b"left behind")


def truncated_shard(model):
    path = model.folder / model.index["records"][-1]["dataPath"]
    path.write_bytes(path.read_bytes()[:-7])


def different_indices(model):
    path = model.folder / "ndarray-cache.json"
    path.write_text(path.read_text().replace('"f32-to-bf16"', '"raw"', 1))


def index_of_another(model):
    # Of a model with one layer less.
    for shard in model.index["records"]:
        for record in shard["records"]:
            record["name"] = record["name"].replace("layers.5.", "layers.6.")
    model.hash_again()


def tokenizer_of_another(model):
    path = model.folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    vocab = tokenizer["model"]["vocab"]
    size = len(vocab)
    for i in range(500):
        vocab[f"another{i}"] = size + i
    path.write_text(json.dumps(tokenizer))


def model_config(**changes):
    return lambda model: model.config(lambda config: config["model_config"].update(changes))


def context_free(**changes):
    return lambda model: model.config(lambda config: config.update(changes))


def wrong_template(model):
    model.config(lambda config: config["conv_template"].update(
        name="chatml", roles={"user": "<|im_start|>user", "assistant": "<|im_start|>assistant"}, seps=["<|im_end|>\n"],
        stop_str=["<|im_end|>"], stop_token_ids=[2047]))


def wrong_stop(model):
    model.config(lambda config: config["conv_template"].update(stop_token_ids=[99999]))


# name, how, levels, further arguments, ids of which one must be found
WITH = ["--source", str(SOURCE)]
AGAIN = [*WITH, "--recompute=mlc-2026"]
WAYS = [
    ("a flipped bit in a code", flipped_code, "files", [], {"F09"}),
    ("a flipped bit in a scale", flipped_scale, "files", [], {"F09"}),
    ("a flipped bit in a norm", flipped_norm, "files", [], {"F09"}),
    ("a flipped bit in a code, hashed again", hashed(flipped_code), "weights", AGAIN, {"W40"}),
    ("a flipped bit in a scale, hashed again", hashed(flipped_scale), "weights", AGAIN, {"W40"}),
    ("a flipped bit in a norm, hashed again", hashed(flipped_norm), "weights", WITH, {"W41"}),
    ("swapped shards", swapped_shards, "files", [], {"F11", "F08"}),
    ("swapped rows of q and k", hashed(swapped_qk), "weights", WITH, {"W30", "W31"}),
    ("wrong rope base", model_config(rope_theta=500000.0, position_embedding_base=500000), "params", WITH, {"P28"}),
    ("wrong head count", model_config(num_attention_heads=16), "params", [], {"P09"}),
    ("wrong head count of the same shapes", model_config(num_attention_heads=16, num_key_value_heads=8, head_dim=16),
     "params", WITH, {"P28"}),
    ("wrong epsilon", model_config(rms_norm_eps=1e-3), "params", WITH, {"P28"}),
    ("wrong template", wrong_template, "params", [], {"P21"}),
    ("wrong stop token", wrong_stop, "params", [], {"P19"}),
    ("a transposed matrix", hashed(transposed), "weights", WITH, {"W30", "W31"}),
    ("the tokenizer of another model", tokenizer_of_another, "params", [], {"P16", "P17"}),
    ("the index of another model", index_of_another, "params", [], {"P04"}),
    ("a stale shard", stale_shard, "files", [], {"F13"}),
    ("a truncated shard", truncated_shard, "files", [], {"F08"}),
    ("two different indices", different_indices, "files", [], {"F03"}),
    ("NaN in a scale", hashed(nan_in_scale), "weights", [], {"W10", "W12"}),
    ("NaN in a scale, in the logits", hashed(nan_in_scale), "model", [], {"M11"}),
    ("half of the layers from another checkpoint", hashed(half_of_another), "weights", WITH, {"W30"}),
    ("half of the layers, in the logits", hashed(half_of_another), "model", WITH, {"M21"}),
]


def main():
    mlc = pathlib.Path(sys.argv[1]).resolve()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="mlc-sabotage-") as scratch:
        root = pathlib.Path(scratch)
        clean = root / "clean"
        for command in (["convert_weight", SOURCE, "--quantization", "q4f16_1", "-o", clean],
                        ["gen_config", SOURCE, "--quantization", "q4f16_1", "--conv-template", "LM", "--all-stop-tokens",
                         "-o", clean]):
            subprocess.run([mlc, *command, "--quiet"], check=True, stdout=subprocess.DEVNULL)

        def verify(folder, levels, arguments):
            done = subprocess.run([mlc, "verify", folder, "--level", levels, "--device", "cpu", "--json", *arguments],
                                  capture_output=True, text=True, timeout=300)
            try:
                findings = json.loads(done.stdout)["findings"]
            except (json.JSONDecodeError, KeyError):
                return done.returncode, {}, done.stderr
            return done.returncode, {f["id"]: f["severity"] for f in findings}, done.stderr

        for arguments in (AGAIN, []):
            code, ids, text = verify(clean, "all", arguments)
            if code != 0 or "error" in ids.values() or "warning" in ids.values():
                print(f"clean, {arguments}: exit code {code}, {ids}\n{text}")
                bad += 1
        for name, spoil, levels, arguments, wanted in WAYS:
            folder = root / "spoiled"
            shutil.copytree(clean, folder)
            spoil(Model(folder))
            code, ids, text = verify(folder, levels, arguments)
            errors = {i for i, severity in ids.items() if severity == "error"}
            if code != 6 or not errors & wanted:
                print(f"{name}: exit code {code}, findings {ids}, expected 6 and one of {sorted(wanted)}\n{text}")
                bad += 1
            shutil.rmtree(folder)
    print(f"{len(WAYS) + 2 - bad} of {len(WAYS) + 2} as they must be")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
