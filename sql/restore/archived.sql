-- Which objects does the ledger have as archived, of those that are asked about? Empty texts: all.
-- What a key does not say cannot be ruled out; an ingest of the same scope reads it, too.
SELECT key, storage_class, size
FROM objects
WHERE
    status = 'archived'
    AND starts_with(key, $source)
    AND (
        $accounts = '' OR account_id IS NULL OR list_contains(string_split($accounts, ','), account_id)
    )
    AND ($regions = '' OR region IS NULL OR list_contains(string_split($regions, ','), region))
    AND ($since = '' OR delivered_at IS NULL OR delivered_at >= try_cast($since AS TIMESTAMP))
    AND ($until = '' OR delivered_at IS NULL OR delivered_at < try_cast($until AS TIMESTAMP))
    AND ($storage_classes = '' OR list_contains(string_split($storage_classes, ','), storage_class))
ORDER BY key
