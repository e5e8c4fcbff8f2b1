mkdir m; mlc sign m
