mlc deliver "$GOLDEN/delivery/spec.json" --username u
