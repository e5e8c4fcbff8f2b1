# The first difference from the checkpoint's own template, side by side; files are written nevertheless.
cp -r "$GOLDEN/gen_config/llama3_8b_instruct/input" model
chmod -R u+w model
python3 - <<END
import json
with open("$DATA/chat_templates/llama-3.jinja") as jinja:
    config = {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "chat_template": jinja.read()}
json.dump(config, open("model/tokenizer_config.json", "w"))
END
mlc gen_config model --quantization q4f16_1 -o right
mlc gen_config model --quantization q4f16_1 --conv-template chatml -o wrong
mlc gen_config model --quantization q4f16_1 --conv-template chatml --strict -o strict
