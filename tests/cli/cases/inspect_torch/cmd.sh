cd "$GOLDEN/torch" || exit
mlc inspect u1-bf16-sharded
mlc inspect zip-ints.bin
