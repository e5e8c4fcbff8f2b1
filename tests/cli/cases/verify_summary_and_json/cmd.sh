mlc verify . --summary - --json
