echo '{"device": "webgpu", "model_list": []}' > mlc-package-config.json
mlc package
