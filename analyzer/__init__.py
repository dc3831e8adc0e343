"""tlstrail: who connected to AWS with old TLS, from the CloudTrail archive you already have.

The journey, in reading order:

    layout     what an S3 key says: account, region, delivery time, kind of log
    source     where an archive is, as it was named on the command line
    store      what the journey needs of the place; s3_store and local_store are the two;
               s3_connection is how S3 is reached, s3_errors what its refusals mean,
               s3_retries asking again, s3_pages its listings read fast
    permitted  the store as far as it may be listed
    listing    which log objects exist for these accounts, regions and days, by errands
    shards     the slices of an archive that several runs share
    inventory  S3 Inventory in place of a listing; inventory_files reads its three formats
    checkpoint what a long listing has found so far, should it be interrupted
    plan       minus what the lake has already seen, cut into batches
    batch      what a worker does: the next four, and keeping the rows between two of them
    fetch      the bytes of each object, several at a time
    exports    exports of CloudWatch Logs: one event a line
    decode     bytes into the text of a log: whole, or refused by name
    flatten    texts of logs into one Arrow table of the schema; flatten.c reads the JSON
    copies     no record twice among those read shortly one after the other; copies.c compares
    compiled   how these two reach what is written in C
    write      Arrow tables into Parquet parts by month, not yet visible
    dedupe     no record twice in the lake
    ledger     what became of every object
    lake_place where a lake is, as it was named on the command line
    lake_files what the journey needs of the place; local_lake and s3_lake are the two, and
               lake_filesystem is how DuckDB reads the second
    manifest   the one file that makes parts and ledger rows visible together
    turns      waiting for one's turn to commit, where several write to one lake
    rivals     what others have committed meanwhile
    commit     a written batch becomes part of the lake
    orphans    what no commit names
    replace    what is read together when an object has changed that the lake has records of
    compact    small parts into large ones
    executors  where batches run: here, in processes; worker is what these import
    cluster    where batches run beyond one machine: the workers of a Dask cluster
    views      the lake's views for other clients: a database file, and SQL for any DuckDB
    ingest     all of the above, as one function
    preview    what an ingest would do, how long it takes and what it costs
    restore    what is archived: a manifest for S3 Batch Operations, or the restore asked for
    dialect    queries written for CloudTrail Lake or for Athena, as DuckDB's SQL: their text is
               read in trino_text, tables in trino_tables, functions in trino_calls,
               trino_lambdas and trino_formats
    elsewhere  the lake for Athena, Spark and Trino: tables (engine_tables), and a query that
               stands alone (standalone) in their SQL (engine_sql)
    lake       a committed lake opened in DuckDB
    pruning    a query on the views in AWS's shapes reads only the columns that it names
    queries    where the SQL is: a report is its file in sql/reports
    verdict    what can be said, as a function of the evidence
    audit      the verdict, what it rests on, and the reports that matter most
    timeline   calls by month and TLS version
    summary    the audit on one screen, for a terminal and as Markdown
    charts     the timeline as SVG
    heat_map   the days on which logs were delivered, as a calendar
    exhibit    an answer as a table of the HTML page, with its CSV
    page       the audit as one HTML file
    audit_text the audit in each of its formats
    compare    two periods or two lakes side by side
    compare_text  a comparison in each of its formats
    alarm      what a report is watched for
    report     one report, from what was asked to what is written
    digests    what one of CloudTrail's digests says, and whether its signature holds
    keys       CloudTrail's public keys, asked of AWS once and kept in a file
    verify     every digest and every log file that they list, judged; a worker's part of it
               is digest_reading, what it has found so far digest_tables, and the end verified
    status     what became of every object, and whether the figures add up
    render     an answer as a table, csv, json, ndjson, md or parquet
    wording    numbers as people say them
    progress   what a person sees while it runs
    shell      a line editor on the lake
    own_process  what a process that is all ours does without
    interrupts Ctrl-C is Ctrl-C, wherever it comes
    terminal   stdout is data, stderr is talk
    options    what several commands can be told
    cli        turns errors into one line and an exit code; its commands are in cli_ingest and
               cli_ask, which parse, and nothing else
"""

__version__ = "0.1.0"
