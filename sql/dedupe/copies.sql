-- Which rows of a new part are copies of near_rows, or of earlier rows of the part?
--
-- seen_ids(event_id) narrows both sides to the ids that stand more than once; a copy has the
-- same value in every column but source_key. The lake's row is kept, else the part's first.
-- JSON stands as it came, so json_columns are compared as DuckDB writes them; half a surrogate
-- pair, which DuckDB does not read, is compared as it stands.
WITH candidates AS (
    SELECT -1 AS position, *
    FROM near_rows
    WHERE event_id IN (FROM seen_ids)
    UNION ALL BY NAME
    SELECT * RENAME (file_row_number AS position)
    FROM read_parquet(
        getvariable('new_part'), hive_partitioning = false, file_row_number = true
    )
    WHERE event_id IN (FROM seen_ids)
),
normalized AS (
    SELECT
        COLUMNS(lambda name: NOT list_contains(getvariable('json_columns'), name)),
        coalesce(
            TRY(json(COLUMNS(getvariable('json_columns')))::VARCHAR),
            COLUMNS(getvariable('json_columns'))
        )
    FROM candidates
),
contents AS (
    SELECT
        position,
        source_key,
        row(*COLUMNS(* EXCLUDE (position, source_key))) AS content
    FROM normalized
)
SELECT position, source_key, kept
FROM (
    SELECT
        position,
        source_key,
        row_number() OVER same AS copy,
        first_value(source_key) OVER same AS kept
    FROM contents
    WINDOW same AS (PARTITION BY content ORDER BY position, source_key)
)
WHERE copy > 1 AND position >= 0
ORDER BY position
