-- Does the ledger have any object whose key begins so? The empty text asks for nothing, and has it.
SELECT $source = '' OR count(*) > 0 AS known
FROM objects
WHERE starts_with(key, $source)
