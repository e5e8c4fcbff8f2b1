. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc run model --device cpu --raw --prompt "In the beginning God" --temperature 0 --max-tokens 3 --json 2>events | python3 -c '
import json, sys
found = json.load(sys.stdin)
answer = found["answers"][0]
print(*found)
print(*answer)
print(found["backend"], found["context"], found["quantization"], found["temperature"])
print(answer["text"], answer["tokens"], answer["finish_reason"], answer["prompt_tokens"], answer["completion_tokens"])
print(answer["prefill_tokens_per_second"] > 0, answer["decode_tokens_per_second"] > 0)'
tail -n 1 events | cut -c 1-40
