. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
python3 - <<'P'
import json
config = json.load(open("model/mlc-chat-config.json"))
config["conv_template"] = "LM"
json.dump(config, open("model/mlc-chat-config.json", "w"))
P
mlc run model --device cpu --prompt x
