# What a killed conversion and a killed unpack left; pids above the limit of the kernel belong to nobody.
mkdir -p m/.mlc-partial out.tmp-4194304999-0
echo half > m/.mlc-partial/params_shard_0.bin
mkdir out.tmp-99999999-0
echo half > out.tmp-99999999-0/file
mlc gc . --dry-run
mlc gc .
ls -A . m
