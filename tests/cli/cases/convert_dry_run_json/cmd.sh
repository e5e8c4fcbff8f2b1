mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1 --dry-run --threads 2 --json |
  python3 -c '
import json, sys
plan = json.load(sys.stdin)
params = plan.pop("params")
print(json.dumps(plan, indent=1))
print(len(params), json.dumps(params[0]), sep="\n")
# Records tile the shards.
place = {}
for p in params:
    assert p["offset"] == place.get(p["shard"], 0), p
    place[p["shard"]] = p["offset"] + p["nbytes"]
print(place)'
