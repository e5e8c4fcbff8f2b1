# The result says what was written and which rule chose the template.
mlc gen_config "$GOLDEN/gen_config/smollm_135m_instruct/input" --quantization q4f16_1 -o out --json >result 2>events
ls out
python3 - <<END
import json
result = json.load(open("result"))
print({key: result[key] for key in result if key != "config"})
print(result["config"] == json.load(open("out/mlc-chat-config.json")))
print([json.loads(line)["text"] for line in open("events")])
END
