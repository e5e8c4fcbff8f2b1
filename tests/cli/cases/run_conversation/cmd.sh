# Turns of one conversation: the second is computed from where the first ended.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc run model --device cpu --prompt "In the beginning" --prompt " God" --temperature 0 --max-tokens 6 --json --quiet |
  python3 -c '
import json, sys
for answer in json.load(sys.stdin)["answers"]:
    print(answer["text"], answer["prompt_tokens"], answer["cached_tokens"])'
