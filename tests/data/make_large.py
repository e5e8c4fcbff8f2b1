#!/usr/bin/env python3
"""Writes a large Llama checkpoint for measurements of memory and time: no real weights, right sizes.

  make_large.py torch FOLDER LAYERS    pytorch_model.bin, bfloat16, as torch.save lays it out (zip64 beyond 4 GiB)
  make_large.py gguf FOLDER LAYERS     model.gguf, linears and embeddings Q8_0, norms F32

Every tensor is cut from one block of random bytes, so writing takes as long as the disk does.
Only the standard library is used.
"""
import json
import os
import struct
import sys
import zipfile

HIDDEN, INTERMEDIATE, VOCAB, HEADS = 4096, 11008, 32000, 32
BLOCK = 16 << 20


def config(folder, layers):
    text = {"model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE,
            "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "num_hidden_layers": layers,
            "vocab_size": VOCAB, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "max_position_embeddings": 2048, "tie_word_embeddings": False}
    with open(os.path.join(folder, "config.json"), "w", encoding="ascii") as file:
        json.dump(text, file)


def tensors(layers):
    """(name of Hugging Face, name of GGUF, shape)"""
    yield "model.embed_tokens.weight", "token_embd.weight", (VOCAB, HIDDEN)
    for i in range(layers):
        hf, gguf = f"model.layers.{i}.", f"blk.{i}."
        yield hf + "input_layernorm.weight", gguf + "attn_norm.weight", (HIDDEN,)
        for a, b in (("q_proj", "attn_q"), ("k_proj", "attn_k"), ("v_proj", "attn_v"), ("o_proj", "attn_output")):
            yield f"{hf}self_attn.{a}.weight", f"{gguf}{b}.weight", (HIDDEN, HIDDEN)
        yield hf + "post_attention_layernorm.weight", gguf + "ffn_norm.weight", (HIDDEN,)
        yield hf + "mlp.gate_proj.weight", gguf + "ffn_gate.weight", (INTERMEDIATE, HIDDEN)
        yield hf + "mlp.up_proj.weight", gguf + "ffn_up.weight", (INTERMEDIATE, HIDDEN)
        yield hf + "mlp.down_proj.weight", gguf + "ffn_down.weight", (HIDDEN, INTERMEDIATE)
    yield "model.norm.weight", "output_norm.weight", (HIDDEN,)
    yield "lm_head.weight", "output.weight", (VOCAB, HIDDEN)


def product(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def write_cut(file, block, size):
    while size > 0:
        part = block[:size]
        file.write(part)
        size -= len(part)


def bfloat16_block():
    """Numbers between 2^-7 and 2^-5 of either sign."""
    block = bytearray(os.urandom(BLOCK))
    block[1::2] = bytes(0x3C | b & 0x80 for b in block[1::2])
    return bytes(block)


def write_torch(folder, layers):
    def text(s):
        return b"X" + struct.pack("<I", len(s)) + s.encode()

    def number(n):
        return b"\x8a\x08" + struct.pack("<q", n)

    pickle = b"\x80\x02}("
    entries = []
    for key, (name, _, shape) in enumerate(tensors(layers)):
        n = product(shape)
        strides = (shape[1], 1) if len(shape) == 2 else (1,)
        pickle += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        pickle += text("storage") + b"ctorch\nBFloat16Storage\n" + text(str(key)) + text("cpu") + number(n) + b"tQ"
        pickle += number(0) + b"(" + b"".join(map(number, shape)) + b"t(" + b"".join(map(number, strides)) + b"t"
        pickle += b"\x89ccollections\nOrderedDict\n)RtR"
        entries.append((f"a/data/{key}", 2 * n))
    block = bfloat16_block()
    path = os.path.join(folder, "pytorch_model.bin")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.writestr("a/data.pkl", pickle + b"u.")
        for name, size in entries:
            info = zipfile.ZipInfo(name)
            info.file_size = size
            with archive.open(info, "w") as file:
                write_cut(file, block, size)
        archive.writestr("a/version", "3\n")
    return path


def write_gguf(folder, layers):
    f32, q8_0 = 0, 8

    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()

    def count_key(key, n):
        return text(key) + struct.pack("<II", 4, n)

    keys = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    keys += count_key("llama.attention.head_count", HEADS) + count_key("llama.attention.head_count_kv", HEADS)
    infos, sizes, offset = b"", [], 0
    for _, name, shape in tensors(layers):
        kind = q8_0 if len(shape) == 2 else f32
        size = product(shape) // 32 * 34 if kind == q8_0 else 4 * product(shape)
        infos += text(name) + struct.pack("<I", len(shape))
        infos += b"".join(struct.pack("<Q", d) for d in reversed(shape)) + struct.pack("<IQ", kind, offset)
        sizes.append((kind, size))
        offset += (size + 31) // 32 * 32
    blocks = BLOCK // 34
    q8 = bytearray(os.urandom(blocks * 34))
    q8[0::34] = bytes(blocks)
    q8[1::34] = b"\x10" * blocks  # the scale 2^-11
    ones = struct.pack("<f", 1.0) * (HIDDEN)
    path = os.path.join(folder, "model.gguf")
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(sizes), 3) + keys + infos)
        file.write(bytes(-file.tell() % 32))
        for kind, size in sizes:
            write_cut(file, bytes(q8) if kind == q8_0 else ones, size)
            file.write(bytes(-size % 32))
    return path


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("torch", "gguf"):
        sys.exit(__doc__)
    folder, layers = sys.argv[2], int(sys.argv[3])
    os.makedirs(folder, exist_ok=True)
    config(folder, layers)
    path = write_torch(folder, layers) if sys.argv[1] == "torch" else write_gguf(folder, layers)
    print(path, os.path.getsize(path))


if __name__ == "__main__":
    main()
