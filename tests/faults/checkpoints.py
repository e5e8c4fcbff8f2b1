"""Checkpoints for the fault tests, made with the standard library only, and folders compared."""

import hashlib
import json
import pathlib
import random
import struct


def llama(folder, hidden, intermediate, layers, vocabulary, seed=1):
    """Writes config.json and model.safetensors of a bf16 llama with weights around 0.01."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": hidden,
        "intermediate_size": intermediate, "num_attention_heads": 4, "num_key_value_heads": 2,
        "num_hidden_layers": layers, "rms_norm_eps": 1e-5, "vocab_size": vocabulary,
        "max_position_embeddings": 64, "tie_word_embeddings": False}))
    shapes = {"lm_head.weight": [vocabulary, hidden], "model.embed_tokens.weight": [vocabulary, hidden]}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name, shape in {
                "input_layernorm": [hidden], "mlp.down_proj": [hidden, intermediate],
                "mlp.gate_proj": [intermediate, hidden], "mlp.up_proj": [intermediate, hidden],
                "post_attention_layernorm": [hidden], "self_attn.k_proj": [hidden // 2, hidden],
                "self_attn.o_proj": [hidden, hidden], "self_attn.q_proj": [hidden, hidden],
                "self_attn.v_proj": [hidden // 2, hidden]}.items():
            shapes[f"{prefix}{name}.weight"] = shape
    shapes["model.norm.weight"] = [hidden]
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 2
        for dimension in shape:
            size *= dimension
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    # The high bytes of bfloat16 numbers between 2^-9 and 2^-5, of both signs.
    source = random.Random(seed)
    high = bytes(0x3B + (b & 1) | (b & 0x80) for b in range(256))
    block = bytearray(min(at, 1 << 20))
    block[0::2] = source.randbytes(len(block) // 2)
    block[1::2] = source.randbytes(len(block) // 2).translate(high)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for start in range(0, at, len(block)):
            file.write(block[:at - start])
    return folder


def tree(folder):
    """Every file below a folder with a digest of its bytes, folders too; None if there is no folder."""
    folder = pathlib.Path(folder)
    if not folder.exists():
        return None
    return {str(p.relative_to(folder)): hashlib.md5(p.read_bytes()).hexdigest() if p.is_file() else "folder"
            for p in sorted(folder.rglob("*"))}


OTHERS = {"mlc-chat-config.json": "{}", "tokenizer.json": '{"version": "1.0"}'}


def with_others(out):
    """An output folder that holds files of others; gives their part of the tree."""
    out.mkdir(parents=True)
    for name, text in OTHERS.items():
        (out / name).write_text(text)
    return tree(out)


INDEX = ["ndarray-cache.json", "tensor-cache.json", "ndarray-cache-b16.json", "tensor-cache-b16.json"]


def broken_index(out):
    """What is wrong with the shards that an index in `out` names, or None."""
    for name in INDEX:
        if not (out / name).exists():
            continue
        try:
            shards = json.loads((out / name).read_text())["records"]
        except ValueError as error:
            return f"{name}: {error}"
        for shard in shards:
            path = out / shard["dataPath"]
            if not path.exists():
                return f"{name} names {path.name}, which is not there"
            data = path.read_bytes()
            if len(data) != shard["nbytes"]:
                return f"{name}: {path.name} has {len(data)} bytes instead of {shard['nbytes']}"
            if hashlib.md5(data).hexdigest() != shard["md5sum"]:
                return f"{name}: {path.name} has other bytes than its md5"
            ends = [r["byteOffset"] + r["nbytes"] for r in shard["records"]]
            if ends and max(ends) > len(data):
                return f"{name}: a record ends beyond {path.name}"
    return None
