# One code word, the sign of one scale, a key of the config, a token, a file that one of both has.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 a
cp -r a b
python3 - <<'END'
import json
index = json.load(open("b/tensor-cache.json"))
at = {r["name"]: r["byteOffset"] for r in index["records"][0]["records"]}
with open("b/params_shard_0.bin", "r+b") as shard:
    for name, offset in (("lm_head.q_weight", 2), ("model.layers.5.mlp.down_proj.q_scale", 7)):
        shard.seek(at[name] + offset)
        byte = shard.read(1)[0]
        shard.seek(at[name] + offset)
        shard.write(bytes([byte ^ 0x80]))
config = json.load(open("b/mlc-chat-config.json"))
config["model_config"]["rms_norm_eps"] = 1e-6
json.dump(config, open("b/mlc-chat-config.json", "w"), indent=2)
tokenizer = json.load(open("b/tokenizer.json"))
tokenizer["model"]["vocab"]["zzz"] = tokenizer["model"]["vocab"].pop("\u0120the")
json.dump(tokenizer, open("b/tokenizer.json", "w"))
END
echo "notes" > b/notes.txt
mlc diff a b --quiet --brief && exit 1
mlc diff a b --quiet --json | python3 -c '
import json, sys
found = json.load(sys.stdin)
for param in found["params"]:
    print(param["id"], param["name"], param["different_words"], param["different_scales"], param["different"])
for part in ("config", "tokenizer"):
    for key in found[part]["differences"]:
        print(key["id"], key["path"], key.get("a"), key.get("b"))
for file in found["files"]:
    print(file["id"], file["name"], file["a_bytes"], file["b_bytes"])' || true
mlc diff a b --quiet
