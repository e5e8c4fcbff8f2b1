mlc deliver "$GOLDEN/delivery/spec.json" --username u --output out --sign-key k.pem
