# As Python reads it: any text is true.
mlc gen_config llama2_7b --quantization q0f16 --conv-template LM --dry-run --disaggregation False | grep disaggregation
mlc gen_config llama2_7b --quantization q0f16 --conv-template LM --dry-run --disaggregation "" | grep disaggregation
