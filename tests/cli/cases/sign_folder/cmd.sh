mlc sign --new-key k.pem > /dev/null
mkdir model
echo '{}' > model/mlc-chat-config.json
mlc sign model --key k.pem --quiet
cp model/model.sig first.sig
mlc sign model --key k.pem --quiet --json
cmp model/model.sig first.sig # the same files and key, the same bytes
ls -A model
ln -s k.pem model/link
mlc sign model --key k.pem --quiet
