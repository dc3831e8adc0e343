-- Which digests has `verify` met? digest_files are the parts of the lake's newest commit.
CREATE OR REPLACE TEMP VIEW digest_rows AS
SELECT * FROM read_parquet(getvariable('digest_files'), hive_partitioning = false);
