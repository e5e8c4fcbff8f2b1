mlc bench --synthetic snowflake-arctic-embed-m --device cpu
