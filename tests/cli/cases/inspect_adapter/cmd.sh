python3 - <<'END'
import json, struct
tensors = {"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": [2, 4], "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight": [6, 2]}
header, at = {}, 0
for name, shape in tensors.items():
    size = 4 * shape[0] * shape[1]
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
    at += size
text = json.dumps(header).encode()
open("adapter_model.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + bytes(at))
config = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["up_proj"]}
json.dump(config, open("adapter_config.json", "w"))
END
mlc inspect .
sed -i 's/"r": 2/"r": 2, "use_dora": true/' adapter_config.json
mlc inspect . | head -n 2
