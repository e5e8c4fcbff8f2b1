mlc inspect "$GOLDEN/torch/zip-ints.bin" --json | python3 -c '
import json, sys
found = json.load(sys.stdin)
found["path"] = "PATH"
print(json.dumps(found, indent=1))'
mlc inspect "$GOLDEN/gguf/u1-pure-q4_0.gguf" --json | python3 -c '
import json, sys
found = json.load(sys.stdin)
print(list(found), found["metadata"][-1], found["tensors"][0])'
