# The result of the demo, byte for byte, and what its summary says.
mlc convert_weight "$DATA/kjv-llama" --quantization q4f16_1 -o out
ls -A out
cmp out/tensor-cache.json out/ndarray-cache.json
(cd out && sha256sum tensor-cache.json params_shard_0.bin)
python3 - <<END
import hashlib, json
for shard in json.load(open("out/tensor-cache.json"))["records"]:
    data = open("out/" + shard["dataPath"], "rb").read()
    assert hashlib.md5(data).hexdigest() == shard["md5sum"] and len(data) == shard["nbytes"]
END
