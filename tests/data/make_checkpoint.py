#!/usr/bin/env python3
"""Makes a synthetic Llama-shaped checkpoint: Gaussian bf16 weights in safetensors files with an index.

    make_checkpoint.py --shape tinyllama|8b|tiny --out DIR

The weights are drawn once per tensor from a block of 2^22 Gaussian values at a random start, so that 16 GB
take as long as writing them; norms are ones plus noise. The same arguments give the same bytes.
"""
import argparse
import json
import os
import struct

import numpy

SHAPES = {
    # hidden, intermediate, layers, heads, kv heads, vocabulary, source files
    "tiny": (256, 704, 2, 4, 2, 1024, 1),
    "100m": (768, 2048, 10, 12, 4, 8000, 2),
    "tinyllama": (2048, 5632, 22, 32, 4, 32000, 2),
    "8b": (4096, 14336, 32, 32, 8, 128256, 4),
}


def bf16(values):
    """Rounds float32 to bfloat16 bits, ties to even."""
    bits = values.astype(numpy.float32).view(numpy.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def tensors_of(shape):
    hidden, inter, layers, heads, kv, vocab, _ = SHAPES[shape]
    head = hidden // heads
    names = {"model.embed_tokens.weight": (vocab, hidden), "lm_head.weight": (vocab, hidden),
             "model.norm.weight": (hidden,)}
    for i in range(layers):
        p = f"model.layers.{i}."
        names[p + "self_attn.q_proj.weight"] = (hidden, hidden)
        names[p + "self_attn.k_proj.weight"] = (kv * head, hidden)
        names[p + "self_attn.v_proj.weight"] = (kv * head, hidden)
        names[p + "self_attn.o_proj.weight"] = (hidden, hidden)
        names[p + "mlp.gate_proj.weight"] = (inter, hidden)
        names[p + "mlp.up_proj.weight"] = (inter, hidden)
        names[p + "mlp.down_proj.weight"] = (hidden, inter)
        names[p + "input_layernorm.weight"] = (hidden,)
        names[p + "post_attention_layernorm.weight"] = (hidden,)
    return dict(sorted(names.items()))


def write_file(path, tensors, rng, pool, ones):
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 2 * int(numpy.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors.items():
            source = ones if len(shape) == 1 else pool
            left = int(numpy.prod(shape))
            start = int(rng.integers(0, len(source) // 2))
            while left:
                part = source[start:start + left]
                f.write(part.tobytes())
                left -= len(part)
                start = 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    hidden, inter, layers, heads, kv, vocab, files = SHAPES[args.shape]
    os.makedirs(args.out, exist_ok=True)
    rng = numpy.random.default_rng(1)
    pool = bf16(rng.standard_normal(1 << 22, dtype=numpy.float32) * numpy.float32(0.02))
    ones = bf16(1 + rng.standard_normal(1 << 16, dtype=numpy.float32) * numpy.float32(0.1))
    tensors = tensors_of(args.shape)
    total = sum(2 * int(numpy.prod(s)) for s in tensors.values())
    names, weight_map, used = list(tensors), {}, 0
    groups = [{} for _ in range(files)]
    for name in names:
        groups[min(files - 1, used * files // total)][name] = tensors[name]
        used += 2 * int(numpy.prod(tensors[name]))
    for i, group in enumerate(groups):
        file = "model.safetensors" if files == 1 else f"model-{i + 1:05d}-of-{files:05d}.safetensors"
        write_file(os.path.join(args.out, file), group, rng, pool, ones)
        weight_map.update({name: file for name in group})
    if files > 1:
        with open(os.path.join(args.out, "model.safetensors.index.json"), "w") as f:
            json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, f, indent=2)
    with open(os.path.join(args.out, "config.json"), "w") as f:
        json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
                   "intermediate_size": inter, "num_hidden_layers": layers, "num_attention_heads": heads,
                   "num_key_value_heads": kv, "vocab_size": vocab, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
                   "max_position_embeddings": 2048, "tie_word_embeddings": False}, f, indent=2)
    print(f"{args.out}: {args.shape}, {total / 1e9:.2f} GB in {files} file(s)")


if __name__ == "__main__":
    main()
