# One JSON value on stdout, one JSON object per line on stderr.
mlc convert_weight "$DATA/kjv-llama" --quantization q0f16 -o out --json >result 2>events
python3 - <<END
import json
print(sorted(json.load(open("result"))))
events = [json.loads(line) for line in open("events")]
print(sorted({e["event"] for e in events}))
END
