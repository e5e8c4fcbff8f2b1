mlc gen_config gpt2 --quantization q0f16
