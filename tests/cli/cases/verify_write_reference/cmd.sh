# What a model computed is stored in its folder; a config that was changed since then is found without the source.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc verify model --level files --write-reference --quiet
python3 -c '
import json
reference = json.load(open("model/mlc-verify-reference.json"))
print(reference["device"], len(reference["prompts"]), len(reference["layers"]), [f["name"] for f in reference["files"]])'
mlc verify model --level files --quiet
sed -i 's/"rms_norm_eps": 1e-05/"rms_norm_eps": 1e-06/' model/mlc-chat-config.json
mlc verify model --level files --quiet
