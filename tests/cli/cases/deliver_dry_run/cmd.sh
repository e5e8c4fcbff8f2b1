mlc deliver "$GOLDEN/delivery/spec.json" --username mlc-ai --log "$GOLDEN/delivery/log_before.json" --dry-run
