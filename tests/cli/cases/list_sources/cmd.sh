mlc convert_weight --list-sources >list
grep -E '^(source format|huggingface-torch|gguf|GGUF type|Q4_0|IQ1_S) ' list | sed -E 's/ +/ /g'
