. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
python3 - <<'P'
import json
cache = json.load(open("model/tensor-cache.json"))
for record in cache["records"][0]["records"]:
    record["name"] = record["name"].replace("layers.3.input_layernorm", "layers.3.input_norm")
json.dump(cache, open("model/tensor-cache.json", "w"))
P
mlc run model --device cpu --raw --prompt x
