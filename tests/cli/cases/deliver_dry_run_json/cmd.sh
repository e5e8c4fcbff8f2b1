mlc deliver "$GOLDEN/delivery/spec.json" --username mlc-ai --log "$GOLDEN/delivery/log_after.json" --dry-run --json
