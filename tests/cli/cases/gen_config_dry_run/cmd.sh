mlc gen_config gpt2 --quantization q0f16 --dry-run >config.json
ls
python3 -c "import json; c = json.load(open(\"config.json\")); print(c[\"model_type\"], c[\"conv_template\"][\"name\"])"
