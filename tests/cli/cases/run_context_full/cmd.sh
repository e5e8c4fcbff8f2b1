. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc run model --device cpu --raw --prompt "In the beginning God" --temperature 0 --context 12 --json 2>events | python3 -c '
import json, sys
answer = json.load(sys.stdin)["answers"][0]
print(answer["finish_reason"], answer["context_full"], answer["prompt_tokens"], answer["completion_tokens"])'
grep full events
