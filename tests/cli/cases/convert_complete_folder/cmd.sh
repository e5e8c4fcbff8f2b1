cp -r "$GOLDEN/convert/input-bf16" model
convert() { mlc convert_weight model --quiet --quantization q4f16_1 -o out "$@" > /dev/null || echo "exit $?"; }
convert
convert
convert --resume
convert --overwrite
ls -A out
