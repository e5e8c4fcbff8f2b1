mlc devices --no-bandwidth | grep -E "^cpu: " | sed -E "s/: .*/: NAME/"
mlc devices --no-bandwidth | grep -c copies || true
