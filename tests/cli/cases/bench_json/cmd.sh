. "$CASE/../../kjv_model.sh"
kjv_model q4f16_1 model
mlc bench model --device cpu --prompt-tokens 8 --tokens 3 --runs 1 --json --quiet | python3 -c '
import json, sys
found = json.load(sys.stdin)
print(*found)
print(*found["prefill"])
print(*found["decode"])
print(found["decode"]["tokens"], found["decode"]["runs"], found["prefill"]["tokens"], found["prefill"]["runs"])
print(found["decode"]["bytes_per_token"] > found["weight_bytes"] * 0.5, found["decode"]["share_of_copy"] > 0)
print(sorted({k["kernel"] for k in found["decode"]["kernels"]}))'
