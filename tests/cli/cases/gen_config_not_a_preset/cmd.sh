mlc gen_config gpt3 --quantization q0f16 -o out
