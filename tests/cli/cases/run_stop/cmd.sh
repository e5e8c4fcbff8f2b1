# A stop string is not shown, though it comes in several tokens; the JSON says why the text ended.
. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc run model --device cpu --raw --prompt "In the beginning God" --temperature 0 --max-tokens 40 --stop "the ear" --stop xyz --quiet
mlc run model --device cpu --raw --prompt "In the beginning God" --temperature 0 --stop " earth" --json --quiet | python3 -c '
import json, sys
answer = json.load(sys.stdin)["answers"][0]
print(answer["text"], answer["finish_reason"])'
