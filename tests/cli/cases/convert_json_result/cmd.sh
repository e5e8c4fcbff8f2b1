# One JSON value on stdout, one JSON object per line on stderr.
mlc convert_weight "$DATA/kjv-llama" --quantization q0f16 -o out --threads 2 --json >result 2>events
python3 - <<END
import json
result = json.load(open("result"))
for key in ("model_type", "quantization", "numerics", "method", "param_count", "shard_md5", "written_bytes",
            "bits_per_param", "seconds", "threads", "warnings", "index_files"):
    print(key, result[key] if key != "seconds" else result[key] > 0)
events = [json.loads(line) for line in open("events")]
print(sorted({e["event"] for e in events}))
END
