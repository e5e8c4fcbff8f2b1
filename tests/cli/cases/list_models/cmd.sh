# Rows are added often, so a few stand for all; tests/CMakeLists.txt holds README's table against the whole list.
mlc convert_weight --list-models >list
grep -E '^(model type|llama|mixtral|phi-msft|qwen3_5) ' list | sed -E 's/ +/ /g'
mlc convert_weight --list-models --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["models"][-1].keys())'
