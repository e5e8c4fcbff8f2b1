mlc verify --list-findings
mlc verify --list-findings --json | python3 -c '
import json, sys
known = json.load(sys.stdin)
ids = [f["id"] for f in known["findings"]]
assert len(ids) == len(set(ids)) and all(f["what"] for f in known["findings"])
assert {t["name"] for t in known["thresholds"]} >= {"device-kl", "quantization-kl"}'
